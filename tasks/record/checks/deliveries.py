"""Deliveries and attempts belong to changes, or to notices; used by whole.py."""

from __future__ import annotations

import time
from collections.abc import Callable

from storage import strays
from tasks.record.checks.looks import Looks, Pace
from tasks.record.checks.outcome import Check, Name, Problem

_KINDS: tuple[tuple[str, str, Callable[..., strays.Part]], ...] = (
    ("delivery", strays.DELIVERY, strays.deliveries),
    ("attempt", strays.ATTEMPT, strays.attempts),
)


def check(looks: Looks, found: Check) -> None:
    """All that there were when this began."""
    for word, table, read in _KINDS:
        with looks.look() as session:
            until = strays.last_id(session, table)
        pace, after = Pace(most=2000), 0
        while after < until:
            began = time.perf_counter()
            with looks.look() as session, found.timed():
                part = read(session, after_id=after, until=until, limit=pace.rows)
            for id_, seq, what in part.strays:
                found.add(Problem(f"{word} {id_:,} {what}", seq=seq))
            found.count += part.looked_at
            if part.last_id is None:
                break
            after = part.last_id
            pace.note(time.perf_counter() - began)
            looks.tell(Name.DELIVERIES, after, until)
