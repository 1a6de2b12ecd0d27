"""The change log and the notices as the feed reads them: in their order, from a cursor on, and never past a gap.

Changes are numbered under a lock that is held until their transaction ends, so a number that can be seen has no lower
one that comes later. Notices are numbered in the same way.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from storage import history, sql
from storage.notices import Written
from storage.session import Session
from storage.tables import ChangeRow, NoticeRow


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


_HEADING = tuple(col(getattr(ChangeRow, name)) for name in Heading._fields)
_RECORD = ("source", "resource", "parent_key", "key")
#: Versions of one record that are looked through at a time.
_VERSIONS = 500


def span(session: Session) -> Span:
    """Of the change log."""
    return _span(session, col(ChangeRow.seq))


def _span(session: Session, number: Any) -> Span:
    # Two looks into the index: for both in one statement SQLite reads the whole of it.
    ends = (select(func.min(number)).scalar_subquery(), select(func.max(number)).scalar_subquery())
    oldest, latest = sql.run(session, select(*ends)).one()
    return Span(int(oldest or 0), int(latest or 0))


def seq_of(session: Session, id: str) -> int | None:  # noqa: A002  # the column's name
    """The number of the change with this id; None where there is none."""
    found = sql.run(session, select(col(ChangeRow.seq)).where(col(ChangeRow.id) == id)).scalar()
    return None if found is None else int(found)


def id_of(session: Session, seq: int) -> str | None:
    """The id of the change with this number; None where there is none."""
    found: str | None = sql.run(session, select(col(ChangeRow.id)).where(col(ChangeRow.seq) == seq)).scalar()
    return found


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
    which: list[ColumnElement[bool]] = [col(ChangeRow.seq) > after, col(ChangeRow.seq) <= until]
    if kinds is not None:
        which.append(col(ChangeRow.kind).in_(sorted(kinds)))
    if resources is not None:
        which.append(_among(resources))
    if is_compact:
        later = aliased(ChangeRow)
        same: list[ColumnElement[bool]] = [getattr(later, name) == col(getattr(ChangeRow, name)) for name in _RECORD]
        if kinds is not None:
            same.append(col(later.kind).in_(sorted(kinds)))
        which.append(~exists().where(*same, col(later.version) > col(ChangeRow.version)))
    rows = sql.run(session, select(*_HEADING).where(*which).order_by(col(ChangeRow.seq)).limit(limit))
    return [Heading(*row) for row in rows]


def about(session: Session, *, after: int, until: int) -> frozenset[About]:
    """What the changes behind `after` up to `until` are about."""
    columns = tuple(col(getattr(ChangeRow, name)) for name in About._fields)
    which = (col(ChangeRow.seq) > after, col(ChangeRow.seq) <= until)
    return frozenset(About(*row) for row in sql.run(session, select(*columns).where(*which).distinct()))


def newer(session: Session, heading: Heading) -> Iterator[Heading]:
    """The later versions of its record, the newest first."""
    version: int | None = None
    while True:
        which = [col(getattr(ChangeRow, name)) == getattr(heading, name) for name in _RECORD]
        which.append(col(ChangeRow.version) > heading.version)
        if version is not None:
            which.append(col(ChangeRow.version) < version)
        statement = select(*_HEADING).where(*which).order_by(col(ChangeRow.version).desc()).limit(_VERSIONS)
        rows = [Heading(*row) for row in sql.run(session, statement)]
        yield from rows
        if len(rows) < _VERSIONS:
            return
        version = rows[-1].version


def _among(resources: Collection[tuple[str, str]]) -> ColumnElement[bool]:
    by_source: dict[str, list[str]] = {}
    for source, resource in sorted(resources):
        by_source.setdefault(source, []).append(resource)
    return or_(
        *(
            and_(col(ChangeRow.source) == source, col(ChangeRow.resource).in_(names))
            for source, names in by_source.items()
        )
    )


def named(session: Session) -> list[tuple[str, str]]:
    """Every pair of source and resource of which the log has anything, also of what is not configured any more."""
    source, resource = col(ChangeRow.source), col(ChangeRow.resource)
    return [(each, name) for each in _each(session, source) for name in _each(session, resource, source == each)]


def _each(session: Session, column: Any, *which: ColumnElement[bool]) -> list[str]:
    """The values of a column of an index. One look for each of them: DISTINCT would read all that the index has."""
    found = select(func.min(column).label("value")).where(*which).cte(recursive=True)
    following = select(func.min(column)).where(*which, column > found.c.value).scalar_subquery()
    found = found.union_all(select(following).where(found.c.value.is_not(None)))
    return list(sql.run(session, select(found.c.value).where(found.c.value.is_not(None))).scalars())


def notice_span(session: Session) -> Span:
    """The same of notices, by their numbers."""
    return _span(session, col(NoticeRow.number))


def notice_number(session: Session, id: str) -> int | None:  # noqa: A002  # the column's name
    """The number of the notice with this id; None where there is none."""
    found = sql.run(session, select(col(NoticeRow.number)).where(col(NoticeRow.id) == id)).scalar()
    return None if found is None else int(found)


def notice_id(session: Session, number: int) -> str | None:
    """The id of the notice with this number; None where there is none."""
    found: str | None = sql.run(session, select(col(NoticeRow.id)).where(col(NoticeRow.number) == number)).scalar()
    return found


def notices(session: Session, *, after: int, limit: int, types: Sequence[str]) -> list[tuple[int, Written]]:
    """The next notices of these types, in order."""
    columns = (NoticeRow.number, NoticeRow.id, NoticeRow.type, NoticeRow.subject, NoticeRow.at, NoticeRow.data)
    which = (col(NoticeRow.number) > after, col(NoticeRow.type).in_(types))
    statement = select(*(col(each) for each in columns)).where(*which).order_by(col(NoticeRow.number)).limit(limit)
    return [(row[0], Written(*row[1:])) for row in sql.run(session, statement)]


def notice_types(session: Session) -> list[str]:
    """Those that there are."""
    return sorted(sql.run(session, select(col(NoticeRow.type)).distinct()).scalars())
