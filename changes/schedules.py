"""Reads times ("30s", "6h") and schedules (a time, a cron line, "auto" or "off", and how often heads are scanned), and
decides which one a resource has.

Called by the settings and the catalogue to check them, and by the clock to follow them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache

from changes.resources import Resource

_TIME = re.compile(r"([0-9]{1,9})([smhdw])")
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604_800}
#: Stands between the two parts of a schedule.
HEAD = ", head "
_GLOB = re.compile(r"[*?\[]")

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


@dataclass(frozen=True, slots=True)
class Every:
    """At a steady interval."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Cron:
    """At the moments of a cron line, in UTC."""

    #: Minute, hour, day of month, month (numbers), weekday (names, since tools differ on whether 0 is Sunday).
    line: str


@dataclass(frozen=True, slots=True)
class Off:
    """Only when asked for."""


@dataclass(frozen=True, slots=True)
class Auto:
    """As the plan chooses."""


Schedule = Every | Cron | Off | Auto


@dataclass(frozen=True, slots=True)
class Timing:
    """When a resource is looked at: as a whole, and its newest records."""

    full: Schedule
    head: Every | Auto | None = None  #: None: no head scans


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    first: int
    last: int
    words: tuple[str, ...] = ()  #: names of the values, from `first` on


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("weekday", 0, 7, (*_WEEKDAYS, "sun")),
)
_PART = re.compile(r"(?:\*|(\w+)(?:-(\w+))?)(?:/([0-9]{1,2}))?")


def seconds(text: str) -> int:
    """`"5m"` -> 300; `ValueError` says what is allowed."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise ValueError(
            f'{text!r} is not a time: write a whole number and s, m, h, d or w, as in "30s", "5m", "6h", "1d", "1w"'
        )
    return int(match[1]) * _UNIT_SECONDS[match[2]]


@lru_cache(maxsize=1_000)  # thousands of resources share a few
def timing(text: str) -> Timing:
    """A schedule with what it says of head scans: "auto", "5m", "4h, head 30s"; `ValueError` says what is allowed."""
    full_text, has_head, head_text = text.partition(HEAD)
    full = _full(full_text)
    if not has_head:
        return Timing(full, Auto() if isinstance(full, Auto) else None)
    head = _full(head_text)
    if isinstance(head, Cron):
        raise ValueError(f'{head_text!r} is not a head interval: write a time ("30s", "5m"), "auto" or "off"')  # noqa: TRY004
    if isinstance(full, Off) and not isinstance(head, Off):
        message = "head scans alone find no update and no deletion"
        raise ValueError(f'{message}: write a time for full, such as "4h", too')  # noqa: TRY004
    return Timing(full, None if isinstance(head, Off) else head)


def in_words(full: str, head: str | None) -> str:
    """The schedule as `timing` reads it, of its two parts."""
    return full if head is None else f"{full}{HEAD}{head}"


def parse(text: str) -> Schedule:
    """When the whole list is scanned, as it stands in the configuration; `ValueError` says what is allowed."""
    return timing(text).full


def _full(text: str) -> Schedule:
    words = text.split()
    if words == ["off"]:
        return Off()
    if words == ["auto"]:
        return Auto()
    if len(words) == len(_FIELDS):
        return Cron(_cron(text, words))
    if len(words) == 1 and _TIME.fullmatch(words[0]):
        every = seconds(words[0])
        if every == 0:
            raise ValueError(f'{text!r} is not a schedule: the shortest is "1s", and "off" means never')
        return Every(every)
    raise ValueError(
        f'{text!r} is not a schedule: write a time ("30s", "5m", "6h", "1d", "1w"), '
        'a cron line of five fields ("*/15 8-18 * * mon-fri"), "auto" or "off"'
    )


def _cron(text: str, words: list[str]) -> str:
    """The line with its values checked, months by number and weekdays by name."""
    fields = []
    for field, word in zip(_FIELDS, words, strict=True):
        try:
            values = sorted({value for part in word.lower().split(",") for value in _values(field, part)})
        except ValueError as error:
            raise ValueError(f"{text!r} is not a cron line: {error}") from None
        if field.name == "weekday" and word != "*":
            fields.append(",".join(dict.fromkeys(_WEEKDAYS[value % 7] for value in values)))
        elif any(letter.isalpha() for letter in word):
            fields.append(",".join(str(value) for value in values))
        else:
            fields.append(word.lower())
    return " ".join(fields)


def _values(field: _Field, part: str) -> Iterator[int]:
    match = _PART.fullmatch(part)
    if match is None:
        raise ValueError(f"{part!r} is no {field.name}")
    if match[1] is None:
        first, last = field.first, field.last
    else:
        first = _value(field, match[1])
        last = _value(field, match[2]) if match[2] else field.last if match[3] else first
    step = int(match[3] or 1)
    if first > last or step == 0:
        raise ValueError(f"{part!r} is no range of {field.name}s")
    return iter(range(first, last + 1, step))


def _value(field: _Field, word: str) -> int:
    if word in field.words:
        return field.first + field.words.index(word)
    if word.isascii() and word.isdigit() and field.first <= int(word) <= field.last:
        return int(word)
    raise ValueError(f"{word!r} is no {field.name} ({field.first} to {field.last})")


def resolve(resource: Resource, table: Mapping[str, str]) -> str:
    """The schedule of a resource: the table's exact name, its longest glob that fits, its `default`, the catalogue's.

    `default` does not switch on what the catalogue has off: those are too expensive to be scanned unasked.
    """
    if resource.name in table:
        return table[resource.name]
    globs = [name for name in table if _GLOB.search(name) and fnmatchcase(resource.name, name)]
    if globs:
        return table[max(globs, key=len)]
    if "default" in table and parse(resource.schedule) != Off():
        return table["default"]
    return resource.schedule
