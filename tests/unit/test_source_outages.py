"""What `status` says of a source that cannot be read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from storage.reports import Asking
from worker.commands.status import outages

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def later(seconds: int) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_a_source_that_fails_is_tried_again_after_its_rest_else_at_the_next_turn_of_a_list() -> None:
    rows: list[dict[str, Any]] = [{"next_at": None}, {"next_at": later(60)}, {"next_at": later(20)}]
    assert outages.tried_again_at(Asking(failures=1), rows) == later(20)
    assert outages.tried_again_at(Asking(failures=1, paused_until=later(30)), rows) == later(30)
    assert outages.tried_again_at(Asking(failures=3, rests_until=later(90)), rows) == later(90)
    assert outages.tried_again_at(Asking(failures=3, rests_until=later(90), paused_until=later(99)), rows) == later(99)
    assert outages.tried_again_at(Asking(failures=1), rows[:1]) is None
    assert outages.tried_again_at(Asking(), rows) is None
