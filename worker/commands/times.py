"""Moments and lengths of time as people write them on a command line; used by the commands that take them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from worker.problems import UsageError


def now() -> datetime:
    """This moment; not that of tasks/services, whose import takes as long as a reading command may."""
    return datetime.now(UTC)


def moment(text: str, *, option: str, now: datetime) -> datetime:
    """`2026-11-22`, `2026-11-22T10:00`, with Z or an offset (UTC without), or `2h` for two hours ago."""
    from changes import schedules

    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        try:
            return now - timedelta(seconds=schedules.seconds(text.strip()))
        except (ValueError, OverflowError):
            raise UsageError(
                f'{option} "{text}" is no time', "write 2026-11-22, 2026-11-22T10:00:00Z, or 2h for two hours ago"
            ) from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def length(text: str, *, option: str) -> float:
    """`30s`, `5m`, `6h`, `1d` in seconds."""
    from changes import schedules

    try:
        return float(schedules.seconds(text.strip()))
    except ValueError:
        raise UsageError(f'{option} "{text}" is no length of time', "write 30s, 5m, 6h or 1d") from None
