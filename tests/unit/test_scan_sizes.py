"""What a full scan is expected to cost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from storage.scan_costs import Last, Usual
from storage.scans import ResourceState
from tasks.cadence.recorded import Recorded
from tasks.cadence.scan_sizes import ScanSizes
from upstream import catalogue

AT = datetime(2026, 11, 1, tzinfo=UTC)
CATALOGUE = catalogue.load("backoffice")
PLACE = ("backoffice", "products")


def requests(last: int, *, ended_at: datetime, scans: int = 1) -> float:
    state = ResourceState(baseline_at=AT, last_complete_at=ended_at)
    of_list = {"products": Usual(scans, last, 1.0)}
    recorded = Recorded(
        AT - timedelta(days=1),
        stored={},
        states={PLACE: state},
        usual={"backoffice": of_list},
        last={"backoffice": {"products": Last(last, 250, 1.0)}},
        rows=dict.fromkeys((("backoffice", name) for name in CATALOGUE.resources), 0),
        changes={},
    )
    return ScanSizes(recorded, "backoffice", CATALOGUE, page_size=100).requests(CATALOGUE.resources["products"])


@pytest.mark.parametrize(("asked", "expected"), [(12, 4), (2, 2)])
def test_a_first_scan_may_have_asked_more_than_the_next_ones_will(asked: int, expected: int) -> None:
    assert requests(asked, ended_at=AT) == expected


@pytest.mark.parametrize("scans", [2, 9])
def test_a_later_one_says_what_the_next_will_ask(scans: int) -> None:
    assert requests(12, ended_at=AT + timedelta(minutes=5), scans=scans) == 12
