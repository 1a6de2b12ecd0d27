"""Rows of points: what kinds their columns are, and drafts, of which what differs from the table is written.

Used by the other files of points.
"""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from storage import sql
from storage.session import Session
from storage.states import PointState

_TIMES = frozenset({"created_at", "changed_at", "last_attempt_at", "paused_until", "paused_at", "next_start_at"})
_JSON = frozenset({"options", "entity"})
_NAMESPACE = uuid.UUID("5f0c1d0e-7c1e-5b39-9d8e-6b0f3d1b7a42")


def columns(names: Iterable[str]) -> str:
    """These columns of points, for the text of a SELECT."""
    return sql.columns(*names, utc=_TIMES, json=_JSON)


@dataclass(slots=True, repr=False)  # its url and its tokens are not to be shown
class Draft:
    """A point as it is to stand, column by column. The table follows when `write` is called."""

    id: str
    code: str
    origin: str  #: configured, added, mirrored
    state: str  #: one of PointState
    created_at: datetime
    changed_at: datetime
    source: str | None = None
    key: str | None = None
    type: str | None = None
    url: str | None = None
    token: str | None = None  #: encrypted
    secret: str | None = None  #: encrypted
    state_reason: str | None = None
    recent: str = ""  #: its last attempts: see point_health.py
    pauses: int = 0
    paused_until: datetime | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    sealed_options: str | None = None  #: encrypted
    token_local: str | None = None  #: sealed
    entity: Mapping[str, Any] = field(default_factory=dict)
    stored: Mapping[str, Any] | None = None  #: what the table has of it; None: nothing yet

    def values(self) -> dict[str, Any]:
        """By column."""
        return {name: getattr(self, name) for name in _COLUMNS}

    def move(self, url: str | None) -> None:
        """To another address: what is known of the former one says nothing of it."""
        if self.url != url:
            self.url, self.recent, self.pauses, self.paused_until = url, "", 0, None

    def claim(self) -> None:
        """It may receive: the award decides. One that is gone or disabled stays so."""
        if self.state == PointState.REMOVED:
            self.state = PointState.SHADOWED

    def remove(self, reason: str, *, now: datetime) -> None:
        """It receives no more."""
        if self.state != PointState.REMOVED:
            self.state, self.state_reason, self.changed_at = PointState.REMOVED, reason, now


def new(origin: str, code: str, *, name: str | None, now: datetime) -> Draft:
    """A point that holds nothing yet. A configured or mirrored one has the same id whenever it is made."""
    if origin == "added":
        id_ = name or str(uuid.uuid4())
    else:
        id_ = str(uuid.uuid5(_NAMESPACE, f"{origin}\0{name}"))
    return Draft(id_, code, origin, PointState.SHADOWED, created_at=now, changed_at=now)


def drafts(session: Session, which: str, **values: Any) -> list[Draft]:
    """Those of which this condition is true; `:name` in it stands for the value of that name."""
    found = sql.rows(session, f"SELECT {columns(_COLUMNS)} FROM mirrorpoint_point WHERE {which}", **values)
    read = [Draft(*row) for row in found]
    for draft in read:
        draft.stored = draft.values()
    return read


def write(session: Session, changed: Iterable[Draft]) -> None:
    """Insert those that are new; of the others write the columns that differ."""
    added: list[Mapping[str, Any]] = []
    altered: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for draft in changed:
        values, stored = draft.values(), draft.stored
        if stored is None:
            added.append(values)
        elif names := tuple(name for name in _COLUMNS if values[name] != stored[name]):
            altered.setdefault(names, []).append({name: values[name] for name in ("id", *names)})
        draft.stored = values
    sql.change_each(session, _INSERT, added)
    for names, rows in altered.items():
        texts = ", ".join(f"{name} = :{name}" for name in names)
        sql.change_each(session, f"UPDATE mirrorpoint_point SET {texts} WHERE id = :id", rows)


_COLUMNS = tuple(name for name in Draft.__dataclass_fields__ if name != "stored")
_INSERT = f"""
    INSERT INTO mirrorpoint_point ({", ".join(_COLUMNS)}, delivered)
    VALUES ({", ".join(f":{name}" for name in _COLUMNS)}, 0)
"""
