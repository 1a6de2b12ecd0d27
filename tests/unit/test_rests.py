"""A rest is over when its seconds have passed, and never began for what was not named."""

from __future__ import annotations

from tasks.rests import Rests


def test_a_rest_is_over_when_its_seconds_have_passed() -> None:
    seconds = 100.0
    rests = Rests(lambda: seconds)
    assert rests.is_over("sweep")
    rests.begin("sweep", 60)
    seconds = 159.9
    assert not rests.is_over("sweep")
    assert rests.is_over("verify")
    seconds = 160
    assert rests.is_over("sweep")


def test_a_later_rest_takes_the_place_of_the_one_before() -> None:
    rests = Rests(lambda: 0.0)
    rests.begin("promises", 30)
    rests.begin("promises", 0)
    assert rests.is_over("promises")
