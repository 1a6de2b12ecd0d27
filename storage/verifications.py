"""What came of each look at the whole record: rows of `mirrorpoint_verification`, which are only added.

Called by the step that verifies, and by `status`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from storage import sql
from storage.session import Session


class How(StrEnum):
    """Who had it done."""

    COMMAND = "command"
    BY_ITSELF = "by itself"


@dataclass(frozen=True, slots=True)
class Verification:
    """A row."""

    started_at: datetime
    ended_at: datetime
    how: How
    is_ok: bool
    changes: int  #: that were in the log
    checks: Sequence[Mapping[str, Any]]
    first_bad: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """The last look, and since when it is known that the record was altered."""

    ended_at: datetime
    is_ok: bool
    changes: int
    altered_since: datetime | None  #: the first of the looks since the last good one that said so
    what: str | None  #: what the last look said first; earlier ones may have said something else


def add(session: Session, found: Verification) -> None:
    """Write it down."""
    text = """
        INSERT INTO mirrorpoint_verification (started_at, ended_at, how, is_ok, changes, checks, first_bad)
        VALUES (:started_at, :ended_at, :how, :is_ok, :changes, :checks, :first_bad)
    """
    values = {
        "started_at": found.started_at,
        "ended_at": found.ended_at,
        "how": found.how,
        "is_ok": found.is_ok,
        "changes": found.changes,
        "checks": [dict(each) for each in found.checks],
        "first_bad": None if found.first_bad is None else dict(found.first_bad),
    }
    sql.change(session, text, **values)


def last_ended_at(session: Session) -> datetime | None:
    """When the last look has ended, whatever came of it."""
    text = 'SELECT ended_at AS "ended_at [utc]" FROM mirrorpoint_verification ORDER BY id DESC LIMIT 1'
    found = sql.first(session, text)
    return found[0] if found else None


def last(session: Session) -> Verification | None:
    """The newest look, whoever had it done; None: there was none."""
    text = """
        SELECT started_at AS "started_at [utc]", ended_at AS "ended_at [utc]", how, is_ok, changes,
            checks AS "checks [json]", first_bad AS "first_bad [json]"
        FROM mirrorpoint_verification ORDER BY id DESC LIMIT 1
    """
    row = sql.first(session, text)
    if row is None:
        return None
    started_at, ended_at, how, is_ok, changes, checks, first_bad = row
    return Verification(started_at, ended_at, How(how), bool(is_ok), changes, checks, first_bad=first_bad)


def standing(session: Session) -> Standing | None:
    """How the record stands by the last look; None: there was none."""
    newest = """
        SELECT ended_at AS "ended_at [utc]", is_ok, changes, first_bad AS "first_bad [json]"
        FROM mirrorpoint_verification ORDER BY id DESC LIMIT 1
    """
    bad = """
        SELECT ended_at AS "ended_at [utc]" FROM mirrorpoint_verification
        WHERE id > coalesce((SELECT max(id) FROM mirrorpoint_verification WHERE is_ok), 0)
        ORDER BY id LIMIT 1
    """
    last = sql.first(session, newest)
    if last is None:
        return None
    ended_at, is_ok, changes, first_bad = last
    first = sql.first(session, bad)
    since, what = first[0] if first else None, first_bad.get("what") if first_bad else None
    return Standing(ended_at, bool(is_ok), int(changes), since, what)
