"""Finds what differs: the records that the log has between the two moments, and of each the versions that matter.

A few records are in memory at a time, however many there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from typing import TYPE_CHECKING, NamedTuple

from changes import fields, moments, net
from changes.fields import Field
from changes.moments import At
from changes.net import Net
from changes.records import Id, Json, Kind
from changes.versions import Version
from storage import history, touched
from storage import versions as stored
from storage.touched import Touched
from worker.commands.diff.asked import Asked

if TYPE_CHECKING:
    from changes.resources import Resource
    from storage.session import Session

_AT_A_TIME = 200


class Step(NamedTuple):
    """One change on the way."""

    version: Version
    fields: tuple[Field, ...]
    is_uncertain: bool  #: it was seen between the moments or behind them, and may have come on the other side of one


@dataclass(frozen=True, slots=True)
class Found:
    """A record of which there is something to tell."""

    source: str
    resource: Resource
    id: Id
    start: At
    end: At
    net: Net
    steps: tuple[Step, ...] = ()

    @property
    def is_differing(self) -> bool:
        """Whether it differs, or may, or did on the way; that it was seen first is no difference."""
        return self.net.told is not None or any(each.version.kind is not Kind.SNAPSHOT for each in self.steps)


class _Span(NamedTuple):
    """What a record was at both moments."""

    touched: Touched
    start: At
    end: At
    first: Version | None  #: the first change that was seen in between


def found(session: Session, asked: Asked) -> Iterator[list[Found]]:
    """By source, resource, parent and key; in portions, of which one may be empty."""
    every = touched.between(session, start=asked.start, end=asked.end, resources=list(asked.resources))
    for pair, of_resource in groupby(every, key=lambda each: (each.source, each.resource)):
        while portion := list(islice(of_resource, _AT_A_TIME)):
            yield list(_of_portion(session, asked, asked.resources[pair], portion))


def _of_portion(session: Session, asked: Asked, resource: Resource, portion: Sequence[Touched]) -> Iterator[Found]:
    source = portion[0].source
    wanted = [(each.id, number) for each in portion for number in _numbers(each)]
    heads = stored.heads(session, source, resource.name, wanted)
    spans = [span for each in portion if (span := _span(session, asked, each, heads)) is not None]
    documents = stored.documents(session, (seq for span in spans for seq in _compared(span)))
    for span in spans:
        start, end = (_filled(at, documents) for at in (span.start, span.end))
        first = _with_document(span.first, documents)
        came_to = net.of_record(resource, start=start, end=end, first=first, field=asked.field)
        steps = tuple(_steps(session, asked, span)) if asked.has_steps else ()
        if came_to.told or came_to.is_first_seen or steps:
            yield Found(source, resource, span.touched.id, start, end, came_to, steps)


def _numbers(each: Touched) -> set[int]:
    """The versions that tell what the record was at both moments, and those behind."""
    numbers = set[int]()
    if each.first is not None and each.last is not None:
        numbers |= {each.first - 1, each.first, each.last, each.last + 1}
    elif each.following is not None:
        numbers |= {each.following - 1, each.following}
    return numbers - {0}


def _span(session: Session, asked: Asked, each: Touched, heads: Mapping[tuple[Id, int], Version]) -> _Span | None:
    """None where the record has a change behind the second moment alone, and certainly behind it."""
    start, end = asked.start, asked.end
    if each.first is not None and each.last is not None:
        before, first = heads.get((each.id, each.first - 1)), heads[each.id, each.first]
        last, following = heads[each.id, each.last], heads.get((each.id, each.last + 1))
        is_whole = each.number == each.last - each.first + 1
        is_in_order = is_whole and (before is None or before.observed_at <= start)
        if not is_in_order or (following is not None and following.observed_at <= end):
            return _looked_up(session, asked, each)  # a clock was set back: versions and times disagree
        return _Span(
            each,
            moments.stood(start, seen=before, following=first),
            moments.stood(end, seen=last, following=following),
            first,
        )
    assert each.following is not None  # noqa: S101  # else it would not have been found
    before, following = heads.get((each.id, each.following - 1)), heads[each.id, each.following]
    if before is not None and before.observed_at > end:
        return None
    at_end = moments.stood(end, seen=before, following=following)
    return (
        None if at_end.is_certain else _Span(each, moments.stood(start, seen=before, following=following), at_end, None)
    )


def _looked_up(session: Session, asked: Asked, each: Touched) -> _Span:
    """The same where versions and times disagree: the newest version that was seen by a moment counts."""
    rows = [history.as_of(session, each.source, each.resource, each.id, moment) for moment in (asked.start, asked.end)]
    before, last = (None if row is None else stored.of_row(row) for row in rows)
    numbers = [1 if version is None else version.number + 1 for version in (before, last)]
    heads = stored.heads(session, each.source, each.resource, [(each.id, number) for number in numbers])
    first, following = (heads.get((each.id, number)) for number in numbers)
    return _Span(
        each,
        moments.stood(asked.start, seen=before, following=first),
        moments.stood(asked.end, seen=last, following=following),
        first if first is not None and last is not None and first.number <= last.number else None,
    )


def _compared(span: _Span) -> Iterator[int]:
    """The numbers in the log of those versions whose documents are needed."""
    starts = (span.first,) if net.is_first_sight(span.start, span.first) else span.start.possible
    every = [*starts, *span.end.possible]
    if len({each and each.number for each in every}) > 1:
        yield from (each.seq for each in every if each is not None and each.is_living)


def _filled(at: At, documents: Mapping[int, Json]) -> At:
    return At(*(_with_document(each, documents) for each in at))


def _with_document(version: Version | None, documents: Mapping[int, Json]) -> Version | None:
    if version is None or version.seq not in documents:
        return version
    return replace(version, document=documents[version.seq])


def _steps(session: Session, asked: Asked, span: _Span) -> Iterator[Step]:
    """What was seen between the moments, and what may have come in between."""
    perhaps = {each.perhaps.number for each in (span.start, span.end) if each.perhaps is not None}
    one = span.touched
    numbers = perhaps | {each for each in (one.first, one.last) if each is not None}
    every = stored.of_record(session, one.source, one.resource, one.id, first=min(numbers), last=max(numbers))
    for version in every:
        if version.number not in perhaps and not asked.start < version.observed_at <= asked.end:
            continue
        changed: Iterable[Field] = fields.changed_in(version)
        if asked.field is not None:
            changed = fields.within(changed, asked.field)
        step = Step(version.head, tuple(changed), version.number in perhaps)
        if step.fields or asked.field is None:
            yield step
