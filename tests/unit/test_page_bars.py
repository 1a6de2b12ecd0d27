"""The bar beside a resource: how much of its promise is used up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from web.pages import charts

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def row(**ages: float) -> dict[str, Any]:
    promises = {"created": 600.0, "updated": 14_400.0, "deleted": 14_400.0}
    until = {which: NOW - timedelta(seconds=age) for which, age in ages.items()}
    return {"promises": promises, "observed": ages, "seen_until": until}


def test_the_promise_that_is_nearest_to_its_end_fills_the_bar() -> None:
    late = charts.bar(row(created=660.0, updated=660.0, deleted=660.0))
    assert 'class="bar over" max=100 value=100' in late
    assert 'data-since="2026-11-23T11:49:00Z" data-promised=600.0' in late
    assert 'class="bar" max=100 value=50' in charts.bar(row(created=6.0, updated=7200.0, deleted=7200.0))


def test_what_was_never_read_whole_has_no_bar() -> None:
    assert charts.bar(row()) == ""
