"""What the clock has to open next: an entry for each resource that is scanned by itself, and one for its head scans.

Made when a clock starts, and anew with each plan. It follows from the settings, the stored plan and the database alone,
so two clocks have the same entries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from changes import schedules
from storage import cadence, reports, scans, slots
from storage.cadence import Intervals
from storage.reports import Turn
from storage.slots import FULL, HEAD
from tasks.scan import head_state
from tasks.scan.head_state import HeadState
from tasks.services import Services
from worker import rhythms
from worker.rhythms import Rhythm

#: Slots further ahead than this were opened while the machine's clock was ahead of the time; those of another clock,
#: whose machine is a little ahead of this one, are not.
AHEAD = timedelta(minutes=1)


@dataclass(slots=True)
class DueEntry:
    """A resource with a schedule, and how far this clock has come with it."""

    source: str
    resource: str
    kind: str  #: full or head
    rhythm: Rhythm
    next_at: datetime | None

    def latest(self, now: datetime) -> datetime | None:
        """The slot to be opened, of several missed ones the last: late is not never, once is enough.

        None where none has come. It need not be one of the rhythm: the first after a new plan may be of the old one.
        """
        if self.next_at is None or self.next_at > now:
            return None
        latest = self.rhythm.latest(now)
        return self.next_at if latest is None else max(latest, self.next_at)


def make(services: Services, before: Sequence[DueEntry] = ()) -> list[DueEntry]:
    """The first slot of each is the latest one, unless it was opened or answered before. `before`: as they were."""
    now = services.now()
    with services.database.read() as session:
        beats = _rhythms(services, cadence.intervals(session))
        last = slots.last_slots(session, [place for place, beat in beats.items() if beat is not None])
        turns = reports.turns(session)
    heads = {(each.source, each.resource): each.next_at for each in before if each.kind == HEAD}
    entries, noted = list[DueEntry](), dict[tuple[str, str], datetime | None]()
    for (source, resource, kind), beat in beats.items():
        at, slot_at = (source, resource), last.get((source, resource, kind))
        turn = turns.get(at, Turn())
        if beat is None:
            if turn.next_at is not None:  # it was switched off
                noted[at] = None
        elif kind == FULL:
            # A complete scan, of `sync` for instance, answers every slot before its start.
            known = [slot_at, turn.last_complete_started_at]
            next_at = _next_at(beat, known, standing=turn.next_at, now=now)
            if next_at != turn.next_at:
                noted[at] = next_at
            entries.append(DueEntry(source, resource, FULL, beat, next_at))
        else:
            known = [slot_at, HeadState.from_json(turn.head).started_at]
            entries.append(
                DueEntry(source, resource, HEAD, beat, _next_at(beat, known, standing=heads.get(at), now=now))
            )
    _write(services, noted, now)
    return entries


def _rhythms(
    services: Services, planned: Mapping[tuple[str, str], Intervals]
) -> dict[tuple[str, str, str], Rhythm | None]:
    """(source, resource, kind) -> when it comes; None for full scans of what is off, and no head scans then."""
    found: dict[tuple[str, str, str], Rhythm | None] = {}
    for source in services.sources.values():
        for resource in source.catalogue.resources.values():
            at = source.name, resource.name
            intervals = planned.get(at, Intervals(None, None))
            beat = _rhythm(schedules.resolve(resource, source.schedule), at, intervals)
            found[*at, FULL] = beat
            if beat is not None and intervals.head is not None:
                found[*at, HEAD] = rhythms.every(intervals.head, source=source.name, resource=resource.name, kind=HEAD)
    return found


def _rhythm(schedule: str, at: tuple[str, str], intervals: Intervals) -> Rhythm | None:
    source, resource = at
    if not isinstance(schedules.parse(schedule), schedules.Auto):
        return rhythms.rhythm(schedule, source=source, resource=resource)
    if intervals.full is None:
        return None
    return rhythms.every(intervals.full, source=source, resource=resource)


def _next_at(
    beat: Rhythm, known: Sequence[datetime | None], *, standing: datetime | None, now: datetime
) -> datetime | None:
    """`known`: slots and starts by which all before is answered; `standing`: the next slot as it was decided before.

    Where the interval has become shorter, slots of the new one have passed already. If each resource opened one at
    once, a new plan would begin with a burst. So the next one is that of the new interval, and not later than that of
    the old one: there is neither a burst nor a gap that is longer than both intervals.
    """
    done_until = max((at for at in known if at is not None and at <= now + AHEAD), default=None)
    if done_until is None:
        return beat.latest(now)
    following = beat.next(done_until)
    if following is None or following > now or standing is None or standing <= now:
        return following
    return min(at for at in (beat.next(now), standing) if at is not None)


def _write(services: Services, noted: Mapping[tuple[str, str], datetime | None], now: datetime) -> None:
    with services.database.write() as session:
        # Left standing, the slots of days to come would count as opened, and as done, when those days are here.
        rests = timedelta(seconds=head_state.MOST_REST_SECONDS)
        slots.forget_later(session, after=now + AHEAD, heads_after=now + max(AHEAD, rests))
        slots.wake_from_ahead(session, now=now)
        scans.note_next(session, noted)
