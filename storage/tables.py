"""Every bookkeeping table, on one page; `mirror_tables.py` has the mirrored resources.

Read and written by the other files of this room. A change here needs a migration (a test compares the two).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, LargeBinary
from sqlmodel import Field, SQLModel

from storage import table_fields
from storage import table_fields as of
from storage.states import DeliveryState, PointState, SuspectState


class ChangeRow(SQLModel, table=True):
    """The log that everything else follows; append-only."""

    __tablename__ = "mirrorpoint_change"
    __table_args__ = (
        # Says that no difference is told twice. `id` follows from the same columns, and an index of its own would be
        # written at random places, which takes the longer the longer the log is.
        Index("mirrorpoint_change_record", "source", "resource", "parent_key", "key", "version", unique=True),
        # For who follows one resource: without it all that is left of the resource is sorted for each batch.
        Index("mirrorpoint_change_resource", "source", "resource", "seq"),
        {"sqlite_autoincrement": True},  # a number is never given twice, even after retention has emptied the table
    )

    seq: int | None = of.number(default=None, primary_key=True)
    id: str = of.key()
    source: str = of.key()
    resource: str = of.key()
    parent_key: str = of.key()
    key: str = of.key()
    version: int
    kind: str = of.text()
    changed: list[str] = of.json(nullable=False)
    previous: dict[str, Any] = of.json(nullable=False)
    document: Any = of.json(default=None, nullable=True)
    observed_after: datetime | None = of.time(default=None)
    observed_at: datetime = of.time(index=True)
    scan_id: str = of.text()
    digest: str = of.text()


class ScanRow(SQLModel, table=True):
    """One walk through one resource; `position` is where it goes on."""

    __tablename__ = "mirrorpoint_scan"
    __table_args__ = (Index("mirrorpoint_scan_resource", "source", "resource", "id"),)

    id: str = of.key(primary_key=True)
    source: str = of.key()
    resource: str = of.key()
    kind: str = of.text()  # full, head
    state: str = of.text()  # one of ScanState
    reason: str | None = of.text(default=None)
    started_at: datetime = of.time()
    ended_at: datetime | None = of.time(default=None)
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
    total: int | None = of.number(default=None)  # the last that the source said
    position: dict[str, Any] | None = of.json(default=None, nullable=True)
    fence: int = 0
    heartbeat_at: datetime | None = of.time(default=None)


class ResourceRow(SQLModel, table=True):
    """What is known of a resource as a whole."""

    __tablename__ = "mirrorpoint_resource"

    source: str = of.key(primary_key=True)
    resource: str = of.key(primary_key=True)
    baseline_at: datetime | None = of.time(default=None)  # end of the first complete scan: before it all is a snapshot
    last_complete_id: str | None = of.text(default=None)
    last_complete_started_at: datetime | None = of.time(default=None)
    last_complete_at: datetime | None = of.time(default=None)
    last_problem: str | None = of.text(default=None)
    last_problem_at: datetime | None = of.time(default=None)
    next_at: datetime | None = of.time(default=None)
    item_path_proven_at: datetime | None = of.time(default=None)  # when it answered for a record known to be there
    failures: int = of.count()  # scans in a row that were not complete
    rests_until: datetime | None = of.time(default=None)  # not scanned by itself before then
    crashes: int = of.count()  # how often in a row its process ended at the same place of a scan
    crashed_part: int | None = None  # which place: the number of batches written before
    learned: dict[str, Any] | None = of.json(default=None, nullable=True)  # how its server counts; null: nothing yet
    read_as: dict[str, Any] | None = of.json(default=None, nullable=True)  # what of the catalogue decided who is who


class SlotRow(SQLModel, table=True):
    """A moment at which a resource is to be scanned; two clocks write the same one."""

    __tablename__ = "mirrorpoint_slot"
    __table_args__ = (Index("mirrorpoint_slot_waiting", "source", "resource", **of.where("done_at IS NULL")),)

    source: str = of.key(primary_key=True)
    resource: str = of.key(primary_key=True)
    kind: str = of.key(primary_key=True)
    slot_at: datetime = of.time(primary_key=True)
    woken_at: datetime | None = of.time(default=None)
    handed_back_at: datetime | None = of.time(default=None)  # its wake-up found no room; who makes room wakes it again
    scan_id: str | None = of.text(default=None)
    done_at: datetime | None = of.time(default=None)


class LeaseRow(SQLModel, table=True):
    """Who may work on what; the fence only ever grows."""

    __tablename__ = "mirrorpoint_lease"

    name: str = of.key(primary_key=True)
    holder: str = of.text()
    fence: int = of.number()
    expires_at: datetime | None = of.time(default=None)  # null: free


class SeenRow(SQLModel, table=True):
    """Which ids a part of a running scan has seen: their 8-byte hashes, packed."""

    __tablename__ = "mirrorpoint_seen"

    scan_id: str = of.key(primary_key=True)
    part: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    hashes: bytes = Field(sa_type=LargeBinary)


class PageRow(SQLModel, table=True):
    """What the rows of a flat list's page were at the last scan, by their bytes; a memory that may be lost."""

    __tablename__ = "mirrorpoint_page"

    source: str = of.key(primary_key=True)
    resource: str = of.key(primary_key=True)
    place: int = of.number(primary_key=True, sa_column_kwargs={"autoincrement": False})  # rows before the page
    rule: str = of.text()  # what the rows were read by; another rule reads them anew
    marks: bytes = Field(sa_type=LargeBinary)  # a keyed hash of each row's bytes, 16 bytes each
    keys: str = of.text()  # JSON lists, in the order of the marks
    fingerprints: str = of.text()


class SuspectRow(SQLModel, table=True):
    """A record that a complete scan did not have and whose deletion is not confirmed yet."""

    __tablename__ = "mirrorpoint_suspect"

    source: str = of.key(primary_key=True)
    resource: str = of.key(primary_key=True)
    parent_key: str = of.key(primary_key=True)
    key: str = of.key(primary_key=True)
    scan_id: str = of.text()  # the last scan that did not have it
    since: datetime | None = of.time(default=None)  # start of the last scan that had it
    absent_scans: int = 1
    state: str = of.text(default=SuspectState.ABSENT)
    held_by: str | None = of.text(default=None)  # the scan that held it first


class DeliveryRow(SQLModel, table=True):
    """One event owed to one point."""

    __tablename__ = "mirrorpoint_delivery"
    __table_args__ = (
        Index("mirrorpoint_delivery_change_point", "change_seq", "point", unique=True),
        Index("mirrorpoint_delivery_open", "point", "record", "change_seq", **of.where("state IN ('due', 'leased')")),
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
    change_seq: int = of.number()
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


class AttemptRow(SQLModel, table=True):
    """One try of a delivery and what came of it."""

    __tablename__ = "mirrorpoint_attempt"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: int | None = of.number(default=None, primary_key=True)
    delivery_id: int = of.number(index=True)
    change_seq: int = of.number()
    point: str = of.key()
    attempted_at: datetime = of.time()
    duration_ms: int
    status: int | None = None
    error: str | None = of.text(default=None)
    answer: str | None = of.text(default=None)  # the first 2 KB of a refusing answer, secrets cut out


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


class SealRow(SQLModel, table=True):
    """A batch of changes under one digest, chained to the batch before."""

    __tablename__ = "mirrorpoint_seal"

    seq_from: int = of.number(primary_key=True, sa_column_kwargs={"autoincrement": False})
    seq_to: int = of.number(unique=True)
    digest: str = of.text()
    previous: str = of.text()  # the digest of the batch before, empty for the first
    sealed_at: datetime = of.time()


class BudgetRow(SQLModel, table=True):
    """When a source may be asked again, for all processes together."""

    __tablename__ = "mirrorpoint_budget"

    name: str = of.key(primary_key=True)
    next_at: datetime | None = of.time(default=None)
    paused_until: datetime | None = of.time(default=None)
    waited_at: datetime | None = of.time(default=None)  # when a scan last found no permit and waited for one
    failures: int = of.count()  # scans in a row, of any resource, that the source's trouble ended
    rests_until: datetime | None = of.time(default=None)  # not scanned by itself before then


class PermitRow(SQLModel, table=True):
    """One of a source's concurrent requests; a dead process gives it back by its expiry."""

    __tablename__ = "mirrorpoint_permit"

    source: str = of.key(primary_key=True)
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    holder: str | None = of.text(default=None)
    expires_at: datetime | None = of.time(default=None)


class TokenRow(SQLModel, table=True):
    """A source's tokens, encrypted, shared by all processes."""

    __tablename__ = "mirrorpoint_token"

    source: str = of.key(primary_key=True)
    access: str | None = of.text(default=None)
    refresh: str | None = of.text(default=None)
    expires_at: datetime | None = of.time(default=None)
    sign_ins: list[str] = of.json(
        default_factory=list, nullable=False
    )  # stamps of the last ones: at most five a minute
    refused_at: datetime | None = of.time(default=None)
    refused_reason: str | None = of.text(default=None)


class ProcessRow(SQLModel, table=True):
    """A clock or a worker, and when it last gave a sign of life: a worker's passes through the broker."""

    __tablename__ = "mirrorpoint_process"

    name: str = of.key(primary_key=True)  # kind, host and process id
    kind: str = of.text()  # clock, scan, deliver, scan+deliver
    host: str = of.text()
    started_at: datetime = of.time()
    beat_at: datetime = of.time()


class PreparedRow(SQLModel, table=True):
    """Which definition a mirror table was last brought to, so that an unchanged start need not look at it."""

    __tablename__ = "mirrorpoint_prepared"

    name: str = of.key(primary_key=True)
    digest: str = of.text()


class ActionRow(SQLModel, table=True):
    """A thing that a person did: one row for the intent, before the deed, and one for what became of it."""

    __tablename__ = "mirrorpoint_action"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: int | None = table_fields.number(default=None, primary_key=True)
    # `of` is a column here, so the kinds of columns go by their whole name.
    of: int | None = table_fields.number(default=None, index=True)  # of an outcome: the intent; null for intents
    at: datetime = table_fields.time()
    who: str = table_fields.text()  # the system user
    how: str = table_fields.text()  # command
    what: str = table_fields.text()  # approve, points edit, deliveries retry, …
    target: str = table_fields.text()  # the scan, the point, … that it was done to
    arguments: dict[str, Any] = table_fields.json(nullable=False)  # without secrets
    outcome: str | None = table_fields.text(default=None)  # of an outcome: what came of it


class InstallationRow(SQLModel, table=True):
    """What this database knows of itself, by name: which seal key its secrets were sealed with."""

    __tablename__ = "mirrorpoint_installation"

    name: str = of.key(primary_key=True)
    value: str = of.text()
