"""When a scan whose requests are spread is ahead of its pace."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from changes.records import Id
from tasks.scan.pacing import AT_A_TIME, Pace
from tasks.scan.position import Position
from upstream.paging import Walk

START = datetime(2026, 11, 22, tzinfo=UTC)
BETWEEN = Position()


def pace(*, pages: int, gone_seconds: float, requests: float = 200, seconds: float = 1000) -> Pace:
    now = START + timedelta(seconds=gone_seconds)
    services = SimpleNamespace(now=lambda: now)
    lease: Any = SimpleNamespace(pages=pages, scope=SimpleNamespace(services=services, started_at=START))
    return Pace(lease, requests=requests, until=START + timedelta(seconds=seconds))


def sent(made: Pace, position: Position = BETWEEN) -> int:
    """Requests until it is ahead."""
    number = 0
    while not made.is_ahead(position) and number < 1000:
        number += 1
    return number


def test_it_sends_some_and_is_ahead_then() -> None:
    assert sent(pace(pages=0, gone_seconds=0)) == AT_A_TIME
    assert sent(pace(pages=20, gone_seconds=100)) == AT_A_TIME


def test_one_that_is_behind_makes_up_for_it() -> None:
    assert sent(pace(pages=20, gone_seconds=500)) == 80 + AT_A_TIME


def test_a_pause_is_never_shorter_than_housekeeping_would_notice() -> None:
    assert sent(pace(pages=0, gone_seconds=0, requests=2000)) == 40  # 20 seconds of 1,000


def test_one_that_takes_more_requests_than_were_reckoned_with_goes_on_to_its_end() -> None:
    assert sent(pace(pages=200, gone_seconds=0)) == 1000


def test_within_the_list_of_one_parent_it_goes_on() -> None:
    within = Position(parent=Id("", "7"), done_parent=Id("", "6"), walk=Walk(asks=1))
    made = pace(pages=0, gone_seconds=0)
    for _ in range(AT_A_TIME):
        assert not made.is_ahead(within)
    assert not made.is_ahead(within)
    within.done_parent = Id("", "7")
    assert made.is_ahead(within)
