"""Versions that have been followed by others for so long that their content is not kept; called by the retention.

A version is as old as the time since the next one was seen: until then it was what the record was. So everything that
was true at some moment within the retention can still be shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy import text as sql_text
from sqlmodel import col

from changes.records import Id
from storage import driver_values, outbox, sql
from storage.session import Session
from storage.tables import ChangeRow, DeliveryRow, InstallationRow

#: Where the sweep has come to, in `mirrorpoint_installation`.
_PLACE = "retention"

_SAME = "o.source = n.source AND o.resource = n.resource AND o.parent_key = n.parent_key AND o.key = n.key"
#: The versions behind `after`, each with the one before it where that has content. A deletion that is the last version
#: is outdated itself: it holds the last document.
_READ = """
    SELECT n.seq, n.observed_at, n.source, n.resource, n.parent_key, n.key,
        (SELECT o.seq FROM mirrorpoint_change AS o
         WHERE {same} AND o.version = n.version - 1 AND o.salt IS NOT NULL) AS former,
        n.kind = 'deleted' AND n.salt IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM mirrorpoint_change AS o WHERE {same} AND o.version = n.version + 1) AS is_end
    FROM mirrorpoint_change AS n WHERE n.seq > {mark} AND n.seq <= {mark} ORDER BY n.seq LIMIT {mark}
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
    mark = sql.mark(session.dialect)
    rows = sql.fetch(session, _READ.format(same=_SAME, mark=mark), (after, until, limit))
    found = []
    for seq, observed_at, source, resource, parent_key, key, former, is_end in rows:
        seen_at = driver_values.from_driver_time(observed_at)
        seqs = tuple(each for each in (former, seq if is_end else None) if each is not None)
        if seqs and seen_at is not None and seen_at < before:
            found.append(Outdated(seq, seqs, (source, resource, Id(parent_key, key)) if is_end else None))
    return found, rows[-1][0] if rows else after


def end(session: Session, *, before: datetime) -> int:
    """The number of the last version that was seen before; 0 where none was."""
    which = select(col(ChangeRow.seq)).where(col(ChangeRow.observed_at) < before)
    latest = which.order_by(col(ChangeRow.observed_at).desc(), col(ChangeRow.seq).desc()).limit(1)
    return int(sql.run(session, latest).scalar() or 0)


def owed(session: Session, seqs: Iterable[int]) -> set[int]:
    """Those of the changes that a point is still owed."""
    found = set[int]()
    for part in outbox.chunks(sorted(seqs)):
        which = (col(DeliveryRow.change_seq).in_(part), sql_text("state IN ('due', 'leased')"))
        found.update(sql.run(session, select(col(DeliveryRow.change_seq)).where(*which)).scalars())
    return found


def place(session: Session) -> int:
    """Up to which version everything was looked at."""
    value = sql.run(session, select(col(InstallationRow.value)).where(col(InstallationRow.name) == _PLACE)).scalar()
    return int(value or 0)


def note_place(session: Session, seq: int) -> None:
    """Go on from there the next time."""
    row = sql.insert(session, InstallationRow).values(name=_PLACE, value=str(seq))
    sql.run(session, row.on_conflict_do_update(index_elements=["name"], set_={"value": str(seq)}))


def ranges(seqs: Iterable[int]) -> list[list[int]]:
    """The numbers as first and last of each run."""
    found: list[list[int]] = []
    for seq in sorted(seqs):
        if found and found[-1][1] == seq - 1:
            found[-1][1] = seq
        else:
            found.append([seq, seq])
    return found
