"""Which of the points with one code receives under it; used by `points.py` for every change of a point.

Deliveries name a code. A configured point goes before an added one, that before a mirrored one; the others are
`shadowed` and take over when it goes. Whenever another point, or none, receives under a code, what was owed is skipped:
it was meant for the one before.
"""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

from storage import outbox, point_rows, sql
from storage.session import Session
from storage.states import PointState

#: The one point that a code belongs to. Written out, as the index has it.
IS_HOLDING = "state IN ('active', 'disabled', 'gone')"
#: Nothing is posted, and so nothing owed, to a point without a url: it pulls.
IS_POSTED_TO = "coalesce(url, '') <> ''"
#: Who goes first when several points have one code.
_RANK = {"configured": 0, "added": 1, "mirrored": 2}


class _Claim(NamedTuple):
    """What a point is judged by."""

    id: str
    code: str
    origin: str
    url: str | None
    state: str
    state_reason: str | None
    created_at: datetime


@contextmanager
def changing(session: Session, codes: Collection[str], *, now: datetime) -> Iterator[None]:
    """Afterwards each code has its one holder, and what was owed to another is skipped."""
    # Before any row of a point is touched: the delivery step takes the two in this order.
    outbox.lock(session)
    before = _receivers(session, codes)
    yield
    _award(session, codes, now=now)
    after = _receivers(session, codes)
    for code, id_ in before.items():
        if after.get(code) != id_:
            ((now_code, why),) = sql.rows(
                session, "SELECT code, state_reason FROM mirrorpoint_point WHERE id = :id", id=id_
            )
            reason = why or (f"it is {now_code} now" if now_code != code else "it has no url any more")
            outbox.skip_owed(session, code, reason=f"the point stopped receiving: {reason}", now=now)


def _receivers(session: Session, codes: Collection[str]) -> dict[str, str]:
    text = f"SELECT code, id FROM mirrorpoint_point WHERE state = 'active' AND {IS_POSTED_TO}"
    return {code: id_ for code, id_ in sql.rows(session, text) if code in codes}


def _award(session: Session, codes: Collection[str], *, now: datetime) -> None:
    text = f"SELECT {point_rows.columns(_Claim._fields)} FROM mirrorpoint_point WHERE state <> 'removed'"
    claims: dict[str, list[_Claim]] = {}
    for claim in map(_Claim._make, sql.rows(session, text)):
        if claim.code in codes:
            claims.setdefault(claim.code, []).append(claim)
    lost, won = [], []
    for code, of_code in claims.items():
        winner, *losers = sorted(of_code, key=_place)
        reason = f"the code {code} belongs to a point that is {winner.origin}"
        lost += [{"id": loser.id, "reason": reason} for loser in losers if not _is_shadowed(loser, reason)]
        if winner.state == PointState.SHADOWED:
            won.append({"id": winner.id, "now": now})
    # The losers first: two may not hold one code for a moment either.
    sql.change_each(session, _SHADOW, lost)
    sql.change_each(session, _ACTIVATE, won)


def _place(claim: _Claim) -> tuple[int, bool, bool, datetime, str]:
    """Among those with the same code; of two mirrored ones the one that has it keeps it, but one with a url goes
    before one without.
    """
    return _RANK[claim.origin], not claim.url, claim.state == PointState.SHADOWED, claim.created_at, claim.id


def _is_shadowed(claim: _Claim, reason: str) -> bool:
    return (claim.state, claim.state_reason) == (PointState.SHADOWED, reason)


def is_free(session: Session, id: str) -> bool:  # noqa: A002  # the field's name
    """Whether a new point may have the id: that of an added one that was removed may be given again."""
    found = sql.first(session, "SELECT origin, state FROM mirrorpoint_point WHERE id = :id", id=id)
    if found is None:
        return True
    if found != ("added", PointState.REMOVED):
        return False
    sql.change(session, "DELETE FROM mirrorpoint_point WHERE id = :id", id=id)
    return True


def remove_of_source(session: Session, source: str, *, now: datetime) -> None:
    """The points that were mirrored from it receive no more."""
    outbox.lock(session)  # before any row of a point is read
    rows = point_rows.drafts(session, "source = :source AND origin = 'mirrored'", source=source)
    with changing(session, {row.code for row in rows}, now=now):
        for row in rows:
            row.remove("its source is mirrored no more", now=now)
        point_rows.write(session, rows)


_SHADOW = "UPDATE mirrorpoint_point SET state = 'shadowed', state_reason = :reason WHERE id = :id"
_ACTIVATE = "UPDATE mirrorpoint_point SET state = 'active', state_reason = NULL, changed_at = :now WHERE id = :id"
