"""How the page begins and ends a sentence that commands have made."""

from __future__ import annotations

from web import formats


def test_a_sentence_begins_with_a_capital_and_a_key_stays_as_it_is_written() -> None:
    assert formats.capital("give it a longer promise") == "Give it a longer promise"
    assert formats.capital("wait.") == "Wait."
    for key in ("budget.share = 0.31, which is more", 'budget.promise.set-up = "10m"', 'schedule.tags = "5m"'):
        assert formats.capital(key) == key


def test_a_sentence_ends_with_one_stop() -> None:
    assert formats.stopped("the plan cannot keep it") == "the plan cannot keep it."
    assert formats.stopped("phones, …") == "phones, …"
    assert formats.stopped("It is down.") == "It is down."
