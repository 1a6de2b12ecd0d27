"""Notices: events about Mirrorpoint itself, written with what they tell of and owed to points like changes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session

from changes import digests
from storage import locks
from storage.locks import Lock
from storage.tables import DeliveryRow, NoticeRow


def add(
    session: Session,
    *,
    type: str,  # noqa: A002  # the column's name
    subject: str,
    data: Mapping[str, Any],
    now: datetime,
    points: Collection[str],
) -> str:
    """Write a notice and owe it to the points that are named; returns its id."""
    locks.take(session, Lock.OUTBOX)
    (id_,) = digests.ids([now])
    session.add(NoticeRow(id=id_, type=type, subject=subject, at=now, data=dict(data)))
    session.add_all(
        DeliveryRow(notice_id=id_, point=point, record=f"mirrorpoint/{subject}", created_at=now, due_at=now)
        for point in sorted(points)
    )
    session.flush()
    return id_
