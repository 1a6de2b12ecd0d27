"""The tables of what scans find, and of how they stand; reached through `tables.py`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Index, LargeBinary, Text, text
from sqlmodel import Field, SQLModel

from storage import table_fields as of
from storage.long_gaps import LONG_GAP
from storage.states import SuspectState


class ChangeRow(SQLModel, table=True):
    """The log that everything else follows; append-only."""

    __tablename__ = "mirrorpoint_change"
    __table_args__ = (
        # Says that no difference is told twice.
        Index("mirrorpoint_change_record", "source", "resource", "parent_key", "key", "version", unique=True),
        # For who follows one resource: without it all that is left of the resource is sorted for each batch.
        Index("mirrorpoint_change_resource", "source", "resource", "seq"),
        # For who asks which changes a moment lies in: the others are not far behind it. Nearly all changes are others.
        Index(
            "mirrorpoint_change_long",
            "observed_at",
            "observed_after",
            sqlite_where=text(LONG_GAP["sqlite"]),
            postgresql_where=text(LONG_GAP["postgresql"]),
        ),
        {"sqlite_autoincrement": True},  # a number is never given twice, even after retention has emptied the table
    )

    seq: int | None = of.number(default=None, primary_key=True)
    id: str = of.key(index=True, unique=True)  # a UUIDv7: its index grows at its end, as the log does
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
    digest: str = of.text()  # SHA-256 over all other columns but the salt, with the two digests for the values
    salt: str | None = of.text(default=None)  # 16 bytes, hexadecimal; null: document and old values are erased
    document_digest: str | None = of.text(default=None)  # SHA-256 over salt and canonical document; null: none
    previous_digest: str | None = of.text(default=None)  # the same of `previous`


class ScanRow(SQLModel, table=True):
    """One walk through one resource; `position` is where it goes on."""

    __tablename__ = "mirrorpoint_scan"
    __table_args__ = (
        Index("mirrorpoint_scan_resource", "source", "resource", "id"),
        Index("mirrorpoint_scan_running", "source", "resource", **of.where("state = 'running'")),
    )

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
    paused_seconds: float | None = None  # in which it only waited, since its requests are spread


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
    head: dict[str, Any] | None = of.json(default=None, nullable=True)  # how its heads are read, and how far
    all_read_at: datetime | None = of.time(default=None)  # start of the last complete scan that had all living records


class CadenceRow(SQLModel, table=True):
    """What the plan has for a resource, and what it was made of; the row of the source alone has the name ""."""

    __tablename__ = "mirrorpoint_cadence"

    source: str = of.key(primary_key=True)
    resource: str = of.key(primary_key=True)
    planned_at: datetime | None = of.time(default=None)
    rule: str = of.text(default="")  # of the source: digest of the settings that the plan was made of
    class_: str = Field(default="", sa_column=Column("class", Text, nullable=False))
    interval_seconds: float | None = None  # between two full scans; null: off
    head_interval_seconds: float | None = None  # null: no head scans
    spread_seconds: float = 0  # over which a full scan's requests are spread
    requests_per_scan: float = 0
    requests_per_hour: float = 0
    created_seconds: float | None = None  # promised
    updated_seconds: float | None = None
    deleted_seconds: float | None = None
    unkept: list[str] = of.json(default_factory=list, nullable=False)  # promises that the plan itself cannot keep
    why: str = of.text(default="")
    changed_at: datetime | None = of.time(default=None)  # when the interval became what it is
    created: float = 0  # changes that were seen, decayed
    others: float = 0
    seconds: float = 0  # in which they were looked for, decayed
    counted_created: int = of.number(default=0)  # of the tally, up to where they are counted
    counted_others: int = of.number(default=0)
    counted_to: datetime | None = of.time(default=None)  # start of the last complete scan then
    created_broken_at: datetime | None = of.time(default=None)  # since when the promise is broken; null: kept
    updated_broken_at: datetime | None = of.time(default=None)
    deleted_broken_at: datetime | None = of.time(default=None)
    look_at: datetime | None = of.time(default=None)  # when the last look that followed a change was due
    looks_from: datetime | None = of.time(default=None)  # of the source: the hour in which such looks are counted
    looks: float = 0  # of the source: requests that they were granted in that hour
    promised_at: datetime | None = of.time(default=None)  # since when the promises are as short as they are


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


class SeenRow(SQLModel, table=True):
    """Which ids a part of a running scan has seen: their 8-byte hashes, packed."""

    __tablename__ = "mirrorpoint_seen"

    scan_id: str = of.key(primary_key=True)
    part: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    hashes: bytes = Field(sa_type=LargeBinary)
    pages: bytes | None = Field(default=None, sa_type=LargeBinary)  # place and hash of each page, 24 bytes


class PageRow(SQLModel, table=True):
    """What the rows of a flat list's page were at the last scan, by their bytes; a memory that may be lost."""

    __tablename__ = "mirrorpoint_page"

    source: str = of.key(primary_key=True)
    resource: str = of.key(primary_key=True)
    place: int = of.number(primary_key=True, sa_column_kwargs={"autoincrement": False})  # rows before the page
    rule: str = of.text()  # what the rows were read by; another rule reads them anew
    whole: bytes | None = Field(default=None, sa_type=LargeBinary)  # a keyed hash of all rows, if all are remembered
    seen: bytes = Field(sa_type=LargeBinary)  # then: the hashes of their ids, as in mirrorpoint_seen
    keys: str = of.text()  # JSON lists, in the order of the marks; what is wanted of most pages stands before these
    marks: bytes = Field(sa_type=LargeBinary)  # a keyed hash of each row's bytes, 16 bytes each
    fingerprints: str = of.text()


class GenerationRow(SQLModel, table=True):
    """How often rows that a source has in a mirrored table were changed or removed, by whomever; triggers count it.

    And when all of them were compared with the change log last.
    """

    __tablename__ = "mirrorpoint_generation"

    source: str = of.key(primary_key=True)
    resource: str = of.key(primary_key=True)
    generation: int = of.number()
    own: int = of.number(default=0, sa_column_kwargs={"server_default": "0"})  # how often by Mirrorpoint itself
    settled: int | None = of.number(default=None)  # how often by others, up to a comparison of all rows with the log
    settled_at: datetime | None = of.time(default=None)  # when that was done


class ComparedRow(SQLModel, table=True):
    """The pages of a flat list's last complete scan, whose rows the mirror had just so; a memory that may be lost."""

    __tablename__ = "mirrorpoint_compared"

    source: str = of.key(primary_key=True)
    resource: str = of.key(primary_key=True)
    rule: str = of.text()  # what the rows were read by
    generation: int = of.number()  # of the mirror at the end of that scan
    pages: bytes = Field(sa_type=LargeBinary)  # place and hash of each page, 24 bytes


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
    held_by: str | None = of.text(default=None)  # the scan that held it first; null: no person's word is needed
