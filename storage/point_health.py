"""How points have answered of late: how much they were sent, their last answer, and until when they are left alone.

Called by the delivery step, which decides on the pauses (webhooks/breaker.py), and by the commands that end one. It
stands in the database, so that all processes leave a point alone together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import bindparam, or_, select, update
from sqlmodel import col

from storage import outbox, point_codes, sql
from storage.session import Session
from storage.states import DeliveryState
from storage.tables import PointRow


@dataclass(frozen=True, slots=True)
class Health:
    """Columns of a point that say how it answers."""

    recent: str = ""  #: its last attempts, the newest last: + it answered, - it failed
    last_attempt_at: datetime | None = None
    pauses: int = 0  #: in a row
    paused_until: datetime | None = None


def read(session: Session, codes: Collection[str]) -> dict[str, Health]:
    """Of those of the codes that belong to a point."""
    # All that hold a code: they are few, and a list of codes would need to be cut into pieces.
    return {code: Health(*values) for code, *values in sql.run(session, _READ) if code in codes}


def note(session: Session, outcomes: Iterable[outbox.Outcome], healths: Mapping[str, Health]) -> None:
    """Count what was delivered, and remember each point's last answer and what it makes of the point's health."""
    delivered: Counter[str] = Counter()
    last: dict[str, outbox.Outcome] = {}
    for outcome in outcomes:
        if outcome.attempted_at is not None:
            delivered[outcome.leased.point] += outcome.state == DeliveryState.DELIVERED
            last[outcome.leased.point] = outcome
    rows = [
        {
            "of_code": code,
            "more": delivered[code],
            "status": one.status,
            **{f"new_{name}": value for name, value in asdict(healths[code]).items()},
            "new_last_attempt_at": one.attempted_at,
        }
        for code, one in sorted(last.items())
        if code in healths  # else no point has the code any more
    ]
    if rows:
        sql.run(session, _NOTE, rows)


def end_pause(session: Session, codes: Collection[str], *, now: datetime) -> None:
    """Somebody wants these tried at once: one delivery is, and its outcome decides."""
    paused = [code for code, until in outbox.paused(session).items() if code in codes and until > now]
    if paused:
        sql.run(session, _END_PAUSE, [{"of_code": code, "now": now} for code in sorted(paused)])


# Spelled out: a list in IN cannot go with several rows of parameters.
_HOLDING = or_(*(col(PointRow.state) == state for state in point_codes.HOLDING))
_COLUMNS = [col(getattr(PointRow, name)) for name in Health.__dataclass_fields__]
_READ = select(col(PointRow.code), *_COLUMNS).where(_HOLDING)
_BY_CODE = update(PointRow).where(col(PointRow.code) == bindparam("of_code"), _HOLDING)
_NOTE = _BY_CODE.values(
    delivered=PointRow.delivered + bindparam("more"),
    last_status=bindparam("status"),
    **{name: bindparam(f"new_{name}") for name in Health.__dataclass_fields__},
)
_END_PAUSE = _BY_CODE.values(paused_until=bindparam("now"))
