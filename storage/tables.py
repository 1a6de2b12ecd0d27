"""Every bookkeeping table, on one page; `mirror_tables.py` has the mirrored resources.

Read and written by the other files of this room. A change here needs a migration (a test compares the two).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, LargeBinary, Text, text
from sqlmodel import Field, SQLModel

from storage.types import BigId, JsonColumn, KeyText, UtcDateTime

PREFIX = "mirrorpoint_"


def _key(**more: Any) -> Any:
    return Field(sa_type=KeyText, **more)


def _text(**more: Any) -> Any:
    return Field(sa_type=Text, **more)


def _time(**more: Any) -> Any:
    return Field(sa_type=UtcDateTime, **more)


def _json(**more: Any) -> Any:
    return Field(sa_type=JsonColumn, **more)


def _number(**more: Any) -> Any:
    return Field(sa_type=BigId, **more)


def _count() -> Any:
    return Field(default=0, sa_column_kwargs={"server_default": "0"})


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


class ChangeRow(SQLModel, table=True):
    """The log that everything else follows; append-only."""

    __tablename__ = "mirrorpoint_change"
    __table_args__ = (
        Index("mirrorpoint_change_record", "source", "resource", "parent_key", "key", "seq"),
        {"sqlite_autoincrement": True},  # a number is never given twice, even after retention has emptied the table
    )

    seq: int | None = _number(default=None, primary_key=True)
    id: str = _key(unique=True)
    source: str = _key()
    resource: str = _key()
    parent_key: str = _key()
    key: str = _key()
    version: int
    kind: str = _text()
    changed: list[str] = _json(nullable=False)
    previous: dict[str, Any] = _json(nullable=False)
    document: Any = _json(default=None, nullable=True)
    observed_after: datetime | None = _time(default=None)
    observed_at: datetime = _time(index=True)
    scan_id: str = _text()
    digest: str = _text()


class ScanRow(SQLModel, table=True):
    """One walk through one resource; `position` is where it goes on."""

    __tablename__ = "mirrorpoint_scan"
    __table_args__ = (Index("mirrorpoint_scan_resource", "source", "resource", "id"),)

    id: str = _key(primary_key=True)
    source: str = _key()
    resource: str = _key()
    kind: str = _text()  # full, head
    state: str = _text()  # running, complete, drifted, partial, failed
    reason: str | None = _text(default=None)
    started_at: datetime = _time()
    ended_at: datetime | None = _time(default=None)
    pages: int = 0
    requests: int = 0
    rows: int = 0
    created: int = 0
    updated: int = 0
    deleted: int = 0
    restored: int = 0
    skipped: int = 0
    held: int = 0
    doubles: int = 0
    repaired: int = 0
    unconverted: int = 0
    total: int | None = _number(default=None)  # the last that the source said
    position: dict[str, Any] | None = _json(default=None, nullable=True)
    fence: int = 0
    heartbeat_at: datetime | None = _time(default=None)


class ResourceRow(SQLModel, table=True):
    """What is known of a resource as a whole."""

    __tablename__ = "mirrorpoint_resource"

    source: str = _key(primary_key=True)
    resource: str = _key(primary_key=True)
    baseline_at: datetime | None = _time(default=None)  # end of the first complete scan: before it all is a snapshot
    last_complete_id: str | None = _text(default=None)
    last_complete_started_at: datetime | None = _time(default=None)
    last_complete_at: datetime | None = _time(default=None)
    last_problem: str | None = _text(default=None)
    last_problem_at: datetime | None = _time(default=None)
    next_at: datetime | None = _time(default=None)
    item_path_proven_at: datetime | None = _time(default=None)  # when it answered for a record known to be there
    failures: int = _count()  # scans in a row that were not complete
    rests_until: datetime | None = _time(default=None)  # not scanned by itself before then
    crashes: int = _count()  # how often in a row its process ended at the same place of a scan
    crashed_part: int | None = None  # which place: the number of batches written before


class SlotRow(SQLModel, table=True):
    """A moment at which a resource is to be scanned; two clocks write the same one."""

    __tablename__ = "mirrorpoint_slot"
    __table_args__ = (Index("mirrorpoint_slot_waiting", "source", "resource", **_where("done_at IS NULL")),)

    source: str = _key(primary_key=True)
    resource: str = _key(primary_key=True)
    kind: str = _key(primary_key=True)
    slot_at: datetime = _time(primary_key=True)
    woken_at: datetime | None = _time(default=None)
    handed_back_at: datetime | None = _time(default=None)  # its wake-up found no room; who makes room wakes it again
    scan_id: str | None = _text(default=None)
    done_at: datetime | None = _time(default=None)


class LeaseRow(SQLModel, table=True):
    """Who may work on what; the fence only ever grows."""

    __tablename__ = "mirrorpoint_lease"

    name: str = _key(primary_key=True)
    holder: str = _text()
    fence: int = _number()
    expires_at: datetime | None = _time(default=None)  # null: free


class SeenRow(SQLModel, table=True):
    """Which ids a part of a running scan has seen: their 8-byte hashes, packed."""

    __tablename__ = "mirrorpoint_seen"

    scan_id: str = _key(primary_key=True)
    part: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    hashes: bytes = Field(sa_type=LargeBinary)


class SuspectRow(SQLModel, table=True):
    """A record that a complete scan did not have and whose deletion is not confirmed yet."""

    __tablename__ = "mirrorpoint_suspect"

    source: str = _key(primary_key=True)
    resource: str = _key(primary_key=True)
    parent_key: str = _key(primary_key=True)
    key: str = _key(primary_key=True)
    scan_id: str = _text()  # the last scan that did not have it
    since: datetime | None = _time(default=None)  # start of the last scan that had it
    absent_scans: int = 1
    state: str = _text(default="absent")  # absent, confirmed, held, approved
    held_by: str | None = _text(default=None)  # the scan that held it first


class DeliveryRow(SQLModel, table=True):
    """One event owed to one point."""

    __tablename__ = "mirrorpoint_delivery"
    __table_args__ = (
        Index("mirrorpoint_delivery_change_point", "change_seq", "point", unique=True),
        Index("mirrorpoint_delivery_open", "point", "record", "change_seq", **_where("state IN ('due', 'leased')")),
        Index(
            "mirrorpoint_delivery_head",
            "point",
            "due_at",
            "change_seq",
            **_where("state = 'due' AND due_at IS NOT NULL"),
        ),
        Index("mirrorpoint_delivery_leased", "leased_until", **_where("state = 'leased'")),
        Index("mirrorpoint_delivery_dead", "point", "id", **_where("state = 'dead'")),
        {"sqlite_autoincrement": True},
    )

    id: int | None = _number(default=None, primary_key=True)
    change_seq: int = _number()
    point: str = _key()
    record: str = _key()  # the partition key: one record's events keep their order
    state: str = _text(default="due")  # due, leased, delivered, dead, skipped
    attempts: int = 0
    due_at: datetime | None = _time(default=None)  # null while an earlier event of the record is still owed
    leased_until: datetime | None = _time(default=None)
    fence: int = 0
    last_status: int | None = None
    last_error: str | None = _text(default=None)
    losses: int = _count()  # how often in a row its lease ran out: the process that attempted it has ended
    created_at: datetime = _time()
    delivered_at: datetime | None = _time(default=None)


class AttemptRow(SQLModel, table=True):
    """One try of a delivery and what came of it."""

    __tablename__ = "mirrorpoint_attempt"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: int | None = _number(default=None, primary_key=True)
    delivery_id: int = _number(index=True)
    change_seq: int = _number()
    point: str = _key()
    attempted_at: datetime = _time()
    duration_ms: int
    status: int | None = None
    error: str | None = _text(default=None)


class PointRow(SQLModel, table=True):
    """An integration point, own or mirrored; of all rows with one code at most one receives."""

    __tablename__ = "mirrorpoint_point"
    __table_args__ = (
        Index("mirrorpoint_point_code", "code", unique=True, **_where("state IN ('active', 'disabled', 'gone')")),
    )

    id: str = _key(primary_key=True)  # a UUID
    code: str = _key(index=True)
    origin: str = _text()  # configured, added, mirrored
    source: str | None = _text(default=None)  # of a mirrored one
    key: str | None = _text(default=None)  # of a mirrored one: its record's
    type: str | None = _text(default=None)
    url: str | None = _text(default=None)
    token: str | None = _text(default=None)  # encrypted
    secret: str | None = _text(default=None)  # encrypted
    state: str = _text(default="active")  # active, disabled, gone, removed, shadowed
    state_reason: str | None = _text(default=None)
    created_at: datetime = _time()
    changed_at: datetime = _time()
    delivered: int = _number(default=0)  # kept here, since counting them would take longer with every event
    last_status: int | None = None
    last_attempt_at: datetime | None = _time(default=None)
    recent: str = _text(default="")  # the last attempts, the newest last: + answered, - failed
    pauses: int = 0  # in a row
    paused_until: datetime | None = _time(default=None)  # nothing is attempted before then, one delivery after it


class SealRow(SQLModel, table=True):
    """A batch of changes under one digest, chained to the batch before."""

    __tablename__ = "mirrorpoint_seal"

    seq_from: int = _number(primary_key=True, sa_column_kwargs={"autoincrement": False})
    seq_to: int = _number(unique=True)
    digest: str = _text()
    previous: str = _text()  # the digest of the batch before, empty for the first
    sealed_at: datetime = _time()


class BudgetRow(SQLModel, table=True):
    """When a source may be asked again, for all processes together."""

    __tablename__ = "mirrorpoint_budget"

    name: str = _key(primary_key=True)
    next_at: datetime | None = _time(default=None)
    paused_until: datetime | None = _time(default=None)
    failures: int = _count()  # scans in a row, of any resource, that the source's trouble ended
    rests_until: datetime | None = _time(default=None)  # not scanned by itself before then


class PermitRow(SQLModel, table=True):
    """One of a source's concurrent requests; a dead process gives it back by its expiry."""

    __tablename__ = "mirrorpoint_permit"

    source: str = _key(primary_key=True)
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    holder: str | None = _text(default=None)
    expires_at: datetime | None = _time(default=None)


class TokenRow(SQLModel, table=True):
    """A source's tokens, encrypted, shared by all processes."""

    __tablename__ = "mirrorpoint_token"

    source: str = _key(primary_key=True)
    access: str | None = _text(default=None)
    refresh: str | None = _text(default=None)
    expires_at: datetime | None = _time(default=None)
    sign_ins: list[str] = _json(default_factory=list, nullable=False)  # stamps of the last ones: at most five a minute
    refused_at: datetime | None = _time(default=None)
    refused_reason: str | None = _text(default=None)


class ProcessRow(SQLModel, table=True):
    """A clock or a worker, and when it last gave a sign of life: a worker's passes through the broker."""

    __tablename__ = "mirrorpoint_process"

    name: str = _key(primary_key=True)  # kind, host and process id
    kind: str = _text()  # clock, scan, deliver, scan+deliver
    host: str = _text()
    started_at: datetime = _time()
    beat_at: datetime = _time()


class PreparedRow(SQLModel, table=True):
    """Which definition a mirror table was last brought to, so that an unchanged start need not look at it."""

    __tablename__ = "mirrorpoint_prepared"

    name: str = _key(primary_key=True)
    digest: str = _text()
