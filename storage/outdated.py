"""Versions that have been followed by others for so long that their content is not kept; called by the retention.

A version is as old as the time since the next one was seen: until then it was what the record was. So everything that
was true at some moment within the retention can still be shown.
"""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from changes.records import Id
from storage import outbox, sql
from storage.session import Session

#: Where the sweep has come to, in `mirrorpoint_installation`.
_PLACE = "retention"

_SAME = "o.source = n.source AND o.resource = n.resource AND o.parent_key = n.parent_key AND o.key = n.key"
#: The versions behind `after`, each with the one before it where that has content. A deletion that is the last version
#: is outdated itself: it holds the last document.
_READ = f"""
    SELECT n.seq, n.observed_at AS "observed_at [utc]", n.source, n.resource, n.parent_key, n.key,
        (SELECT o.seq FROM mirrorpoint_change AS o
         WHERE {_SAME} AND o.version = n.version - 1 AND o.salt IS NOT NULL) AS former,
        n.kind = 'deleted' AND n.salt IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM mirrorpoint_change AS o WHERE {_SAME} AND o.version = n.version + 1) AS is_end
    FROM mirrorpoint_change AS n WHERE n.seq > :after AND n.seq <= :until ORDER BY n.seq LIMIT :limit
"""


@dataclass(frozen=True, slots=True)
class Outdated:
    """What became outdated with one version."""

    seq: int  #: of that version
    seqs: tuple[int, ...]  #: whose content goes
    ended: tuple[str, str, Id] | None  #: source, resource and id of a record that is deleted, and has no other version


def read(session: Session, *, after: int, until: int, before: datetime, limit: int) -> tuple[list[Outdated], int]:
    """What is outdated among the next `limit` versions, and the number of the last of them; `after` at the end.

    One that was seen `before` makes the one before it outdated; one that a clock far ahead has dated makes none.
    """
    rows = sql.rows(session, _READ, after=after, until=until, limit=limit)
    found = []
    for seq, seen_at, source, resource, parent_key, key, former, is_end in rows:
        seqs = tuple(each for each in (former, seq if is_end else None) if each is not None)
        if seqs and seen_at < before:
            found.append(Outdated(seq, seqs, (source, resource, Id(parent_key, key)) if is_end else None))
    return found, rows[-1][0] if rows else after


def end(session: Session, *, before: datetime) -> int:
    """The number of the last version that was seen before; 0 where none was."""
    text = """
        SELECT seq FROM mirrorpoint_change WHERE observed_at < :before ORDER BY observed_at DESC, seq DESC LIMIT 1
    """
    latest = sql.first(session, text, before=before)
    return latest[0] if latest else 0


def owed(session: Session, seqs: Iterable[int]) -> set[int]:
    """Those of the changes that a point is still owed."""
    text = f"""
        SELECT change_seq FROM mirrorpoint_delivery
        WHERE change_seq {sql.among(session, "seqs")} AND state IN ('due', 'leased')
    """
    chunks = outbox.chunks(sorted(seqs))
    return {seq for part in chunks for (seq,) in sql.rows(session, text, seqs=tuple(part))}


def place(session: Session) -> int:
    """Up to which version everything was looked at."""
    found = sql.first(session, "SELECT value FROM mirrorpoint_installation WHERE name = :name", name=_PLACE)
    return int(found[0]) if found else 0


def note_place(session: Session, seq: int) -> None:
    """Go on from there the next time."""
    text = """
        INSERT INTO mirrorpoint_installation (name, value) VALUES (:name, :value)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value
    """
    sql.change(session, text, name=_PLACE, value=str(seq))


def ranges(seqs: Iterable[int]) -> list[list[int]]:
    """The numbers as first and last of each run."""
    found: list[list[int]] = []
    for seq in sorted(seqs):
        if found and found[-1][1] == seq - 1:
            found[-1][1] = seq
        else:
            found.append([seq, seq])
    return found
