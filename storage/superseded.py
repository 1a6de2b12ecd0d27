"""Dead deliveries that nobody is owed any more, since the point has what came after them: they end as skipped.

Called by `outbox.py`, when something has arrived, and by `deliveries_again.py`, when a person wants them tried again.
Their attempts stay as they are, and `last_error` says both why they were dead and why they are so no more.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, literal, select, text, update
from sqlmodel import Session, col

from storage import sql, tally
from storage.outbox_outcomes import Leased
from storage.states import DeliveryState
from storage.tables import DeliveryRow
from storage.tally import Counted, Key

REASON = "superseded: the point has a newer version"

#: Ids in one statement.
_CHUNK = 500

_IS_ANY_DEAD = text("SELECT 1 FROM mirrorpoint_delivery WHERE state = 'dead' LIMIT 1")
_DEAD_OF = select(col(DeliveryRow.id), col(DeliveryRow.record), col(DeliveryRow.change_seq)).where(
    text("state = 'dead'"),
    col(DeliveryRow.point) == bindparam("of_point"),
    col(DeliveryRow.record).in_(bindparam("records", expanding=True)),
)
_SKIP = (
    update(DeliveryRow)
    .where(col(DeliveryRow.id).in_(bindparam("ids", expanding=True)), text("state = 'dead'"))
    .values(
        state=DeliveryState.SKIPPED,
        last_error=bindparam("reason") + func.coalesce(literal("; it was dead: ") + col(DeliveryRow.last_error), ""),
    )
    .returning(col(DeliveryRow.point))
)


def skip_older(session: Session, arrived: Collection[Leased], *, now: datetime) -> None:
    """Each point has these now: what is dead of the same records and older is not owed to it any more."""
    # Almost always nothing is dead, and the answer to that costs next to nothing.
    if not arrived or sql.run(session, _IS_ANY_DEAD).first() is None:
        return
    by_point = defaultdict[str, dict[str, Leased]](dict)
    for item in arrived:
        newest = by_point[item.point].get(item.record)
        if newest is None or _order(item.change_seq, item.id) > _order(newest.change_seq, newest.id):
            by_point[item.point][item.record] = item
    older = list[int]()
    for point, newest_of in by_point.items():
        for records in _chunks(sorted(newest_of)):
            for row in sql.run(session, _DEAD_OF, {"of_point": point, "records": records}):
                newest = newest_of[row.record]
                if _order(row.change_seq, row.id) < _order(newest.change_seq, newest.id):
                    older.append(row.id)
    skip(session, older, reason=REASON, now=now)


def skip(session: Session, ids: Sequence[int], *, reason: str, now: datetime) -> None:
    """Those of the deliveries that are dead."""
    skipped = Counter[Key]()
    for part in _chunks(ids):
        points = sql.run(session, _SKIP, {"ids": part, "reason": reason}).scalars()
        skipped.update(Key(Counted.DELIVERIES, (point, DeliveryState.SKIPPED.value)) for point in points)
    tally.add(session, skipped, now=now)


def _order(change_seq: int | None, id_: int) -> tuple[int, int]:
    """The order of one record's events: by the log; notices have no number of a change, and go by their ids."""
    return change_seq or 0, 0 if change_seq is not None else id_


def _chunks(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (values[start : start + _CHUNK] for start in range(0, len(values), _CHUNK))
