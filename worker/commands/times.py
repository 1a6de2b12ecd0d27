"""Moments and lengths of time as people write them on a command line; used by the commands that take them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

from worker.problems import UsageError

#: What `--help` says of a TIME.
FORMS = "2026-11-22, 2026-11-22T10:00, 10:00, yesterday, monday, 2h ago"
_HINT = "write 2026-11-22, 2026-11-22T10:00:00Z, 10:00, today, yesterday, monday, or 2h, 3d, 1w, 6mo for so long ago"

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?")
_MONTHS = re.compile(r"([0-9]{1,4})(mo|y)")
_MONTHS_IN = {"mo": 1, "y": 12}


def now() -> datetime:
    """This moment; not that of tasks/services, whose import takes as long as a reading command may."""
    return datetime.now(UTC)


def here() -> tzinfo:
    """The zone of this machine, or of `TZ`, with its changes between summer and winter."""
    import os
    from pathlib import Path
    from zoneinfo import ZoneInfo

    name = os.environ.get("TZ", "").lstrip(":")
    try:
        if name:
            return ZoneInfo(name)
        with Path("/etc/localtime").open("rb") as file:
            return ZoneInfo.from_file(file, key="localtime")
    except (OSError, ValueError, LookupError):  # no zone database: the offset of this moment is all that is known
        return datetime.now().astimezone().tzinfo or UTC


def moment(text: str, *, option: str, now: datetime, zone: tzinfo = UTC) -> datetime:
    """`2026-11-22`, `2026-11-22T10:00` (in `zone` where it has no offset), `yesterday`, `monday`, or `2h` for 2 h ago.

    A day is its midnight; a weekday is the last one, today included; `10:00` is the last one. The result is in UTC.
    """
    words = text.strip().lower().removesuffix(" ago").strip()
    try:
        at = _named(words, now.astimezone(zone)) or _ago(words, now)
        at = datetime.fromisoformat(text.strip()) if at is None else at
        return (at.replace(tzinfo=zone) if at.tzinfo is None else at).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(f'{option} "{text}" is no time', _HINT) from None


def past_moment(text: str, *, option: str, now: datetime, zone: tzinfo = UTC) -> datetime:
    """The same where nothing can be known of the future."""
    from worker import output

    at = moment(text, option=option, now=now, zone=zone)
    if at > now:
        raise UsageError(f'{option} "{text}" is in the future', f"now is {output.moment(now)}")
    return at


def _named(word: str, now: datetime) -> datetime | None:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if word in ("now", "today", "yesterday"):
        return {"now": now, "today": midnight, "yesterday": midnight - timedelta(days=1)}[word]
    for number, name in enumerate(_WEEKDAYS):
        if len(word) >= 3 and name.startswith(word):
            return midnight - timedelta(days=(now.weekday() - number) % 7)
    clock = _CLOCK.fullmatch(word)
    if clock is not None:
        hour, minute, second = (int(part or 0) for part in clock.groups())
        today = midnight.replace(hour=hour, minute=minute, second=second, fold=0)
        # Where the clock is turned back, an hour comes twice; where it is turned on, one does not come at all.
        was = [at for at in (today.replace(fold=1), today, today - timedelta(days=1)) if _is_past(at, now)]
        return was[0] if was else None
    return None


def _is_past(at: datetime, now: datetime) -> bool:
    """Whether the clock has shown it."""
    utc = at.astimezone(UTC)
    return utc <= now.astimezone(UTC) and utc.astimezone(at.tzinfo).replace(tzinfo=None) == at.replace(tzinfo=None)


def _ago(word: str, now: datetime) -> datetime | None:
    """None where it is no length of time."""
    from changes import schedules

    months = _MONTHS.fullmatch(word)
    if months is not None:
        return _months_before(now, int(months[1]) * _MONTHS_IN[months[2]])
    try:
        return now - timedelta(seconds=schedules.seconds(word)) if word[:1].isdigit() and word[-1:].isalpha() else None
    except ValueError:
        return None


def _months_before(at: datetime, months: int) -> datetime:
    """The same day of that month, or its last day."""
    import calendar

    year, month = divmod(at.year * 12 + at.month - 1 - months, 12)
    last_day = calendar.monthrange(year, month + 1)[1]
    return at.replace(year=year, month=month + 1, day=min(at.day, last_day))


def length(text: str, *, option: str) -> float:
    """`30s`, `5m`, `6h`, `1d`, `1w` in seconds."""
    from changes import schedules

    try:
        return float(schedules.seconds(text.strip()))
    except ValueError:
        raise UsageError(f'{option} "{text}" is no length of time', "write 30s, 5m, 6h, 1d or 1w") from None
