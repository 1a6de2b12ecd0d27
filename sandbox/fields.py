"""Makes believable values from a seeded random; used by the endpoints, one maker per field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from sandbox import words

Json = Any


@dataclass(slots=True)
class Draw:
    """What a maker may look at: which row it is for, of how many, under which parents."""

    random: Random
    number: int  #: 1, 2, ... inside its list
    parents: tuple[str, ...]  #: keys, from the outermost
    count: int  #: rows that the list is seeded with
    sizes: Mapping[str, int]  #: path of a flat list -> rows that it is seeded with
    roll: Callable[[], float]  #: `random.random`, which is asked very often


Make = Callable[[Draw], Json]

#: Seeded stamps lie in this span, ascending with the row's number; some neighbours share one, as in life.
EPOCH = datetime(2021, 1, 4, 8, 0, tzinfo=UTC)
SPAN_SECONDS = 4 * 365 * 86400


def stamp(at: datetime) -> str:
    """As the Back Office writes times: ISO 8601 with an offset, no fraction."""
    return at.isoformat(timespec="seconds")


def id_of(number: int) -> int:
    """The id of the nth seeded row; multiples of ten are left out, like rows deleted long ago."""
    return number + (number - 1) // 9


def serial(draw: Draw) -> int:
    return id_of(draw.number)


def create_time(draw: Draw) -> str:
    place = draw.number - (draw.number % 7 == 0)  # every seventh row shares the stamp of the one before
    return stamp(EPOCH + timedelta(seconds=place * SPAN_SECONDS // (draw.count + 1)))


def later_time(draw: Draw) -> str:
    return stamp(EPOCH + timedelta(seconds=draw.random.randrange(SPAN_SECONDS)))


def maybe(make: Make, share: float = 0.6) -> Make:
    return lambda draw: make(draw) if draw.roll() < share else None


def always(value: Json) -> Make:
    return lambda _: value


def one_of(*values: Json) -> Make:
    size = len(values)
    return lambda draw: values[int(draw.roll() * size)]


def some_of(*values: Json) -> Make:
    size = len(values)
    return lambda draw: list(values[: 1 + int(draw.roll() * size)])


def by_number(values: tuple[Json, ...] | list[Json]) -> Make:
    return lambda draw: values[(draw.number - 1) % len(values)]


def numbered(text: str) -> Make:
    """`numbered("TAG-{}")` gives TAG-1, TAG-2, ..."""
    return lambda draw: text.format(draw.number)


def number(low: int, high: int) -> Make:
    return lambda draw: low + int(draw.roll() * (high - low + 1))


def decimal(low: int, high: int, digits: int = 2) -> Make:
    return lambda draw: f"{low + draw.roll() * (high - low):.{digits}f}"


def row_of(path: str) -> Make:
    """The id of a seeded row of another list."""
    return lambda draw: id_of(1 + int(draw.roll() * max(1, draw.sizes.get(path, 1))))


def object_of(**members: Make) -> Make:
    return lambda draw: {name: make(draw) for name, make in members.items()}


def list_of(make: Make, most: int) -> Make:
    return lambda draw: [make(draw) for _ in range(int(draw.roll() * (most + 1)))]


flag = one_of(True, True, False)
bit = one_of(1, 1, 0)


def ip(draw: Draw) -> str:
    return ".".join(str(1 + int(draw.roll() * 253)) for _ in range(4))


def hexadecimal(digits: int) -> Make:
    return lambda draw: f"{draw.random.getrandbits(digits * 4):0{digits}x}"


def first_name(draw: Draw) -> str:
    return words.FIRST_NAMES[int(draw.roll() * len(words.FIRST_NAMES))]


def last_name(draw: Draw) -> str:
    return words.LAST_NAMES[int(draw.roll() * len(words.LAST_NAMES))]


def full_name(draw: Draw) -> str:
    return f"{first_name(draw)} {last_name(draw)}"


def email(draw: Draw) -> str:
    return f"{first_name(draw)}.{last_name(draw)}{draw.number}@example.com".lower().replace(" ", "")


def phone(draw: Draw) -> str:
    return f"+99555{draw.random.randrange(10**7):07}"


_PHRASES = tuple(f"{one} {two}" for one in words.ADJECTIVES for two in words.NOUNS)
_SLUGS = tuple(one.lower().replace(" ", "_") for one in _PHRASES)


def phrase(draw: Draw) -> str:
    return _PHRASES[int(draw.roll() * len(_PHRASES))]


def sentence(draw: Draw) -> str:
    return f"{phrase(draw)} for {phrase(draw).lower()}, see {phrase(draw).lower()}."


def slug(draw: Draw) -> str:
    return f"{_SLUGS[int(draw.roll() * len(_SLUGS))]}_{draw.number}"


def link(draw: Draw) -> str:
    return f"https://docs.example.com/{slug(draw)}"


_RESOURCES = tuple(
    [{"key": "caption", "locale": locale, "value": f"{one} ({locale[:2]})"} for locale in ("en_US", "ja_JP", "ru_RU")]
    for one in _PHRASES
)


def resources(draw: Draw) -> list[Json]:
    """Localised strings, as the documents show them."""
    return _RESOURCES[int(draw.roll() * len(_RESOURCES))]
