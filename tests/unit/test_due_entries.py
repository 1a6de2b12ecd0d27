"""Which slot comes next when the interval of a resource changes: pure arithmetic on the clock's side."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from worker import due_entries, rhythms

SECONDS = st.integers(1, 86_400)


@given(
    now=st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)),  # noqa: DTZ001  # hypothesis wants naive bounds
    old=SECONDS,
    new=SECONDS,
    resource=st.text(min_size=1, max_size=8),
)
def test_when_an_interval_changes_the_next_slot_is_to_come_and_leaves_no_gap_longer_than_both(
    now: datetime, old: int, new: int, resource: str
) -> None:
    moment = now.replace(tzinfo=UTC)
    before, after = (rhythms.every(seconds, source="s", resource=resource) for seconds in (old, new))
    last, standing = before.latest(moment), before.next(moment)
    assert last is not None
    next_at = due_entries._next_at(after, [last], standing=standing, now=moment)
    assert next_at is not None
    assert next_at > moment
    assert next_at - last <= timedelta(seconds=max(old, new))
    following = after.next(next_at)
    assert following is not None
    assert timedelta(0) < following - next_at <= timedelta(seconds=new)


@given(seconds=SECONDS, hours=st.integers(1, 1000))
def test_of_many_missed_slots_the_latest_is_opened(seconds: int, hours: int) -> None:
    start = datetime(2026, 11, 22, tzinfo=UTC)
    beat = rhythms.every(seconds, source="s", resource="r")
    entry = due_entries.DueEntry("s", "r", "full", beat, beat.next(start))
    now = start + timedelta(hours=hours)
    latest = entry.latest(now)
    assert latest == (beat.latest(now) if entry.next_at is not None and entry.next_at <= now else None)


def test_the_first_slot_after_a_new_plan_may_be_one_of_the_old_rhythm() -> None:
    start = datetime(2026, 11, 22, tzinfo=UTC)
    beat = rhythms.every(3600, source="s", resource="r")
    latest = beat.latest(start)
    assert latest is not None
    entry = due_entries.DueEntry("s", "r", "full", beat, latest + timedelta(seconds=7))
    assert entry.latest(latest + timedelta(seconds=6)) is None
    assert entry.latest(latest + timedelta(seconds=8)) == latest + timedelta(seconds=7)
