"""The tables of the record's proof: checkpoints, the tree's upper hashes, what was kept elsewhere, what was verified.

Reached through `tables.py`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from storage import table_fields as of


class SealRow(SQLModel, table=True):
    """A checkpoint: what a log came to at one of its sizes."""

    __tablename__ = "mirrorpoint_seal"

    log: str = of.key(primary_key=True)  # changes, actions
    size: int = of.number(primary_key=True, sa_column_kwargs={"autoincrement": False})
    root: str = of.text()  # the tree's root, hexadecimal
    checkpoint: str | None = of.text(default=None)  # the whole signed note; null: there was no signing key
    sealed_at: datetime = of.time()


class TileRow(SQLModel, table=True):
    """The root of a complete part of a tree: of 256 leaves at level 1, of 256 such parts at each level above."""

    __tablename__ = "mirrorpoint_tile"

    log: str = of.key(primary_key=True)
    level: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    number: int = of.number(primary_key=True, sa_column_kwargs={"autoincrement": False})  # counted from 0
    root: str = of.text()  # hexadecimal


class KeptRow(SQLModel, table=True):
    """A checkpoint that was stored outside the database, or could not be."""

    __tablename__ = "mirrorpoint_kept"
    __table_args__ = (Index("mirrorpoint_kept_target", "target", "log", "id"), {"sqlite_autoincrement": True})

    id: int | None = of.number(default=None, primary_key=True)
    log: str = of.key()
    size: int = of.number()
    target: str = of.key()  # as it is configured: file:…, point:…, witness:…, timestamp:…
    at: datetime = of.time()
    receipt: str | None = of.text(default=None)  # a witness's cosignatures, or a time stamp's token in base64
    error: str | None = of.text(default=None)  # why it could not be kept; null where it was


class VerificationRow(SQLModel, table=True):
    """One look at the whole record, and what came of it."""

    __tablename__ = "mirrorpoint_verification"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: int | None = of.number(default=None, primary_key=True)
    started_at: datetime = of.time()
    ended_at: datetime = of.time()
    how: str = of.text()  # command, by itself
    is_ok: bool
    changes: int = of.number()  # so many were in the log
    checks: list[dict[str, Any]] = of.json(nullable=False)
    first_bad: dict[str, Any] | None = of.json(default=None, nullable=True)
