"""The clock: schedules and plans -> unique slots in the database -> wake-ups; `mirrorpoint clock` runs it.

It decides nothing that a second clock would decide otherwise: slots follow from the schedule, the stored plan and the
time alone.
"""

from __future__ import annotations

import itertools
import signal
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.background import BackgroundScheduler

from storage import reports, scans, slots
from storage.errors import DatabaseTrouble
from storage.session import Session
from storage.slots import Slot
from tasks import wakeups
from tasks.cadence import planning
from tasks.log_lines import Logger
from tasks.scan.head_state import HeadState
from tasks.services import Services
from worker import child, due_entries, minute_line, rhythms, signals
from worker.due_deliveries import DueDeliveries
from worker.due_entries import DueEntry
from worker.liveness import Liveness

log = Logger("mirrorpoint.clock")

TICK_SECONDS = 1
HOUSEKEEPING_SECONDS = 5
SIGN_SECONDS = 15
#: How often the clock looks whether a plan is due, or was made by another.
PLAN_SECONDS = 10


class Clock:
    """Made once per process; `tick` once a second."""

    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services
        self._entries: list[DueEntry] | None = None
        self._soonest: datetime | None = None  #: when the first of the entries comes; None: not known
        self._before: list[DueEntry] = []  #: the entries until the plan was made anew
        self._planned: dict[str, datetime] = {}  #: when the plans were made that the entries follow
        self._looked_at: datetime | None = None  #: for a plan
        self._ticked_at: datetime | None = None
        self._due_deliveries = DueDeliveries()
        self._is_troubled = False
        self._is_planless = False

    def tick(self) -> None:
        """Open the slots that have come, wake deliveries that are due; with the database away, try at the next tick."""
        try:
            services = self._services()
            now = services.now()
            if self._ticked_at is not None and now < self._ticked_at - due_entries.AHEAD:
                log.warning("time_went_back", seconds=round((self._ticked_at - now).total_seconds()))
                self._entries, self._before = None, []
            self._ticked_at = now
            self._look_for_plan(services, now)
            if self._entries is None:
                self._entries, self._soonest = due_entries.make(services, self._before), None
            self._open_slots(services, self._entries)
            self._due_deliveries.wake(services, now)
        except Exception as error:  # noqa: BLE001  # whatever it is: the clock goes on
            if not self._is_troubled:
                log.warning("clock_stands", error=f"{type(error).__name__}: {error}")
            self._is_troubled = True
        else:
            if self._is_troubled:
                log.warning("clock_goes_on")
            self._is_troubled = False

    def wake_housekeeping(self) -> None:
        """Housekeeping asks the database itself, so this sends only a name."""
        try:
            self._services().wake(wakeups.HOUSEKEEPING)
        except Exception as error:  # noqa: BLE001  # the services cannot be built; `tick` tells it
            log.debug("housekeeping_not_woken", error=str(error))

    def _look_for_plan(self, services: Services, now: datetime) -> None:
        """Have plans made that are due. With another plan, of this clock or of another, the entries are made anew."""
        looked = self._looked_at
        if self._entries is not None and looked is not None and now - looked < timedelta(seconds=PLAN_SECONDS):
            return
        is_start, self._looked_at = not self._planned, now
        try:
            planned = planning.plan_if_due(services, pace_of=rhythms.pace_of, is_start=is_start)
        except DatabaseTrouble:
            raise
        except Exception as error:  # noqa: BLE001  # the plan that stands is better than no scan at all
            if not self._is_planless:
                log.warning("plan_not_made", error=f"{type(error).__name__}: {error}")
            self._is_planless = True
            return
        self._is_planless = False
        if planned != self._planned:
            self._planned = planned
            self._before, self._entries = self._entries or [], None

    def _open_slots(self, services: Services, entries: Sequence[DueEntry]) -> None:
        now = services.now()
        if self._soonest is not None and now < self._soonest:
            return
        come = [(entry, slot_at) for entry in entries if (slot_at := entry.latest(now)) is not None]
        if not come:
            self._soonest = min((entry.next_at for entry in entries if entry.next_at is not None), default=None)
            return
        opened = [Slot(entry.source, entry.resource, entry.kind, slot_at) for entry, slot_at in come]
        following = [entry.rhythm.next(now) for entry, _ in come]
        # Housekeeping wakes those that the queue has no room for, within seconds, also when the broker is back.
        line = dict.fromkeys((slot.source, slot.resource) for slot in sorted(opened, key=_heads_first))
        queued = services.queued(wakeups.SCAN)
        room = 0 if queued is None else max(0, wakeups.SCANS_AT_A_TIME - queued)
        woken = dict.fromkeys(itertools.islice(line, room))
        with services.database.write() as session:
            new = slots.open_slots(session, _needed(session, opened, now=now), now=now, woken=woken)
            moments = {
                (slot.source, slot.resource): next_at
                for slot, next_at in zip(opened, following, strict=True)
                if slot.kind == slots.FULL
            }
            scans.note_next(session, moments)
        self._soonest = None
        for (entry, _), next_at in zip(come, following, strict=True):
            entry.next_at = next_at
        if new:  # none: another clock was first, and it wakes
            log.debug("slots_opened", slots=new)
            for source, resource in woken:
                services.wake(wakeups.SCAN, source=source, resource=resource)


def _heads_first(slot: Slot) -> bool:
    return slot.kind == slots.FULL


def _needed(session: Session, opened: Sequence[Slot], *, now: datetime) -> list[Slot]:
    """Without the head slots that are answered already, or behind one that nobody has answered yet."""
    if all(slot.kind == slots.FULL for slot in opened):
        return list(opened)
    waiting, states = slots.waiting_heads(session, now=now), reports.head_states(session)

    def is_needed(slot: Slot) -> bool:
        at = (slot.source, slot.resource)
        if slot.kind == slots.FULL:
            return True
        started_at = HeadState.from_json(states.get(at)).started_at
        is_answered = started_at is not None and slot.slot_at <= started_at <= now + due_entries.AHEAD
        return at not in waiting and not is_answered

    return [slot for slot in opened if is_needed(slot)]


def run(services: Callable[[], Services]) -> int:
    """Until SIGTERM, SIGINT or SIGHUP; returns the exit code."""
    ending = signals.heeded({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
    signal.pthread_sigmask(signal.SIG_BLOCK, ending)  # before any thread is there: they inherit it, and we wait below
    clock = Clock(services)
    # `coalesce` and `max_instances`: what was late or took long is not made up for by several at once.
    scheduler = BackgroundScheduler(
        timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    )
    scheduler.add_job(clock.wake_housekeeping, "interval", seconds=HOUSEKEEPING_SECONDS)
    summary = minute_line.MinuteLine(services)
    scheduler.add_job(summary.tell, "interval", seconds=minute_line.SECONDS, next_run_time=datetime.now(UTC))
    liveness, stopping = Liveness("clock"), threading.Event()
    scheduler.add_job(liveness.give, "interval", seconds=SIGN_SECONDS, next_run_time=datetime.now(UTC))
    scheduler.start()
    ticking = threading.Thread(target=keep_ticking, args=(clock.tick, scheduler, stopping), name="tick", daemon=True)
    ticking.start()
    log.info("ready")
    child.say_ready()
    asked_by = signal.sigwait(ending)
    stopping.set()
    ticking.join()
    scheduler.shutdown(wait=True)
    liveness.take_back()
    log.info("stopped")
    return 130 if asked_by == signal.SIGINT else 0


def keep_ticking(tick: Callable[[], None], scheduler: BackgroundScheduler, stopping: threading.Event) -> None:
    """Tick until it is to stop, each second in the same thread.

    A job of APScheduler's would wake two threads each time, which costs more than the tick itself. APScheduler waits
    for moments besides, so when the machine's clock is put back by a day it would stand for a day.
    """
    while True:
        tick()
        catch_up(scheduler, now=datetime.now(UTC))
        if stopping.wait(TICK_SECONDS):
            return


def catch_up(scheduler: BackgroundScheduler, *, now: datetime) -> None:
    """What would run later than one interval from now runs at once."""
    for job in scheduler.get_jobs():
        interval: timedelta = job.trigger.interval
        if job.next_run_time is not None and job.next_run_time > now + interval + timedelta(seconds=TICK_SECONDS):
            job.modify(next_run_time=now)
