"""The tables of what processes share, and of what was done to an installation; reached through `tables.py`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from storage import table_fields
from storage import table_fields as of


class LeaseRow(SQLModel, table=True):
    """Who may work on what; the fence only ever grows."""

    __tablename__ = "mirrorpoint_lease"

    name: str = of.key(primary_key=True)
    holder: str = of.text()
    fence: int = of.number()
    expires_at: datetime | None = of.time(default=None)  # null: free


class BudgetRow(SQLModel, table=True):
    """When a source may be asked again, for all processes together."""

    __tablename__ = "mirrorpoint_budget"

    name: str = of.key(primary_key=True)
    next_at: datetime | None = of.time(default=None)
    paused_until: datetime | None = of.time(default=None)
    waited_at: datetime | None = of.time(default=None)  # when a scan last found no permit and waited for one
    failures: int = of.count()  # scans in a row, of any resource, that the source's trouble ended
    rests_until: datetime | None = of.time(default=None)  # not scanned by itself before then
    trouble: str | None = of.text(default=None)  # one of SourceTrouble; null: it answers
    trouble_since: datetime | None = of.time(default=None)
    trouble_reason: str | None = of.text(default=None)  # the latest


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

    id: int | None = table_fields.number(default=None, primary_key=True)  # without gaps
    # `of` is a column here, so the kinds of columns go by their whole name.
    of: int | None = table_fields.number(default=None, index=True)  # of an outcome: the intent; null for intents
    at: datetime = table_fields.time()
    who: str = table_fields.text()  # the system user
    how: str = table_fields.text()  # command
    what: str = table_fields.text()  # approve, points edit, deliveries retry, …
    target: str = table_fields.text()  # the scan, the point, … that it was done to
    arguments: dict[str, Any] = table_fields.json(nullable=False)  # without secrets
    outcome: str | None = table_fields.text(default=None)  # of an outcome: what came of it
    digest: str = table_fields.text(sa_column_kwargs={"server_default": ""})  # SHA-256 over all other columns


class InstallationRow(SQLModel, table=True):
    """What this database knows of itself, by name: which seal key its secrets were sealed with."""

    __tablename__ = "mirrorpoint_installation"

    name: str = of.key(primary_key=True)
    value: str = of.text()


class TallyRow(SQLModel, table=True):
    """What was done, counted in the very transaction that did it: of all time, and by the hour for a day."""

    __tablename__ = "mirrorpoint_tally"

    hour: int = of.number(primary_key=True, sa_column_kwargs={"autoincrement": False})  # since 1970; 0: of all time
    name: str = of.key(primary_key=True)  # changes, scans, requests, deliveries, …
    labels: str = of.key(primary_key=True)  # a JSON list: ["backoffice", "products", "updated"]
    number: int = of.number()
