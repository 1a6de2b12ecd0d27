"""The points that are mirrored from records, where the content of a record is to be erased; for tasks/erasing.py."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, update
from sqlmodel import col

from changes.records import Id
from changes.resources import child_parent_key
from storage import outbox, sql
from storage.session import Session
from storage.states import PointState
from storage.tables import PointRow


def is_in_use(session: Session, source: str, id: Id) -> bool:  # noqa: A002
    """Whether the record's point may be sent to, or would be once another one of its code has gone."""
    which = (*_of_record(source, id), col(PointRow.state) != PointState.REMOVED)
    return sql.run(session, select(col(PointRow.id)).where(*which)).first() is not None


def empty(session: Session, source: str, id: Id) -> None:  # noqa: A002
    """Keep of a point that is removed only its code, by which deliveries name it."""
    outbox.lock(session)  # before any row of a point is touched
    which = (*_of_record(source, id), col(PointRow.state) == PointState.REMOVED)
    sql.run(session, update(PointRow).where(*which).values(type=None, url=None, token=None, token_local=None))


def _of_record(source: str, id_: Id) -> tuple[Any, ...]:
    key = child_parent_key(id_.parent_key, id_.key) if id_.parent_key else id_.key
    return (col(PointRow.source) == source, col(PointRow.origin) == "mirrored", col(PointRow.key) == key)
