"""The change log as it is read, in pieces, by everything that follows it; `change_log.py` writes it.

Called by the delivery step and by the commands that show what happened.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, func, or_, select, tuple_
from sqlmodel import col

from changes.records import Change, Id, Kind
from storage import sql, types
from storage.session import Session
from storage.tables import ChangeRow

#: Stands in place of a scan's id in the changes by which records were retired.
RETIRED = "retired"

#: Statements with a list in them stay below every driver's limit of parameters.
_CHUNK = 500


def read(
    session: Session,
    *,
    source: str | None = None,
    resource: str | None = None,
    resources: Collection[tuple[str, str]] | None = None,
    key: str | None = None,
    parent_key: str | Collection[str] | None = None,
    kinds: Collection[str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    after_seq: int = 0,
    before_seq: int | None = None,
    newest_first: bool = False,
    limit: int = 1000,
) -> list[ChangeRow]:
    """The next changes after `after_seq`, in order. All other arguments narrow them down (`until` is exclusive).

    `resources` are pairs of source and resource. If there are several `parent_key`s, any of them will do.
    """
    which = _which(source, resource, resources, key, parent_key, kinds, since, until)
    if since is not None and not after_seq:  # else all of the log before that moment would be read
        after_seq = _first_since(session, since) - 1
    if before_seq is not None:
        which.append(col(ChangeRow.seq) < before_seq)
    statement = select(ChangeRow).where(col(ChangeRow.seq) > after_seq, *which)
    order = col(ChangeRow.seq).desc() if newest_first else col(ChangeRow.seq)
    return list(session.objects.execute(statement.order_by(order).limit(limit)).scalars())


def count(
    session: Session,
    *,
    most: int,
    resources: Collection[tuple[str, str]] | None = None,
    source: str | None = None,
    key: str | None = None,
    parent_key: str | Collection[str] | None = None,
    kinds: Collection[str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    after_seq: int = 0,
) -> int:
    """How many changes `read` would give in all; counting stops at `most`."""
    which = _which(source, None, resources, key, parent_key, kinds, since, until)
    if since is not None:
        after_seq = max(after_seq, _first_since(session, since) - 1)
    some = select(col(ChangeRow.seq)).where(col(ChangeRow.seq) > after_seq, *which).limit(most).subquery()
    return int(sql.run(session, select(func.count()).select_from(some)).scalar() or 0)


def _first_since(session: Session, since: datetime) -> int:
    return first_since(session, since) or 1


def first_since(session: Session, since: datetime) -> int | None:
    """The number of the first change that was observed from then on; None where there is none."""
    first = sql.run(session, select(func.min(col(ChangeRow.seq))).where(col(ChangeRow.observed_at) >= since)).scalar()
    return None if first is None else int(first)


def _which(
    source: str | None,
    resource: str | None,
    resources: Collection[tuple[str, str]] | None,
    key: str | None,
    parent_key: str | Collection[str] | None,
    kinds: Collection[str] | None,
    since: datetime | None,
    until: datetime | None,
) -> list[ColumnElement[bool]]:
    which: list[ColumnElement[bool]] = [
        col(getattr(ChangeRow, name)) == value
        for name, value in (("source", source), ("resource", resource), ("key", key))
        if value is not None
    ]
    if parent_key is not None:
        forms = [parent_key] if isinstance(parent_key, str) else sorted(parent_key)
        which.append(col(ChangeRow.parent_key).in_(forms))
    if resources is not None:
        by_source: dict[str, set[str]] = {}
        for each_source, each in resources:
            by_source.setdefault(each_source, set()).add(each)
        which.append(
            or_(
                *(
                    and_(col(ChangeRow.source) == each, col(ChangeRow.resource).in_(sorted(names)))
                    for each, names in sorted(by_source.items())
                )
            )
        )
    if kinds is not None:
        which.append(col(ChangeRow.kind).in_(sorted(kinds)))
    if since is not None:
        which.append(col(ChangeRow.observed_at) >= since)
    if until is not None:
        which.append(col(ChangeRow.observed_at) < until)
    return which


class Logged(NamedTuple):
    """A change with the id that its event has."""

    id: str
    change: Change
    is_erased: bool = False  #: it has no content any more, and must not be sent


def by_seq(session: Session, seqs: Sequence[int]) -> dict[int, Logged]:
    """The changes with these numbers; numbers that are not there are left out."""
    found: dict[int, Logged] = {}
    columns = _columns()
    for start in range(0, len(seqs), _CHUNK):
        wanted = col(ChangeRow.seq).in_(seqs[start : start + _CHUNK])
        for row in sql.run(session, select(*columns).where(wanted)):
            found[row.seq] = logged(row)
    return found


def erased(session: Session, seqs: Collection[int]) -> set[int]:
    """Those of the numbers whose changes have no content any more."""
    found = set[int]()
    ordered = sorted(seqs)
    for start in range(0, len(ordered), _CHUNK):
        which = (col(ChangeRow.seq).in_(ordered[start : start + _CHUNK]), col(ChangeRow.salt).is_(None))
        found.update(sql.run(session, select(col(ChangeRow.seq)).where(*which)).scalars())
    return found


def entry(session: Session, seq: int) -> ChangeRow | None:
    """The row with that number, whole."""
    return session.objects.execute(select(ChangeRow).where(col(ChangeRow.seq) == seq)).scalars().one_or_none()


def last_seq(session: Session) -> int:
    """The highest number given so far that is still in the log; 0 for an empty one."""
    statement = select(col(ChangeRow.seq)).order_by(col(ChangeRow.seq).desc()).limit(1)
    return int(sql.run(session, statement).scalar() or 0)


def newest(session: Session, resource: str, kinds: Collection[str]) -> ChangeRow | None:
    """The last change of that resource and of one of the kinds, in any source, whose content was not erased."""
    has_content = col(ChangeRow.salt).is_not(None)
    which = (col(ChangeRow.resource) == resource, col(ChangeRow.kind).in_(sorted(kinds)), has_content)
    statement = select(ChangeRow).where(*which).order_by(col(ChangeRow.seq).desc()).limit(1)
    return session.objects.execute(statement).scalars().one_or_none()


def as_of(session: Session, source: str, resource: str, id: Id, at: datetime) -> ChangeRow | None:  # noqa: A002
    """The record's last change observed up to that moment: its document is the record as it was."""
    statement = _of_record(source, resource, id).where(col(ChangeRow.observed_at) <= at)
    return session.objects.execute(statement.order_by(col(ChangeRow.version).desc()).limit(1)).scalars().one_or_none()


class Standing(NamedTuple):
    """A record as it stood at a moment."""

    change: Change  #: its last change until then
    first_seen_at: datetime

    @property
    def is_living(self) -> bool:
        return self.change.kind is not Kind.DELETED


def standing(
    session: Session,
    source: str,
    resource: str,
    *,
    at: datetime,
    key: str | None = None,
    parent_key: str | None = None,
    after: Id | None = None,
    limit: int = 1000,
) -> list[Standing]:
    """What the records were at that moment, deleted ones too, by parent and key; those after `after`."""
    named = ((ChangeRow.key, key), (ChangeRow.parent_key, parent_key))
    which = [col(ChangeRow.source) == source, col(ChangeRow.resource) == resource, col(ChangeRow.observed_at) <= at]
    which += [col(column) == value for column, value in named if value is not None]
    identity = (col(ChangeRow.parent_key), col(ChangeRow.key))
    if after is not None:
        which.append(tuple_(*identity) > tuple_(*after))
    latest = (
        select(
            *identity,
            func.max(col(ChangeRow.version)).label("version"),
            func.min(col(ChangeRow.observed_at), type_=types.UtcDateTime).label("first_seen_at"),
        )
        .where(*which)
        .group_by(*identity)
        .order_by(*identity)
        .limit(limit)
        .subquery()
    )
    statement = (
        select(*_columns(), latest.c.first_seen_at)
        .join_from(
            latest,
            ChangeRow,
            and_(*(latest.c[name] == col(getattr(ChangeRow, name)) for name in ("parent_key", "key", "version"))),
        )
        .where(col(ChangeRow.source) == source, col(ChangeRow.resource) == resource)
        .order_by(latest.c.parent_key, latest.c.key)
    )
    return [Standing(change_of(row), row.first_seen_at) for row in sql.run(session, statement)]


def timeline(session: Session, source: str, resource: str, id: Id) -> list[ChangeRow]:  # noqa: A002
    """All of the record's changes, the oldest first."""
    return list(session.objects.execute(_of_record(source, resource, id).order_by(col(ChangeRow.version))).scalars())


def _columns() -> list[Any]:
    """What `change_of` needs of a row, and its number and id."""
    names = ("seq", "id", "source", "resource", "parent_key", "key", "version", "kind", "changed", "previous")
    more = ("document", "observed_after", "observed_at", "scan_id", "salt")
    return [col(getattr(ChangeRow, name)) for name in (*names, *more)]


def logged(row: Any) -> Logged:
    """The same with the id of its event."""
    return Logged(row.id, change_of(row), is_erased=row.salt is None)


def change_of(row: Any) -> Change:
    """The change that a row of the log holds."""
    return Change(
        source=row.source,
        resource=row.resource,
        id=Id(row.parent_key, row.key),
        version=row.version,
        kind=Kind(row.kind),
        changed=tuple(row.changed),
        previous=row.previous,
        document=row.document,
        observed_after=row.observed_after,
        observed_at=row.observed_at.astimezone(UTC),
        scan_id=row.scan_id,
    )


def _of_record(source: str, resource: str, id: Id) -> Any:  # noqa: A002
    return select(ChangeRow).where(
        col(ChangeRow.source) == source,
        col(ChangeRow.resource) == resource,
        col(ChangeRow.parent_key) == id.parent_key,
        col(ChangeRow.key) == id.key,
    )
