"""Sends a point once more what the log has: finds the changes of a span that its routes lead to it, and makes them due.

Called by the command `replay`. Nothing is sent here: the delivery step finds what is due.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from changes import events, routes
from changes.routes import Route
from storage import history, outbox, point_health, replays
from storage.states import DeliveryState
from tasks.log_lines import Logger
from tasks.services import Services

log = Logger("mirrorpoint.replay")

#: Changes looked at in one read, and made due in one transaction; all those of a record are in the same one.
READ_AT_A_TIME, DUE_AT_A_TIME = 5_000, 500
#: Records whose events are under way are looked at again after this, and left as they are after that without any end.
LOOK_SECONDS, WAIT_SECONDS = 0.5, 120.0

OnProgress = Callable[[int, int], None]  #: so many are done, of so many


@dataclass(frozen=True, slots=True)
class Selection:
    """What is to be sent again."""

    point: str
    routes: Collection[Route]  #: those that lead to the point
    since: datetime
    until: datetime  #: exclusive
    resources: Collection[tuple[str, str]] | None = None  #: pairs of source and resource; None: all
    kinds: Collection[str] | None = None


@dataclass(slots=True)
class Plan:
    """The changes that were found, and what became of them until now."""

    selection: Selection
    records: dict[str, array[int]] = field(default_factory=dict)  #: partition key -> numbers, ascending
    resources: set[tuple[str, str]] = field(default_factory=set)
    told: int = 0  #: they have arrived
    owed: int = 0  #: they are still to be sent
    never: int = 0  #: given up, skipped or never owed
    erased: int = 0  #: they have no content any more; not among `records`

    @property
    def point(self) -> str:
        return self.selection.point

    @property
    def changes(self) -> int:
        return self.told + self.owed + self.never


@dataclass(frozen=True, slots=True)
class ReplayEnd:
    """What came of it."""

    made_due: int = 0
    left: int = 0  #: their records had events under way for too long


def plan(services: Services, selection: Selection, *, on_progress: OnProgress = lambda *_: None) -> Plan:
    """Find the changes; nothing is written."""
    found, after_seq = Plan(selection), None
    with services.database.read() as session:
        last = history.last_seq(session)
    while True:
        with services.database.read() as session:
            rows = replays.read(
                session, since=selection.since, until=selection.until, after_seq=after_seq, limit=READ_AT_A_TIME
            )
            if not rows:
                return found
            states = replays.states(session, selection.point, first_seq=rows[0].seq, last_seq=rows[-1].seq)
        _take(found, rows, states)
        after_seq = rows[-1].seq
        on_progress(after_seq, last)


def _take(found: Plan, rows: Sequence[replays.Logged], states: Mapping[int, str]) -> None:
    for row in rows:
        if not _is_wanted(found.selection, row):
            continue
        if row.is_erased:
            found.erased += 1
            continue
        record = events.partition_key(source=row.source, resource=row.resource, id=row.id)
        found.records.setdefault(record, array("q")).append(row.seq)
        found.resources.add((row.source, row.resource))
        state = states.get(row.seq)
        found.told += state == DeliveryState.DELIVERED
        found.owed += state in (DeliveryState.DUE, DeliveryState.LEASED)
        found.never += state in (None, DeliveryState.DEAD, DeliveryState.SKIPPED)


def _is_wanted(selection: Selection, row: replays.Logged) -> bool:
    return (
        (selection.resources is None or (row.source, row.resource) in selection.resources)
        and (selection.kinds is None or row.kind in selection.kinds)
        and any(routes.takes(route, row.resource, kind=row.kind, changed=row.changed) for route in selection.routes)
    )


def make_due(services: Services, found: Plan, *, is_new: bool, on_progress: OnProgress = lambda *_: None) -> ReplayEnd:
    """Make all of it due, some hundred changes a transaction; what is committed stays if the process ends.

    A record whose event is just being sent is left until that has ended.
    """
    left: Mapping[str, Sequence[int]] = found.records
    done, moved_at = 0, time.monotonic()
    while left and not services.stopping.is_set():
        busy: dict[str, Sequence[int]] = {}
        for piece in _pieces(left):
            with services.database.write() as session:
                outbox.lock(session)
                waiting = replays.make_due(session, found.point, piece, is_new=is_new, now=services.now())
            busy.update((record, piece[record]) for record in piece if record in waiting)
            done += sum(len(seqs) for record, seqs in piece.items() if record not in waiting)
            on_progress(done, found.changes)
            if services.stopping.is_set():
                break
        if len(busy) < len(left):
            moved_at = time.monotonic()
        elif time.monotonic() - moved_at > WAIT_SECONDS:
            break
        left = busy
        if left:
            services.stopping.wait(LOOK_SECONDS)
    with services.database.write() as session:
        outbox.lock(session)
        point_health.end_pause(session, {found.point}, now=services.now())
    services.wake("deliver")
    end = ReplayEnd(made_due=done, left=found.changes - done)
    log.info("replayed", point=found.point, made_due=end.made_due, left=end.left, is_new=is_new)
    return end


def _pieces(records: Mapping[str, Sequence[int]]) -> Iterator[dict[str, Sequence[int]]]:
    piece: dict[str, Sequence[int]] = {}
    number = 0
    for record, seqs in records.items():
        piece[record] = seqs
        number += len(seqs)
        if number >= DUE_AT_A_TIME:
            yield piece
            piece, number = {}, 0
    if piece:
        yield piece
