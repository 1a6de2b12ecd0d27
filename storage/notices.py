"""Notices: events about Mirrorpoint itself, written in the transaction in which what they tell of happens.

They are owed and sent like changes, and are in no log. Called by the scan step, the delivery step and the record's
keeping; which there are is in `changes/notices.py`.
"""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from changes import clocks, digests, events, routes
from changes.records import Json
from changes.routes import Route
from storage import outbox, sql
from storage.points import receiving
from storage.session import Session


@dataclass(frozen=True, slots=True)
class Written:
    """A notice as it was written."""

    id: str
    type: str
    subject: str
    at: datetime
    data: Mapping[str, Json]


def add(
    session: Session,
    *,
    type: str,  # noqa: A002  # the column's name
    subject: str,
    data: Mapping[str, Json],
    now: datetime,
    points: Collection[str] = (),
    entropy: digests.Entropy = os.urandom,
) -> str:
    """Write a notice and owe it to these points (`asking` tells whose routes want it); returns its id."""
    outbox.lock(session)  # until the commit: a number that can be seen has no lower one that comes later
    ((last,),) = sql.rows(session, "SELECT max(number) FROM mirrorpoint_notice")
    (id_,) = digests.ids([now], entropy=entropy)
    text = """
        INSERT INTO mirrorpoint_notice (id, type, subject, at, data, number)
        VALUES (:id, :type, :subject, :at, :data, :number)
    """
    values = {"id": id_, "type": type, "subject": subject, "at": now, "data": dict(data), "number": (last or 0) + 1}
    sql.change(session, text, **values)
    owe(session, id_, subject=subject, points=points, now=now)
    return id_


def owe(session: Session, id: str, *, subject: str, points: Iterable[str], now: datetime) -> None:  # noqa: A002
    """Owe a notice that is written to these points; those that are owed it already stay as they are."""
    record = events.notice_partition_key(subject)
    owed = [outbox.Owed(None, code, record, notice_id=id) for code in dict.fromkeys(points)]
    outbox.owe(session, owed, now=now)


def asking(session: Session, all_routes: Collection[Route], type: str) -> tuple[str, ...]:  # noqa: A002
    """The codes of the points that a route leads to which asks for notices of the type."""
    if not all_routes:
        return ()
    receivers, pulling = receiving(session)
    return tuple(code for code in routes.notice_owed_to(all_routes, type, receivers) if code not in pulling)


def by_id(session: Session, ids: Sequence[str]) -> dict[str, Written]:
    """The notices with these ids."""
    if not ids:
        return {}
    text = f"""
        SELECT id, type, subject, at AS "at [utc]", data AS "data [json]" FROM mirrorpoint_notice
        WHERE id {sql.among(session, "ids")}
    """
    found = (Written(*row) for row in sql.rows(session, text, ids=tuple(ids)))
    return {notice.id: notice for notice in found}


def subjects(session: Session) -> list[str]:
    """What there are notices about, each once."""
    return [subject for (subject,) in sql.rows(session, "SELECT DISTINCT subject FROM mirrorpoint_notice")]


def is_recent(session: Session, *, type: str, subject: str, within: timedelta, now: datetime) -> bool:  # noqa: A002
    """Whether one of the type was written about the subject of late. One of a clock that was far ahead is none."""
    text = """
        SELECT 1 FROM mirrorpoint_notice
        WHERE subject = :subject AND id > :first_id AND type = :type AND at <= :latest LIMIT 1
    """
    first_id, latest = digests.first_id(now - within), clocks.latest(now)
    return sql.first(session, text, subject=subject, first_id=first_id, type=type, latest=latest) is not None
