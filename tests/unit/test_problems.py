"""The word that was probably meant."""

from __future__ import annotations

from changes.problems import did_you_mean


def test_a_word_that_two_things_have_is_offered_once() -> None:
    assert did_you_mean("NOPE", ["RISK", "AUDIT", "AUDIT", "CRM"]) == "there is: AUDIT, CRM, RISK"


def test_a_word_that_is_near_is_offered_alone() -> None:
    assert did_you_mean("ADIT", ["RISK", "AUDIT"]) == 'did you mean "AUDIT"?'
