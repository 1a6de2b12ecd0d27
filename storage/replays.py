"""Changes that a point is sent once more: which there are, what became of them, and what makes them due again.

Called by `tasks/delivery/replay.py`, piece by piece.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, select, text, update
from sqlmodel import col

from changes import digests
from changes.records import Id, Kind
from storage import history, outbox, outbox_sql, sql
from storage.session import Session
from storage.states import DeliveryState
from storage.tables import ChangeRow, DeliveryRow


class Logged(NamedTuple):
    """A change without its documents."""

    seq: int
    source: str
    resource: str
    id: Id
    kind: Kind
    changed: tuple[str, ...]
    is_erased: bool


def read(
    session: Session, *, since: datetime, until: datetime, after_seq: int | None = None, limit: int
) -> list[Logged]:
    """The next changes observed from `since` on and before `until`. Those by which records were retired are no news."""
    if after_seq is None:  # else all of the log before that moment would be read
        after_seq = (history.first_since(session, since) or 1) - 1
    row = ChangeRow
    names = ("seq", "source", "resource", "parent_key", "key", "kind", "changed", "salt")
    statement = (
        select(*(col(getattr(row, name)) for name in names))
        .where(
            col(row.seq) > after_seq,
            col(row.observed_at) >= since,
            col(row.observed_at) < until,
            col(row.scan_id) != history.RETIRED,
        )
        .order_by(col(row.seq))
        .limit(limit)
    )
    return [
        Logged(
            each.seq,
            each.source,
            each.resource,
            Id(each.parent_key, each.key),
            Kind(each.kind),
            tuple(each.changed),
            is_erased=each.salt is None,
        )
        for each in sql.run(session, statement)
    ]


def states(session: Session, point: str, *, first_seq: int, last_seq: int) -> dict[int, str]:
    """Change -> the state of its delivery to the point, where there is one."""
    rows = sql.run(session, _STATES, {"point": point, "first": first_seq, "last": last_seq})
    return {row.change_seq: row.state for row in rows}


def make_due(
    session: Session,
    point: str,
    records: Mapping[str, Sequence[int]],
    *,
    is_new: bool,
    now: datetime,
    entropy: digests.Entropy = os.urandom,
) -> set[str]:
    """Owe the point these changes, as if none of them had ever been sent; `records`: partition key -> their numbers.

    `is_new`: each gets an id of its own. What the point is owed of the same records beside them keeps its place in the
    order of the log. Returns the records that were left as they are, since one of their events is under way: put before
    it now, an older one would arrive behind it. `outbox.lock` must have been taken before the clock was read.
    """
    outbox.take_back(session, now)
    busy = {row.record for row in sql.run(session, _UNDER_WAY, {"point": point})} & records.keys()
    wanted = {seq: record for record, seqs in records.items() if record not in busy for seq in seqs}
    if not wanted:
        return busy
    there = _there(session, point, sorted(wanted))
    event_ids = dict.fromkeys(wanted) if not is_new else _new_ids(wanted, now, entropy)
    for ids in outbox.chunks(list(there.values())):
        sql.run(session, outbox_sql.KEEP_TOLD, {"ids": ids})
    again = [{"of_id": id_, "new_event_id": event_ids[seq]} for seq, id_ in there.items()]
    if again:
        sql.run(session, _AGAIN, again)
    missing = [
        outbox.Owed(seq, point, record, event_id=event_ids[seq]) for seq, record in wanted.items() if seq not in there
    ]
    outbox.owe(session, missing, now=now)
    affected = list(dict.fromkeys(wanted.values()))
    sql.run(session, outbox_sql.DEMOTE, [{"point": point, "record": record} for record in affected])
    outbox.promote(session, [(point, record) for record in affected], now=now)
    return busy


def _there(session: Session, point: str, seqs: Sequence[int]) -> dict[int, int]:
    """Change -> its delivery."""
    found: dict[int, int] = {}
    for part in outbox.chunks(seqs):
        which = (col(DeliveryRow.change_seq).in_(part), col(DeliveryRow.point) == point)
        rows = sql.run(session, select(col(DeliveryRow.change_seq), col(DeliveryRow.id)).where(*which))
        found.update((row.change_seq, row.id) for row in rows)
    return found


def _new_ids(seqs: Mapping[int, str], now: datetime, entropy: digests.Entropy) -> dict[int, str | None]:
    return dict(zip(seqs, digests.ids([now] * len(seqs), entropy=entropy), strict=True))


_STATES = text(
    """
    SELECT change_seq, state FROM mirrorpoint_delivery
    WHERE change_seq >= :first AND change_seq <= :last AND point = :point
    """
)
_UNDER_WAY = text("SELECT record FROM mirrorpoint_delivery WHERE state = 'leased' AND point = :point")
#: One that is due already begins anew as well.
_AGAIN = (
    update(DeliveryRow)
    .where(col(DeliveryRow.id) == bindparam("of_id"))
    .values(
        state=DeliveryState.DUE,
        due_at=None,
        attempts=0,
        losses=0,
        delivered_at=None,
        event_id=bindparam("new_event_id"),
    )
)
