"""What a record came to between two moments: its net difference, whatever happened on the way; called by `diff`.

Where the log cannot say on which side of a moment a change came, each possibility is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as member
from typing import NamedTuple

from changes import diff, fields, stored_secrets, versions
from changes.fields import Field
from changes.moments import At
from changes.records import Json, Kind
from changes.resources import Resource
from changes.versions import ABSENT, Missing, Version


class Difference(NamedTuple):
    """What differs; `created`, `updated`, `deleted`, or `restored` for what had been there before the first moment."""

    kind: Kind
    fields: tuple[Field, ...]
    is_retired: bool = False  #: deleted since it is not read any more


@dataclass(frozen=True, slots=True)
class Net:
    """What is told of one record."""

    #: By what had been seen at the two moments; None: nothing differs.
    seen: Difference | None
    #: What it may be as well, since a change was not seen before the moment had passed.
    others: tuple[Difference | None, ...] = ()
    #: Its first sight lies between the moments: it is compared from there, and nobody knows what was before.
    is_first_seen: bool = False
    #: Between which versions `seen`, and then each of the others, is what differs; 0: before the first one.
    spans: tuple[tuple[tuple[int, int], ...], ...] = member(default=(), compare=False)

    @property
    def is_uncertain(self) -> bool:
        return bool(self.others)

    @property
    def told(self) -> Difference | None:
        """The difference to speak of: the one that was seen, else one that may be."""
        return self.seen or next((each for each in self.others if each is not None), None)


def of_record(resource: Resource, *, start: At, end: At, first: Version | None = None, field: str | None = None) -> Net:
    """`first`: the first change seen between the moments. `field`: only what is at this pointer or below it."""
    starts: tuple[Version | None, ...] = start.possible
    is_first_seen = is_first_sight(start, first)
    if is_first_seen:
        starts = (first,)
    found: list[Difference | None] = []
    spans: list[tuple[tuple[int, int], ...]] = []
    for before in starts:
        for after in end.possible:
            span = (_number(before), _number(after))
            if span[0] > span[1]:  # else one change would be undone and the other not
                continue
            difference = between(resource, before, after, field=field)
            if difference in found:
                spans[found.index(difference)] += (span,)
            else:
                found.append(difference)
                spans.append((span,))
    if not found:
        found.append(None)
    return Net(found[0], tuple(found[1:]), is_first_seen, tuple(spans))


def is_first_sight(start: At, first: Version | None) -> bool:
    """Whether the record was seen by a first scan between the moments, and is not known to have been there before."""
    was_there = start.seen is not None and start.seen.is_living
    return first is not None and first.kind is Kind.SNAPSHOT and not was_there


def between(
    resource: Resource, before: Version | None, after: Version | None, *, field: str | None = None
) -> Difference | None:
    """What differs between two versions of a record; None is the record before it was there."""
    if _number(before) == _number(after):
        return None
    old, new = (ABSENT if version is None else version.content for version in (before, after))
    if old is ABSENT and new is ABSENT:
        return None
    if isinstance(old, Missing) or isinstance(new, Missing):
        found = [Field("", *(stored_secrets.without_open(resource, each) for each in (old, new)))]
    else:
        found = _updated(resource, old, new)
    if field is not None:
        found = list(fields.within(found, field))
    if not found:
        return None
    if old is ABSENT:
        return Difference(Kind.CREATED if before is None else Kind.RESTORED, tuple(found))
    if new is ABSENT:
        return Difference(Kind.DELETED, tuple(found), is_retired=after is not None and after.is_retired)
    return Difference(Kind.UPDATED, tuple(found))


def _updated(resource: Resource, before: Json, after: Json) -> list[Field]:
    """As a scan would tell it of the two, whatever the catalogue said when they were stored."""
    old, new = (stored_secrets.without_open(resource, each, beside=(before, after)) for each in (before, after))
    changed, previous = diff.differences(old, new, volatile=resource.volatile, unordered=resource.unordered)
    found = [Field(pointer, previous.get(pointer, ABSENT), versions.value(new, pointer)) for pointer in changed]
    return [each for each in found if not stored_secrets.was_unsealed(resource, each.pointer, each.old, each.new)]


def _number(version: Version | None) -> int:
    return 0 if version is None else version.number
