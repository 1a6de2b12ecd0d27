"""The change log and the notices as the feed reads them: in their order, from a cursor on, and never past a gap.

Changes are numbered under a lock that is held until their transaction ends, so a number that can be seen has no lower
one that comes later. Notices are numbered in the same way.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from storage import history, sql
from storage.history import Logged
from storage.notices import Written
from storage.tables import ChangeRow, NoticeRow


class Span(NamedTuple):
    """The numbers of a log's first and last row; both 0 where it is empty."""

    oldest: int
    latest: int


class Numbered(NamedTuple):
    """A row of the log with its number."""

    seq: int
    logged: Logged


def span(session: Session) -> Span:
    """Of the change log."""
    found = sql.run(session, select(func.min(col(ChangeRow.seq)), func.max(col(ChangeRow.seq)))).one()
    return Span(int(found[0] or 0), int(found[1] or 0))


def seq_of(session: Session, id: str) -> int | None:  # noqa: A002  # the column's name
    """The number of the change with this id; None where there is none."""
    found = sql.run(session, select(col(ChangeRow.seq)).where(col(ChangeRow.id) == id)).scalar()
    return None if found is None else int(found)


def before(session: Session, since: datetime) -> int:
    """The number behind which everything was observed from then on."""
    first = history.first_since(session, since)
    return span(session).latest if first is None else first - 1


def read(
    session: Session,
    *,
    after: int,
    limit: int,
    resources: Collection[tuple[str, str]] | None = None,
    kinds: Collection[str] | None = None,
    is_compact: bool = False,
) -> list[Numbered]:
    """The next changes, in order. `resources`: pairs of source and resource; `is_compact`: only last versions."""
    which: list[ColumnElement[bool]] = [col(ChangeRow.seq) > after]
    if kinds is not None:
        which.append(col(ChangeRow.kind).in_(sorted(kinds)))
    if resources is not None:
        which.append(_among(resources))
    if is_compact:
        later = aliased(ChangeRow)
        same = [
            getattr(later, name) == col(getattr(ChangeRow, name))
            for name in ("source", "resource", "parent_key", "key")
        ]
        which.append(~exists().where(*same, col(later.version) > col(ChangeRow.version)))
    rows = session.execute(select(ChangeRow).where(*which).order_by(col(ChangeRow.seq)).limit(limit)).scalars()
    return [Numbered(row.seq or 0, history.logged(row)) for row in rows]


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
    # One look into the index for each of them: DISTINCT would read the whole of it.
    found: list[tuple[str, str]] = []
    last = ("", "")
    while True:
        here, then = col(ChangeRow.source), col(ChangeRow.resource)
        further = or_(here > last[0], and_(here == last[0], then > last[1]))
        row = sql.run(session, select(here, then).where(further).order_by(here, then).limit(1)).first()
        if row is None:
            return found
        last = (row[0], row[1])
        found.append(last)


def notice_span(session: Session) -> Span:
    """The same of notices, by their numbers."""
    found = sql.run(session, select(func.min(col(NoticeRow.number)), func.max(col(NoticeRow.number)))).one()
    return Span(int(found[0] or 0), int(found[1] or 0))


def notice_number(session: Session, id: str) -> int | None:  # noqa: A002  # the column's name
    """The number of the notice with this id; None where there is none."""
    found = sql.run(session, select(col(NoticeRow.number)).where(col(NoticeRow.id) == id)).scalar()
    return None if found is None else int(found)


def notices(session: Session, *, after: int, limit: int, types: Sequence[str]) -> list[tuple[int, Written]]:
    """The next notices of these types, in order."""
    columns = (NoticeRow.number, NoticeRow.id, NoticeRow.type, NoticeRow.subject, NoticeRow.at, NoticeRow.data)
    which = (col(NoticeRow.number) > after, col(NoticeRow.type).in_(types))
    statement = select(*(col(each) for each in columns)).where(*which).order_by(col(NoticeRow.number)).limit(limit)
    return [(row[0], Written(*row[1:])) for row in sql.run(session, statement)]


def notice_types(session: Session) -> list[str]:
    """Those that there are."""
    return sorted(sql.run(session, select(col(NoticeRow.type)).distinct()).scalars())
