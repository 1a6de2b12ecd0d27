"""Tells of points whose deliveries die, by a notice to other points; called by `store.py` when it settles outcomes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from changes.notices import Notice
from changes.resources import join_keys
from storage import notices, outbox
from storage.session import Session
from storage.states import DeliveryState
from tasks.services import Services

#: A point that refuses everything is told of once in this time: the deliveries themselves say which others have died.
APART_SECONDS = 3600


def tell(session: Session, services: Services, outcomes: Iterable[outbox.Outcome], *, now: datetime) -> None:
    """Write a notice for each point of which a delivery has died, unless there was one of late.

    The point itself is not told: it would be told of its own refusals, and refuse that too.
    """
    dead: dict[str, outbox.Outcome] = {}
    for outcome in outcomes:
        if outcome.state == DeliveryState.DEAD:
            dead.setdefault(outcome.leased.point, outcome)
    if not dead:
        return
    within = timedelta(seconds=APART_SECONDS)
    asking = notices.asking(session, services.routes, Notice.POINT_DEAD)
    for code, outcome in sorted(dead.items()):
        subject = f"points/{join_keys((code,))}"
        if notices.is_recent(session, type=Notice.POINT_DEAD, subject=subject, within=within, now=now):
            continue
        data = {
            "point": code,
            "delivery": outcome.leased.id,
            "record": outcome.leased.record,
            "status": outcome.status,
            "error": outcome.error,
        }
        others = [each for each in asking if each != code]
        notices.add(session, type=Notice.POINT_DEAD, subject=subject, data=data, now=now, points=others)
