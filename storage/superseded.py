"""Dead deliveries that cannot be tried again: the point has what came after them, or their content was erased.

A person who wants them tried again ends them so (`deliveries_again.py`), and nothing is left to be done. Their attempts
stay as they are, and `last_error` says both why they were dead and why they are so no more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from storage import sql, tally
from storage.session import Session
from storage.states import DeliveryState
from storage.tally import Counted, Key

REASON = "superseded: the point has a newer version"


def skip(session: Session, ids: Sequence[int], *, reason: str, now: datetime) -> None:
    """Those of the deliveries that are dead."""
    if not ids:
        return
    text = f"""
        UPDATE mirrorpoint_delivery
        SET state = :skipped, last_error = CAST(:reason AS text) || coalesce('; it was dead: ' || last_error, '')
        WHERE state = 'dead' AND id {sql.among(session, "ids")}
        RETURNING point
    """  # noqa: S608  # values are parameters
    rows = sql.rows(session, text, skipped=DeliveryState.SKIPPED, reason=reason, ids=tuple(ids))
    skipped = Counter(Key(Counted.DELIVERIES, (point, DeliveryState.SKIPPED.value)) for (point,) in rows)
    tally.add(session, skipped, now=now)
