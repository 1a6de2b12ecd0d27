"""How points have answered of late: how much they were sent, their last answer, and until when they are left alone.

Called by the delivery step, which decides on the pauses (webhooks/breaker.py), and by the commands that end one. It
stands in the database, so that all processes leave a point alone together.
"""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from storage import outbox, point_codes, point_rows, sql
from storage.session import Session
from storage.states import DeliveryState


@dataclass(frozen=True, slots=True)
class Health:
    """Columns of a point that say how it answers."""

    recent: str = ""  #: its last attempts, the newest last: + it answered, - it failed
    last_attempt_at: datetime | None = None
    pauses: int = 0  #: in a row
    paused_until: datetime | None = None


def read(session: Session, codes: Collection[str]) -> dict[str, Health]:
    """Of those of the codes that belong to a point."""
    # All that hold a code: they are few.
    return {code: Health(*values) for code, *values in sql.rows(session, _READ) if code in codes}


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
            **asdict(healths[code]),
            "code": code,
            "more": delivered[code],
            "status": one.status,
            "last_attempt_at": one.attempted_at,
        }
        for code, one in sorted(last.items())
        if code in healths  # else no point has the code any more
    ]
    sql.change_each(session, _NOTE, rows)


def end_pause(session: Session, codes: Collection[str], *, now: datetime) -> None:
    """Somebody wants these tried at once: one delivery is, and its outcome decides."""
    paused = [code for code, until in outbox.paused(session).items() if code in codes and until > now]
    sql.change_each(session, _END_PAUSE, [{"code": code, "now": now} for code in sorted(paused)])


_READ = f"""
    SELECT {point_rows.columns(("code", *Health.__dataclass_fields__))} FROM mirrorpoint_point
    WHERE {point_codes.IS_HOLDING}
"""
_NOTE = f"""
    UPDATE mirrorpoint_point
    SET delivered = delivered + :more, last_status = :status,
        {", ".join(f"{name} = :{name}" for name in Health.__dataclass_fields__)}
    WHERE code = :code AND {point_codes.IS_HOLDING}
"""
_END_PAUSE = f"UPDATE mirrorpoint_point SET paused_until = :now WHERE code = :code AND {point_codes.IS_HOLDING}"
