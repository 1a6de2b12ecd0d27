"""Which points `points list` shows and what of them, for own ones and for those of a platform."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from changes import point_entities, written
from worker import output
from worker.problems import UsageError, did_you_mean


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was said on the command line."""

    filters: tuple[tuple[str, str], ...] = ()  #: field and value
    mask: tuple[str, ...] = ()  #: fields to show; none: all
    order: tuple[tuple[str, bool], ...] = ()  #: field, and whether it is descending
    limit: int | None = None
    offset: int = 0


def read(*, filters: Sequence[str], mask: str | None, order: str | None, limit: int | None, offset: int) -> Wanted:
    """`type=public`; `code,opts.title`; `type,-code`. `tokenlocal`, as a platform's queries have it, is a field too."""
    pairs = []
    for each in filters:
        field, mark, value = each.partition("=")
        if not mark:
            raise UsageError(f'--filter "{each}": there is no = in it', "write FIELD=VALUE, such as type=public")
        pairs.append((_spelt(field), value))
    named = [part.strip() for part in (order or "").split(",") if part.strip()]
    return Wanted(
        tuple(pairs),
        tuple(_spelt(part) for part in (mask or "").split(",") if part.strip()),
        tuple((_spelt(part.removeprefix("-")), part.startswith("-")) for part in named),
        limit,
        offset,
    )


def chosen(points: Iterable[Mapping[str, Any]], wanted: Wanted) -> list[dict[str, Any]]:
    """Those that fit, in their order and as the mask wants them; values of filters may be globs."""
    found = [dict(point) for point in points]
    known = sorted({name for point in found for name in flat(point)})
    for field in (*(field for field, _ in wanted.filters), *wanted.mask, *(field for field, _ in wanted.order)):
        if found and field not in known:
            raise UsageError(f'points have no field "{field}"', did_you_mean(field, known))
    for field, value in wanted.filters:
        texts = [_text(flat(point).get(field)) for point in found]
        is_exact = value in texts  # a code that can be read as a glob is meant as it is written
        found = [
            point
            for point, text in zip(found, texts, strict=True)
            if (text == value if is_exact else fnmatchcase(text, value))
        ]
    for field, is_descending in reversed(wanted.order):
        found.sort(key=lambda point: _text(flat(point).get(field)), reverse=is_descending)
    end = None if wanted.limit is None else wanted.offset + wanted.limit
    return [masked(point, wanted.mask) if wanted.mask else point for point in found[wanted.offset : end]]


def flat(point: Mapping[str, Any]) -> dict[str, Any]:
    """With the members of `opts`, `ext` and `options` as fields: `opts.title`."""
    fields: dict[str, Any] = {}
    for name, value in point.items():
        fields[name] = value
        if isinstance(value, dict):
            fields |= {f"{name}.{inner}": each for inner, each in value.items()}
    return fields


def masked(point: Mapping[str, Any], mask: Sequence[str]) -> dict[str, Any]:
    """Only these fields, flat."""
    fields = flat(point)
    return {name: fields.get(name) for name in mask}


def print_masked(points: Sequence[Mapping[str, Any]], mask: Sequence[str]) -> None:
    """A column for each field."""
    output.table(mask, ([_text(point.get(name)) or "-" for name in mask] for point in points))


def _spelt(field: str) -> str:
    word = field.strip()
    return point_entities.SPELT.get(word, word)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else written.dumps(value).strip('"')
