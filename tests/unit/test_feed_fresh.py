"""Who waits is woken by what may be for him, and by everything where nobody knows what it is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pytest

from storage.feed import About
from storage.session import Session
from web.feed import fresh
from web.feed.fresh import Fresh

NOBODY_S = cast("Session", None)


class Log:
    """What there is of each number, from 1 on, and the ranges that were asked for."""

    def __init__(self) -> None:
        self.resources: list[str] = []
        self.asked: list[tuple[int, int]] = []
        self.fresh = Fresh()

    def add(self, *resources: str) -> None:
        self.resources += resources

    def look(self) -> None:
        self.fresh.note(NOBODY_S, len(self.resources))

    def about(self, _: Session, *, after: int, until: int) -> frozenset[About]:
        self.asked.append((after, until))
        return frozenset(About("shop", each, "updated") for each in self.resources[after:until])

    def concerns(self, after: int, names: Sequence[str]) -> bool:
        return self.fresh.concerns(after, lambda about: about.resource in names)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    made = Log()
    monkeypatch.setattr("web.feed.fresh.feed.about", made.about)
    return made


def test_what_is_for_others_wakes_nobody(log: Log) -> None:
    log.add("things")
    log.look()
    log.add("parts", "parts")
    log.look()
    assert not log.concerns(1, ["things"])
    assert log.concerns(1, ["parts"])
    log.add("things")
    log.look()
    assert log.concerns(1, ["things"])
    assert log.concerns(3, ["things"])
    assert not log.concerns(4, ["things"])


def test_what_came_before_the_first_look_may_be_anything(log: Log) -> None:
    log.add("parts", "parts")
    log.look()
    assert log.concerns(1, ["things"])
    assert not log.concerns(2, ["things"])


def test_what_was_forgotten_may_be_anything(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fresh, "_LOOKS", 3)
    for _ in range(5):
        log.add("parts")
        log.look()
    assert log.concerns(1, ["things"])
    assert not log.concerns(2, ["things"])


def test_much_at_once_is_not_read_and_may_be_anything(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fresh, "_MOST", 2)
    log.look()
    log.add("parts", "parts", "parts")
    log.look()
    assert log.asked == []
    assert log.concerns(0, ["things"])
    assert not log.concerns(3, ["things"])


def test_after_a_log_that_is_shorter_everything_is_forgotten(log: Log) -> None:
    log.look()
    log.add("parts", "parts", "parts")
    log.look()
    del log.resources[1:]
    log.look()
    assert log.concerns(0, ["things"])
    assert not log.concerns(1, ["things"])
