"""Changes that a point is sent once more: which there are, what became of them, and what makes them due again.

Called by `tasks/delivery/replay.py`, piece by piece.
"""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from changes import digests
from changes.records import Id, Kind
from storage import history, outbox, outbox_sql, sql
from storage.session import Session


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
    text = """
        SELECT seq, source, resource, parent_key, key, kind, changed AS "changed [json]", salt IS NULL
        FROM mirrorpoint_change
        WHERE seq > :after_seq AND observed_at >= :since AND observed_at < :until AND scan_id <> :retired
        ORDER BY seq LIMIT :limit
    """
    values = {"after_seq": after_seq, "since": since, "until": until, "retired": history.RETIRED, "limit": limit}
    return [
        Logged(seq, source, resource, Id(parent_key, key), Kind(kind), tuple(changed), is_erased=bool(is_erased))
        for seq, source, resource, parent_key, key, kind, changed, is_erased in sql.rows(session, text, **values)
    ]


def states(session: Session, point: str, *, first_seq: int, last_seq: int) -> dict[int, str]:
    """Change -> the state of its delivery to the point, where there is one."""
    text = """
        SELECT change_seq, state FROM mirrorpoint_delivery
        WHERE change_seq >= :first_seq AND change_seq <= :last_seq AND point = :point
    """
    return dict(sql.rows(session, text, point=point, first_seq=first_seq, last_seq=last_seq))


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
    busy = {record for (record,) in sql.rows(session, _UNDER_WAY, point=point)} & records.keys()
    wanted = {seq: record for record, seqs in records.items() if record not in busy for seq in seqs}
    if not wanted:
        return busy
    there = _there(session, point, sorted(wanted))
    event_ids = dict.fromkeys(wanted) if not is_new else _new_ids(wanted, now, entropy)
    for ids in outbox.chunks(list(there.values())):
        sql.change(session, outbox_sql.keep_told(session), ids=tuple(ids))
    sql.change_each(session, _AGAIN, [{"id": id_, "event_id": event_ids[seq]} for seq, id_ in there.items()])
    missing = [
        outbox.Owed(seq, point, record, event_id=event_ids[seq]) for seq, record in wanted.items() if seq not in there
    ]
    outbox.owe(session, missing, now=now)
    affected = list(dict.fromkeys(wanted.values()))
    sql.change_each(session, outbox_sql.DEMOTE, [{"point": point, "record": record} for record in affected])
    outbox.promote(session, [(point, record) for record in affected], now=now)
    return busy


def _there(session: Session, point: str, seqs: Sequence[int]) -> dict[int, int]:
    """Change -> its delivery."""
    text = f"""
        SELECT change_seq, id FROM mirrorpoint_delivery
        WHERE change_seq {sql.among(session, "seqs")} AND point = :point
    """
    found: dict[int, int] = {}
    for part in outbox.chunks(seqs):
        found.update(sql.rows(session, text, seqs=tuple(part), point=point))
    return found


def _new_ids(seqs: Mapping[int, str], now: datetime, entropy: digests.Entropy) -> dict[int, str | None]:
    return dict(zip(seqs, digests.ids([now] * len(seqs), entropy=entropy), strict=True))


_UNDER_WAY = "SELECT record FROM mirrorpoint_delivery WHERE state = 'leased' AND point = :point"
#: One that is due already begins anew as well.
_AGAIN = """
    UPDATE mirrorpoint_delivery
    SET state = 'due', due_at = NULL, attempts = 0, losses = 0, delivered_at = NULL, event_id = :event_id
    WHERE id = :id
"""
