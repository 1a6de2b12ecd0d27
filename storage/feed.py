"""The change log and the notices as the feed reads them: in their order, from a cursor on, and never past a gap.

Changes are numbered under a lock that is held until their transaction ends, so a number that can be seen has no lower
one that comes later. Notices are numbered in the same way.
"""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from changes.records import Id
from storage import history, log_sql, sql
from storage.notices import Written
from storage.session import Session


class Span(NamedTuple):
    """The numbers of a log's first and last row; both 0 where it is empty."""

    oldest: int
    latest: int


class Heading(NamedTuple):
    """What a row of the log is about, without its content."""

    seq: int
    source: str
    resource: str
    parent_key: str
    key: str
    version: int
    kind: str
    changed: Sequence[str]

    @property
    def record(self) -> tuple[str, ...]:
        return self.source, self.resource, self.parent_key, self.key


class About(NamedTuple):
    """What a change is about, told shortly."""

    source: str
    resource: str
    kind: str


_HEADING = sql.columns(*Heading._fields, json=("changed",))
_NOTICE = sql.columns("number", "id", "type", "subject", "at", "data", utc=("at",), json=("data",))
#: The change `later` is of the same record as `c`, and of a later version.
_IS_LATER = (
    "later.source = c.source AND later.resource = c.resource AND later.parent_key = c.parent_key AND later.key = c.key"
    " AND later.version > c.version"
)
#: Versions of one record that are looked through at a time.
_VERSIONS = 500


def span(session: Session) -> Span:
    """Of the change log."""
    return _span(session, "mirrorpoint_change", "seq")


def _span(session: Session, table: str, number: str) -> Span:
    # Two looks into the index: for both in one statement SQLite reads the whole of it.
    text = f"SELECT (SELECT min({number}) FROM {table}), (SELECT max({number}) FROM {table})"
    ((oldest, latest),) = sql.rows(session, text)
    return Span(int(oldest or 0), int(latest or 0))


def seq_of(session: Session, id: str) -> int | None:  # noqa: A002  # the column's name
    """The number of the change with this id; None where there is none."""
    found = sql.first(session, "SELECT seq FROM mirrorpoint_change WHERE id = :id", id=id)
    return None if found is None else int(found[0])


def id_of(session: Session, seq: int) -> str | None:
    """The id of the change with this number; None where there is none."""
    found = sql.first(session, "SELECT id FROM mirrorpoint_change WHERE seq = :seq", seq=seq)
    return found[0] if found else None


def before(session: Session, since: datetime) -> int:
    """The number behind which the first change stands that was observed from then on."""
    first = history.first_since(session, since)
    return span(session).latest if first is None else first - 1


def headings(
    session: Session,
    *,
    after: int,
    until: int,
    limit: int,
    resources: Collection[tuple[str, str]] | None = None,
    kinds: Collection[str] | None = None,
    is_compact: bool = False,
) -> list[Heading]:
    """The next changes behind `after` up to `until`, in order. `resources`: pairs of source and resource.

    `is_compact`: of the versions of a record that are of these kinds, only the last.
    """
    values: dict[str, Any] = {"after": after, "until": until, "limit": limit}
    which = ["seq > :after", "seq <= :until"]
    if kinds is not None:
        which.append(log_sql.one_of("kind", sorted(kinds), values))
    if resources is not None:
        which.append(log_sql.of_resources(resources, values))
    if is_compact:
        later = [_IS_LATER]
        if kinds is not None:
            later.append(log_sql.one_of("later.kind", sorted(kinds), values))
        which.append(f"NOT EXISTS (SELECT 1 FROM mirrorpoint_change AS later WHERE {' AND '.join(later)})")
    text = f"""
        SELECT {_HEADING} FROM mirrorpoint_change AS c WHERE {" AND ".join(which)} ORDER BY seq LIMIT :limit
    """
    return [Heading(*row) for row in sql.rows(session, text, **values)]


def about(session: Session, *, after: int, until: int) -> frozenset[About]:
    """What the changes behind `after` up to `until` are about."""
    text = f"""
        SELECT DISTINCT {", ".join(About._fields)} FROM mirrorpoint_change WHERE seq > :after AND seq <= :until
    """
    return frozenset(About(*row) for row in sql.rows(session, text, after=after, until=until))


def newer(session: Session, heading: Heading) -> Iterator[Heading]:
    """The later versions of its record, the newest first."""
    record = log_sql.of_record(heading.source, heading.resource, Id(heading.parent_key, heading.key))
    below: int | None = None
    while True:
        which = f"{log_sql.OF_RECORD} AND version > :version" + " AND version < :below" * (below is not None)
        text = f"SELECT {_HEADING} FROM mirrorpoint_change WHERE {which} ORDER BY version DESC LIMIT :limit"
        found = sql.rows(session, text, **record, version=heading.version, below=below, limit=_VERSIONS)
        rows = [Heading(*row) for row in found]
        yield from rows
        if len(rows) < _VERSIONS:
            return
        below = rows[-1].version


def named(session: Session) -> list[tuple[str, str]]:
    """Every pair of source and resource of which the log has anything, also of what is not configured any more."""
    sources = _each(session, "source")
    return [(source, name) for source in sources for name in _each(session, "resource", source=source)]


def _each(session: Session, column: str, *, source: str | None = None) -> list[str]:
    """The values of a column of an index. One look for each of them: DISTINCT would read all that the index has."""
    of_source, beyond = ("", "WHERE") if source is None else ("WHERE source = :source", "AND")
    text = f"""
        WITH RECURSIVE found (value) AS (
            SELECT min({column}) FROM mirrorpoint_change {of_source}
            UNION ALL
            SELECT (SELECT min({column}) FROM mirrorpoint_change {of_source} {beyond} {column} > found.value)
            FROM found WHERE found.value IS NOT NULL
        )
        SELECT value FROM found WHERE value IS NOT NULL
    """
    return [value for (value,) in sql.rows(session, text, source=source)]


def notice_span(session: Session) -> Span:
    """The same of notices, by their numbers."""
    return _span(session, "mirrorpoint_notice", "number")


def notice_number(session: Session, id: str) -> int | None:  # noqa: A002  # the column's name
    """The number of the notice with this id; None where there is none."""
    found = sql.first(session, "SELECT number FROM mirrorpoint_notice WHERE id = :id", id=id)
    return None if found is None or found[0] is None else int(found[0])


def notice_id(session: Session, number: int) -> str | None:
    """The id of the notice with this number; None where there is none."""
    found = sql.first(session, "SELECT id FROM mirrorpoint_notice WHERE number = :number", number=number)
    return found[0] if found else None


def notices(session: Session, *, after: int, limit: int, types: Sequence[str]) -> list[tuple[int, Written]]:
    """The next notices of these types, in order."""
    values: dict[str, Any] = {"after": after, "limit": limit}
    which = f"number > :after AND {log_sql.one_of('type', types, values)}"
    text = f"SELECT {_NOTICE} FROM mirrorpoint_notice WHERE {which} ORDER BY number LIMIT :limit"
    return [(row[0], Written(*row[1:])) for row in sql.rows(session, text, **values)]


def notice_types(session: Session) -> list[str]:
    """Those that there are."""
    return sorted(type_ for (type_,) in sql.rows(session, "SELECT DISTINCT type FROM mirrorpoint_notice"))
