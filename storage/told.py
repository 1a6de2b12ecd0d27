"""Who was told of a change, when, and what each answered: from its deliveries and their attempts.

Called by `history --field`.
"""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from storage import sql
from storage.session import Session

#: Numbers in one statement.
_CHUNK = 500


class Told(NamedTuple):
    """What became of telling one point."""

    point: str
    state: str  #: of the delivery
    at: datetime | None  #: when it arrived, else when it was last attempted; None: that was not, or is kept no longer
    status: int | None  #: the last answer; None where none came
    first_at: datetime | None = None  #: when it arrived for the first time, where it was sent again since


def of_changes(session: Session, seqs: Sequence[int]) -> dict[int, list[Told]]:
    """The change's number -> its deliveries, by point; changes that nobody was owed are left out."""
    chosen = f"change_seq {sql.among(session, 'seqs')}"
    text = f"""
        SELECT delivery.change_seq, delivery.point, delivery.state, delivery.delivered_at AS "delivered_at [utc]",
            delivery.last_status, attempt.attempted_at AS "attempted_at [utc]", last.first_at AS "first_at [utc]"
        FROM mirrorpoint_delivery AS delivery
        LEFT JOIN (
            SELECT delivery_id, max(id) AS id,
                min(CASE WHEN status BETWEEN 200 AND 299 THEN attempted_at END) AS first_at
            FROM mirrorpoint_attempt
            WHERE delivery_id IN (SELECT id FROM mirrorpoint_delivery WHERE {chosen})
            GROUP BY delivery_id
        ) AS last ON last.delivery_id = delivery.id
        LEFT JOIN mirrorpoint_attempt AS attempt ON attempt.id = last.id
        WHERE delivery.{chosen}
        ORDER BY delivery.change_seq, delivery.point
    """
    found: dict[int, list[Told]] = {}
    for start in range(0, len(seqs), _CHUNK):
        rows = sql.rows(session, text, seqs=tuple(seqs[start : start + _CHUNK]))
        for seq, point, state, delivered_at, status, attempted_at, first_at in rows:
            is_again = first_at is not None and attempted_at is not None and first_at < attempted_at
            told = Told(point, state, delivered_at or attempted_at, status, first_at if is_again else None)
            found.setdefault(seq, []).append(told)
    return found
