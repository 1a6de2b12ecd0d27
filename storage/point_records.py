"""The points that are mirrored from records, where the content of a record is to be erased; for tasks/erasing.py."""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

from changes.records import Id
from changes.resources import child_parent_key
from storage import outbox, sql
from storage.session import Session
from storage.states import PointState

#: The points of the record, of those of its source.
_OF_RECORD = "source = :source AND origin = 'mirrored' AND key = :key"


def is_in_use(session: Session, source: str, id: Id) -> bool:  # noqa: A002
    """Whether the record's point may be sent to, or would be once another one of its code has gone."""
    text = f"SELECT 1 FROM mirrorpoint_point WHERE {_OF_RECORD} AND state <> :removed LIMIT 1"
    return sql.first(session, text, source=source, key=_key(id), removed=PointState.REMOVED) is not None


def empty(session: Session, source: str, id: Id) -> None:  # noqa: A002
    """Keep of a point that is removed only its code, by which deliveries name it."""
    outbox.lock(session)  # before any row of a point is touched
    text = f"""
        UPDATE mirrorpoint_point SET type = NULL, url = NULL, token = NULL, token_local = NULL
        WHERE {_OF_RECORD} AND state = :removed
    """
    sql.change(session, text, source=source, key=_key(id), removed=PointState.REMOVED)


def _key(id_: Id) -> str:
    return child_parent_key(id_.parent_key, id_.key) if id_.parent_key else id_.key
