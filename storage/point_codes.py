"""Which of the points with one code receives under it; used by `points.py` for every change of a point.

Deliveries name a code. A configured point goes before an added one, that before a mirrored one; the others are
`shadowed` and take over when it goes. Whenever another point, or none, receives under a code, what was owed is skipped:
it was meant for the one before.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import func, select
from sqlmodel import col

from storage import outbox, sql
from storage.session import Session
from storage.states import PointState
from storage.tables import PointRow

#: States of the one point that a code belongs to.
HOLDING = (PointState.ACTIVE, PointState.DISABLED, PointState.GONE)
#: Who goes first when several points have one code.
_RANK = {"configured": 0, "added": 1, "mirrored": 2}
#: Nothing is posted, and so nothing owed, to a point without a url: it pulls.
IS_POSTED_TO = func.coalesce(col(PointRow.url), "") != ""
_NAMESPACE = uuid.UUID("5f0c1d0e-7c1e-5b39-9d8e-6b0f3d1b7a42")


@contextmanager
def changing(session: Session, codes: Collection[str], *, now: datetime) -> Iterator[None]:
    """Afterwards each code has its one holder, and what was owed to another is skipped."""
    # Before any row of a point is touched: the delivery step takes the two in this order.
    outbox.lock(session)
    before = _receivers(session, codes)
    yield
    session.objects.flush()
    _award(session, codes, now=now)
    after = _receivers(session, codes)
    for code, id_ in before.items():
        if after.get(code) != id_:
            row = session.objects.get_one(PointRow, id_, populate_existing=True)
            reason = row.state_reason or (f"it is {row.code} now" if row.code != code else "it has no url any more")
            outbox.skip_owed(session, code, reason=f"the point stopped receiving: {reason}", now=now)


def _receivers(session: Session, codes: Collection[str]) -> dict[str, str]:
    posted_to = (col(PointRow.state) == PointState.ACTIVE, IS_POSTED_TO)
    active = select(col(PointRow.code), col(PointRow.id)).where(*posted_to)
    return {row.code: row.id for row in sql.run(session, active) if row.code in codes}


def _award(session: Session, codes: Collection[str], *, now: datetime) -> None:
    living = select(PointRow).where(col(PointRow.state) != PointState.REMOVED).execution_options(populate_existing=True)
    claims: dict[str, list[PointRow]] = {}
    for row in session.objects.execute(living).scalars():
        if row.code in codes:
            claims.setdefault(row.code, []).append(row)
    winners = []
    for code, rows in claims.items():
        winner, *losers = sorted(rows, key=_place)
        winners.append(winner)
        for row in losers:
            row.state = PointState.SHADOWED
            row.state_reason = f"the code {code} belongs to a point that is {winner.origin}"
    session.objects.flush()  # the losers first: two may not hold one code for a moment either
    for winner in winners:
        if winner.state == PointState.SHADOWED:
            winner.state, winner.state_reason, winner.changed_at = PointState.ACTIVE, None, now
    session.objects.flush()


def _place(row: PointRow) -> tuple[int, bool, bool, datetime, str]:
    """Among those with the same code; of two mirrored ones the one that has it keeps it, but one with a url goes
    before one without.
    """
    return _RANK[row.origin], not row.url, row.state == PointState.SHADOWED, row.created_at, row.id


def new(session: Session, origin: str, code: str, *, name: str | None, now: datetime) -> PointRow:
    """A point that holds nothing yet. A configured or mirrored one has the same id whenever it is made."""
    if origin == "added":
        id_ = name or str(uuid.uuid4())
    else:
        id_ = str(uuid.uuid5(_NAMESPACE, f"{origin}\0{name}"))
    row = PointRow(id=id_, code=code, origin=origin, state=PointState.SHADOWED, created_at=now, changed_at=now)
    session.objects.add(row)
    return row


def is_free(session: Session, id: str) -> bool:  # noqa: A002  # the field's name
    """Whether a new point may have the id: that of an added one that was removed may be given again."""
    row = session.objects.get(PointRow, id, populate_existing=True)
    if row is None:
        return True
    if row.origin != "added" or row.state != PointState.REMOVED:
        return False
    session.objects.delete(row)
    session.objects.flush()
    return True


def claim(row: PointRow) -> None:
    """It may receive: the award decides. One that is gone or disabled stays so."""
    if row.state == PointState.REMOVED:
        row.state = PointState.SHADOWED


def remove(row: PointRow, reason: str, *, now: datetime) -> None:
    if row.state != PointState.REMOVED:
        row.state, row.state_reason, row.changed_at = PointState.REMOVED, reason, now


def remove_of_source(session: Session, source: str, *, now: datetime) -> None:
    """The points that were mirrored from it receive no more."""
    outbox.lock(session)  # before any row of a point is read
    query = select(PointRow).where(col(PointRow.source) == source, col(PointRow.origin) == "mirrored")
    rows = list(session.objects.execute(query).scalars())
    with changing(session, {row.code for row in rows}, now=now):
        for row in rows:
            remove(row, "its source is mirrored no more", now=now)
