"""What the overview lists as waiting for a person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from web.pages import waits

SINCE = datetime(2026, 11, 29, 22, 12, 26, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "when"),
    [
        (0, "Found at 2026-11-29 22:12:26Z."),
        (1, "Found at 2026-11-29 23:12:26Z; found altered since 2026-11-29 22:12:26Z."),
    ],
)
def test_an_altered_record_tells_what_the_last_look_found_and_since_when_looks_find_it_altered(
    hours: int, when: str
) -> None:
    verification = {"ok": False, "ended_at": SINCE + timedelta(hours=hours), "altered_since": SINCE, "what": "change 2"}
    status: dict[str, Any] = {"sources": [], "resources": [], "points": [], "summary": {"problems": []}}
    (found,) = waits.of({**status, "verification": verification}, held_keys={})
    assert (found.text, found.is_grave) == (f"change 2. {when}", True)
