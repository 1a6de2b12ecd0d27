"""Whether the change log is in order: versions without gaps, nothing after a deletion but what brings the record back.

Called by whoever verifies the record. Each statement looks at a part of the log, so that none takes long.
"""

# ruff: noqa: S608  # no values in the statements
from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from changes.records import Id, Kind
from storage import sql
from storage.log_rows import Row
from storage.session import Session

#: Without these there is nothing to look at.
_TABLES = (
    *("mirrorpoint_change", "mirrorpoint_action", "mirrorpoint_seal", "mirrorpoint_tile", "mirrorpoint_kept"),
    *("mirrorpoint_delivery", "mirrorpoint_attempt", "mirrorpoint_notice", "mirrorpoint_resource"),
)
_THERE = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' AND name",
    "postgresql": "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename",
}
_RECORD = "source, resource, parent_key, key"
#: The version behind that of `a` is `b`.
_FOLLOWS = (
    "b.source = a.source AND b.resource = a.resource AND b.parent_key = a.parent_key AND b.key = a.key"
    " AND b.version = a.version + 1"
)
#: Kinds of a first version; `created` is of no other.
FIRST_KINDS = frozenset({Kind.SNAPSHOT.value, Kind.CREATED.value})


class RecordName(NamedTuple):
    """Names a record over all sources, in the order of the log's index."""

    source: str
    resource: str
    parent_key: str
    key: str

    @property
    def id(self) -> Id:
        return Id(self.parent_key, self.key)


class Versions(NamedTuple):
    """A record whose versions are not 1, 2, … up to their number."""

    record: RecordName
    number: int
    first: Any  #: a number, unless somebody has edited it
    last: Any


class Step(NamedTuple):
    """Two changes of one record of which the second cannot follow the first."""

    seq: int
    record: RecordName
    version: int
    kind: str
    seq_before: int | None  #: None: there is no such version
    kind_before: str | None


def missing_tables(session: Session) -> list[str]:
    """The tables of the record that are not there."""
    text = f"{_THERE[session.dialect]} {sql.among(session, 'names')}"
    there = {name for (name,) in sql.rows(session, text, names=_TABLES)}
    return [name for name in _TABLES if name not in there]


def unnumbered(session: Session, *, limit: int) -> Sequence[Row]:
    """Number, id, record and version of changes without a number: no walk through the log comes by them."""
    text = f"SELECT seq, id, {_RECORD}, version FROM mirrorpoint_change WHERE seq IS NULL LIMIT {int(limit)}"
    return sql.fetch_leniently(session, text, ())


def part_end(session: Session, after: RecordName | None, *, size: int) -> RecordName | None:
    """The record to which a part of about so many changes goes that begins behind `after`; None: to the end."""
    where, values = _bounds(session, after, None)
    text = f"SELECT {_RECORD} FROM mirrorpoint_change{where} ORDER BY {_RECORD} LIMIT 1 OFFSET {int(size)}"
    rows = sql.fetch_leniently(session, text, values)
    return RecordName(*rows[0]) if rows else None


def version_gaps(
    session: Session, after: RecordName | None, until: RecordName | None, *, limit: int
) -> Sequence[Versions]:
    """Of the records behind `after` up to `until` those whose versions have gaps, or are there twice."""
    where, values = _bounds(session, after, until)
    text = (
        f"SELECT {_RECORD}, count(*), min(version), max(version) FROM mirrorpoint_change{where} GROUP BY {_RECORD}"
        " HAVING min(version) <> 1 OR max(version) <> count(*) OR sum(version) <> count(*) * (count(*) + 1) / 2"
        f" ORDER BY {_RECORD} LIMIT {int(limit)}"
    )
    return [Versions(RecordName(*row[:4]), *row[4:]) for row in sql.fetch_leniently(session, text, values)]


def wrong_steps(session: Session, *, after: int, until: int, kinds: Collection[str]) -> Sequence[Step]:
    """Changes that cannot follow: what is behind a deletion without bringing the record back, or the reverse.

    Of the deletions, and of what should follow one, among the numbers behind `after` up to `until`. `kinds`: those that
    are among them at all, so that nothing is asked in vain.
    """
    mark = sql.mark(session.dialect)
    columns = ", ".join(f"b.{name}" for name in ("seq", *_RECORD.split(", "), "version", "kind"))
    found: list[Step] = []
    if Kind.DELETED in kinds:
        found += _steps(
            session,
            f"SELECT {columns}, a.seq, a.kind FROM mirrorpoint_change a JOIN mirrorpoint_change b ON {_FOLLOWS}"
            f" WHERE a.seq > {mark} AND a.seq <= {mark} AND a.kind = 'deleted'"
            " AND b.kind NOT IN ('restored', 'snapshot') ORDER BY b.seq",
            (after, until),
        )
    if {Kind.RESTORED, Kind.SNAPSHOT} & set(kinds):
        found += _steps(
            session,
            f"SELECT {columns}, a.seq, a.kind FROM mirrorpoint_change b LEFT JOIN mirrorpoint_change a"
            " ON a.source = b.source AND a.resource = b.resource AND a.parent_key = b.parent_key AND a.key = b.key"
            " AND a.version = b.version - 1"
            f" WHERE b.seq > {mark} AND b.seq <= {mark} AND b.version > 1 AND b.kind IN ('restored', 'snapshot')"
            " AND (a.kind IS NULL OR a.kind <> 'deleted') ORDER BY b.seq",
            (after, until),
        )
    return found


def _steps(session: Session, text: str, values: tuple[Any, ...]) -> list[Step]:
    return [Step(row[0], RecordName(*row[1:5]), *row[5:]) for row in sql.fetch_leniently(session, text, values)]


def _bounds(session: Session, after: RecordName | None, until: RecordName | None) -> tuple[str, tuple[Any, ...]]:
    parts, values = list[str](), tuple[Any, ...]()
    for sign, bound in ((">", after), ("<=", until)):
        if bound is not None:
            marks, given = sql.exact(session, bound)
            parts.append(f"({_RECORD}) {sign} ({', '.join(marks)})")
            values += given
    return (f" WHERE {' AND '.join(parts)}" if parts else ""), values
