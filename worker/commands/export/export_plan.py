"""Which files an export has, and what each of them holds; refuses what is not there or not known."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from changes import written
from worker.commands import former_rows, selecting
from worker.problems import UsageError

if TYPE_CHECKING:
    from changes.resources import Resource
    from record.export_table import Columns, Row
    from storage.session import Session
    from worker.commands.export.wanted import Wanted

_GLOB = re.compile(r"[*?\[]")
#: Of a resource that several sources have.
Sources = dict[str, "Resource"]


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """One file, not written yet."""

    name: str
    resource: str
    holds: str  #: records, changes
    sources: tuple[str, ...]
    columns: Columns
    total: int  #: how many rows there will be; at a moment of the past at most
    #: From the first one on, at each call; to be closed before the database is.
    rows: Callable[[], Generator[Row, None, None]]


@dataclass(frozen=True, slots=True)
class Plan:
    """The files in the order of the catalogues, the changes of a resource behind its records."""

    files: list[PlannedFile]
    #: What a glob meant and nobody had looked at by that moment: source, resource, its first look if there is one.
    left_out: list[tuple[str, str, datetime | None]]

    @property
    def names(self) -> list[str]:
        return [file.name for file in self.files]


def plan(session: Session, catalogues: selecting.Catalogues, wanted: Wanted, *, at: datetime | None) -> Plan:
    """UsageError where something that was named is not there, or where nothing is known of it at that moment."""
    from storage import moments

    chosen = _chosen(session, catalogues, wanted)
    first_looks = {each: moments.first_look(session, *each) for each in chosen}
    unknown = {each: first for each, first in first_looks.items() if first is None or (at is not None and first > at)}
    named = {each: first for each, first in unknown.items() if chosen[each].is_named}
    if unknown and (named or len(unknown) == len(chosen)):
        raise _unknown(named or unknown, at)
    of_name: dict[str, Sources] = {}
    for (source, name), found in chosen.items():
        if (source, name) not in unknown:
            of_name.setdefault(name, {})[source] = found.resource
    if at is None:
        _refuse_lost_tables(session, of_name)
    files = []
    for name, sources in of_name.items():
        files.append(_of_records(session, name, sources, wanted, at))
        if wanted.has_changes:
            files.append(_of_changes(session, name, sources, wanted, at))
    return Plan(files, [(source, name, first) for (source, name), first in unknown.items()])


class _Chosen(NamedTuple):
    resource: Resource
    is_named: bool  #: as itself, not by a glob


def _chosen(session: Session, catalogues: selecting.Catalogues, wanted: Wanted) -> dict[tuple[str, str], _Chosen]:
    """By source and name. What is configured goes before what is not any more: the log has both."""
    chosen: dict[tuple[str, str], _Chosen] = {}
    for text in wanted.resources:
        is_named = _GLOB.search(text) is None
        for source, resource in _meant(session, catalogues, text, wanted.source):
            before = chosen.get((source, resource.name))
            chosen[source, resource.name] = _Chosen(resource, is_named or (before is not None and before.is_named))
    return chosen


def _meant(
    session: Session, catalogues: selecting.Catalogues, text: str, source_name: str | None
) -> list[tuple[str, Resource]]:
    try:
        return selecting.resources(catalogues, [text], source_name=source_name)
    except UsageError:
        former = former_rows.with_former(session, catalogues)
        try:
            return selecting.resources(former, [text], source_name=source_name)
        except UsageError:
            pass
        raise  # what is configured is what is proposed


def _refuse_lost_tables(session: Session, of_name: dict[str, Sources]) -> None:
    from storage import former

    for name, sources in of_name.items():
        if not former.has_table(session, next(iter(sources.values()))):
            raise UsageError(f"the table of {name} is not there any more", "--at TIME takes its records from the log")


def _unknown(unknown: dict[tuple[str, str], datetime | None], at: datetime | None) -> UsageError:
    """A file without a row would say that there was nothing."""
    names = [f"{source} {name}" for source, name in unknown]
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")
    firsts = [first for first in unknown.values() if first is not None]
    if at is None or not firsts:
        return UsageError(f"nothing is known of {shown}: nobody has looked yet", "`mirrorpoint sync` looks now")
    return UsageError(
        f"nothing is known of {shown} at {written.stamp(at)}: the first look was later",
        f"all of it is known from {written.stamp(max(firsts))} on",
    )


def _of_records(session: Session, name: str, sources: Sources, wanted: Wanted, at: datetime | None) -> PlannedFile:
    from storage import exports

    columns = exports.record_columns(list(sources.values()))
    has_deleted = wanted.has_deleted
    rows: Callable[[str, Resource], Iterator[Row]]
    count: Callable[[str, Resource], int]
    if at is None:
        rows = partial(exports.records, session, columns=columns, has_deleted=has_deleted)
        count = partial(exports.count_records, session, has_deleted=has_deleted)
    else:
        rows = partial(exports.records_at, session, at=at, columns=columns, has_deleted=has_deleted)
        count = partial(exports.count_records_at, session, at=at)
    return PlannedFile(
        name=f"{name}.{wanted.format}",
        resource=name,
        holds="records",
        sources=tuple(sorted(sources)),
        columns=columns,
        total=sum(count(*each) for each in sources.items()),
        rows=partial(_one_after_another, rows, sources),
    )


def _of_changes(session: Session, name: str, sources: Sources, wanted: Wanted, at: datetime | None) -> PlannedFile:
    from storage import exports

    return PlannedFile(
        name=f"{name}.changes.{wanted.format}",
        resource=name,
        holds="changes",
        sources=tuple(sorted(sources)),
        columns=exports.CHANGE_COLUMNS,
        total=sum(exports.count_changes(session, *each, until=at) for each in sources.items()),
        rows=partial(_one_after_another, partial(exports.changes, session, until=at), sources),
    )


def _one_after_another(rows: Callable[[str, Resource], Iterator[Row]], sources: Sources) -> Generator[Row, None, None]:
    for each in sorted(sources.items()):
        yield from rows(*each)
