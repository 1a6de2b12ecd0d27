"""Values as the product writes them: JSON with exact numbers, times in UTC, lengths of time.

Called by the commands for `--json` and for people, and by the pages, which answer programs with the same JSON.
"""

from __future__ import annotations

import json
import re
import uuid
from datetime import UTC, datetime
from decimal import Decimal


def dumps(value: object, *, indent: int | None = None) -> str:
    """JSON: times in UTC with Z, integers of any size, fractions digit by digit."""
    marked = _Marked()
    text = json.dumps(value, default=marked.jsonable, ensure_ascii=False, indent=indent)
    return re.sub(f'"{marked.mark}([^"]*)"', r"\1", text) if marked.is_used else text


class _Marked:
    """Python's writer knows no exact fractions: each goes in as a text with a mark that is in no other text."""

    def __init__(self) -> None:
        self.mark = f"{uuid.uuid4().hex}:"
        self.is_used = False

    def jsonable(self, value: object) -> object:
        if isinstance(value, Decimal):
            self.is_used = True
            return self.mark + format(value, "f")
        return _jsonable(value)


def _jsonable(value: object) -> object:
    if isinstance(value, datetime):
        return stamp(value)
    if isinstance(value, (tuple, set, frozenset)):
        return list(value)
    raise TypeError(f"{type(value).__name__} is not for JSON")


def stamp(at: datetime) -> str:
    """`2026-11-22T00:00:00Z`, with as many digits of the second as there are."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def lasting(seconds: float | None) -> str:
    """A length of time, to its two greatest units: `45 s`, `3 min 20 s`, `2 h 5 min`, `4 d 1 h`."""
    if seconds is None:
        return "-"
    rest, parts = max(0, round(seconds)), []
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"
