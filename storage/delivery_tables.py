"""The tables of points and of what they are owed; reached through `tables.py`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import SQLModel

from storage import table_fields as of
from storage.states import DeliveryState, PointState


class DeliveryRow(SQLModel, table=True):
    """One event owed to one point."""

    __tablename__ = "mirrorpoint_delivery"
    __table_args__ = (
        Index("mirrorpoint_delivery_change_point", "change_seq", "point", unique=True),
        Index("mirrorpoint_delivery_notice_point", "notice_id", "point", unique=True),
        Index(
            "mirrorpoint_delivery_open", "point", "record", "change_seq", "id", **of.where("state IN ('due', 'leased')")
        ),
        Index(
            "mirrorpoint_delivery_head",
            "point",
            "due_at",
            "change_seq",
            **of.where("state = 'due' AND due_at IS NOT NULL"),
        ),
        Index("mirrorpoint_delivery_leased", "leased_until", **of.where("state = 'leased'")),
        Index("mirrorpoint_delivery_dead", "point", "id", **of.where("state = 'dead'")),
        {"sqlite_autoincrement": True},
    )

    id: int | None = of.number(default=None, primary_key=True)
    change_seq: int | None = of.number(default=None)  # null: what is owed is a notice
    point: str = of.key()
    record: str = of.key()  # the partition key: one record's events keep their order
    state: str = of.text(default=DeliveryState.DUE)
    attempts: int = 0
    due_at: datetime | None = of.time(default=None)  # null while an earlier event of the record is still owed
    leased_until: datetime | None = of.time(default=None)
    fence: int = 0
    last_status: int | None = None
    last_error: str | None = of.text(default=None)
    losses: int = of.count()  # how often in a row its lease ran out: the process that attempted it has ended
    created_at: datetime = of.time()
    delivered_at: datetime | None = of.time(default=None)
    leased_by: str | None = of.text(default=None)  # the process that attempts it
    notice_id: str | None = of.key(default=None)
    event_id: str | None = of.text(default=None)  # null: the change's own; else that of a replay as new


class AttemptRow(SQLModel, table=True):
    """One try of a delivery and what came of it."""

    __tablename__ = "mirrorpoint_attempt"
    __table_args__ = (
        Index("mirrorpoint_attempt_answered", "point", "id", **of.where("answer IS NOT NULL")),
        {"sqlite_autoincrement": True},
    )

    id: int | None = of.number(default=None, primary_key=True)
    delivery_id: int = of.number(index=True)
    change_seq: int | None = of.number(default=None)  # null: a notice was sent
    point: str = of.key()
    attempted_at: datetime = of.time()
    duration_ms: int
    status: int | None = None
    error: str | None = of.text(default=None)
    answer: str | None = of.text(default=None)  # the first 2 KB of a refusing answer, secrets cut out


class NoticeRow(SQLModel, table=True):
    """An event about Mirrorpoint itself, owed and sent like a change."""

    __tablename__ = "mirrorpoint_notice"
    __table_args__ = (
        Index("mirrorpoint_notice_subject", "subject", "id"),
        Index("mirrorpoint_notice_number", "number", unique=True),
    )

    id: str = of.key(primary_key=True)  # a UUIDv7
    type: str = of.key()  # mirrorpoint.sealed, …
    subject: str = of.key()  # what it is about; those of one subject are sent in order
    at: datetime = of.time()
    data: dict[str, Any] = of.json(nullable=False)
    number: int | None = of.number(default=None)  # in the order of the commits, so that a reader misses none


class ReaderRow(SQLModel, table=True):
    """How far somebody has read the feed."""

    __tablename__ = "mirrorpoint_reader"

    kind: str = of.key(primary_key=True)  # token or point
    name: str = of.key(primary_key=True)  # the token's name or the point's code
    seq: int = of.number()  # everything up to here it has
    at: datetime = of.time()  # when it last asked


class PointRow(SQLModel, table=True):
    """An integration point, own or mirrored; of all rows with one code at most one receives."""

    __tablename__ = "mirrorpoint_point"
    __table_args__ = (
        Index("mirrorpoint_point_code", "code", unique=True, **of.where("state IN ('active', 'disabled', 'gone')")),
    )

    id: str = of.key(primary_key=True)  # a UUID
    code: str = of.key(index=True)
    origin: str = of.text()  # configured, added, mirrored
    source: str | None = of.text(default=None)  # of a mirrored one
    key: str | None = of.text(default=None)  # of a mirrored one: its record's
    type: str | None = of.text(default=None)
    url: str | None = of.text(default=None)
    token: str | None = of.text(default=None)  # encrypted
    secret: str | None = of.text(default=None)  # encrypted
    state: str = of.text(default=PointState.ACTIVE)
    state_reason: str | None = of.text(default=None)
    created_at: datetime = of.time()
    changed_at: datetime = of.time()
    delivered: int = of.number(default=0)  # kept here, since counting them would take longer with every event
    last_status: int | None = None
    last_attempt_at: datetime | None = of.time(default=None)
    recent: str = of.text(default="")  # the last attempts, the newest last: + answered, - failed
    pauses: int = 0  # in a row
    paused_until: datetime | None = of.time(default=None)  # nothing is attempted before then, one delivery after it
    paused_at: datetime | None = of.time(default=None)  # since when a person has it paused; null: nobody has
    next_start_at: datetime | None = of.time(default=None)  # its rate limit: no attempt begins before then
    options: dict[str, Any] = of.options()  # how it is sent to, where that differs from [delivery]
    sealed_options: str | None = of.text(default=None)  # the same for what is secret, encrypted: headers, proxy
    token_local: str | None = of.text(default=None)  # sealed: the password with which it reads the feed
    entity: dict[str, Any] = of.options()  # of an own one: what else its entity has, as changes/point_entities.py says
