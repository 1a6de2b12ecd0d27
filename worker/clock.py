"""The clock: catalogue and schedules -> unique slots in the database -> wake-ups; `mirrorpoint clock` runs it.

It decides nothing that a second clock would decide otherwise: slots follow from the schedule and the time alone.
"""

from __future__ import annotations

import signal
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger

from changes import schedules
from storage import outbox, scans, slots
from storage.slots import Slot
from tasks import wakeups
from tasks.services import Services
from worker import child, minute_line, signals
from worker.liveness import Liveness

log = structlog.get_logger("mirrorpoint.clock")

TICK_SECONDS = 1
HOUSEKEEPING_SECONDS = 5
SIGN_SECONDS = 15
#: Slots further ahead than this were opened while the machine's clock was ahead of the time; those of another clock,
#: whose machine is a little ahead of this one, are not.
AHEAD = timedelta(minutes=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Rhythm(Protocol):
    """When a resource's entry comes."""

    def latest(self, now: datetime) -> datetime | None:
        """The last slot that has come; None where there was none in four years."""

    def next(self, after: datetime) -> datetime | None:
        """The first slot later than `after`; None for never again."""


@dataclass(frozen=True, slots=True)
class EveryRhythm:
    """Slots at fixed distances, counted from 1970 so that every clock counts the same."""

    seconds: int
    offset_seconds: int  #: spreads the resources over the interval

    def latest(self, now: datetime) -> datetime | None:
        whole = ((now - _EPOCH).total_seconds() - self.offset_seconds) // self.seconds
        return _EPOCH + timedelta(seconds=whole * self.seconds + self.offset_seconds)

    def next(self, after: datetime) -> datetime | None:
        latest = self.latest(after)
        return latest and latest + timedelta(seconds=self.seconds)


@dataclass(frozen=True, slots=True)
class CronRhythm:
    """A cron line in UTC."""

    triggers: tuple[CronTrigger, ...]

    def latest(self, now: datetime) -> datetime | None:
        # APScheduler only looks ahead, so look ahead from further and further back.
        for span in (timedelta(hours=2), timedelta(days=2), timedelta(days=35), timedelta(days=4 * 366)):
            slot, found = self._next(now - span), None
            while slot is not None and slot <= now:
                slot, found = self.next(slot), slot
            if found is not None:
                return found
        return None

    def next(self, after: datetime) -> datetime | None:
        return self._next(after + timedelta(microseconds=1))

    def _next(self, at_earliest: datetime) -> datetime | None:
        times = [trigger.get_next_fire_time(None, at_earliest) for trigger in self.triggers]
        return min((time for time in times if time is not None), default=None)


def rhythm(schedule: str, *, source: str, resource: str) -> Rhythm | None:
    """What a schedule means for this resource; None for "off"."""
    read = schedules.parse(schedule)
    if isinstance(read, schedules.Every):
        return EveryRhythm(read.seconds, offset_seconds=zlib.crc32(f"{source}/{resource}".encode()) % read.seconds)
    if isinstance(read, schedules.Cron):
        return CronRhythm(tuple(CronTrigger.from_crontab(line, timezone=UTC) for line in _either(read.line)))
    return None


def _either(line: str) -> tuple[str, ...]:
    """Cron fires on the day of month *or* the weekday where both are limited; APScheduler would want both."""
    minute, hour, day, month, weekday = line.split()
    if day.startswith("*") or weekday == "*":
        return (line,)
    return (f"{minute} {hour} {day} {month} *", f"{minute} {hour} * {month} {weekday}")


@dataclass(slots=True)
class _DueEntry:
    """A resource with a schedule, and how far this clock has come with it."""

    source: str
    resource: str
    rhythm: Rhythm
    next_at: datetime | None


class Clock:
    """Made once per process; `tick` once a second."""

    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services
        self._entries: list[_DueEntry] | None = None
        self._ticked_at: datetime | None = None
        self._is_troubled = False

    def tick(self) -> None:
        """Open the slots that have come, wake deliveries that are due; with the database away, try at the next tick."""
        try:
            services = self._services()
            now = services.now()
            if self._ticked_at is not None and now < self._ticked_at - AHEAD:
                log.warning("time_went_back", seconds=round((self._ticked_at - now).total_seconds()))
                self._entries = None
            self._ticked_at = now
            if self._entries is None:
                self._entries = _due_entries(services)
            self._open_slots(services, self._entries)
            self._wake_deliveries(services)
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

    def _open_slots(self, services: Services, entries: list[_DueEntry]) -> None:
        now = services.now()
        come: list[tuple[_DueEntry, datetime]] = []
        for entry in entries:
            if entry.next_at is not None and entry.next_at <= now:
                latest = entry.rhythm.latest(now)  # of several missed ones, the last: late is not never, once is enough
                if latest is not None:
                    come.append((entry, latest))
        if not come:
            return
        opened = [Slot(entry.source, entry.resource, "full", slot_at) for entry, slot_at in come]
        following = [entry.rhythm.next(now) for entry, _ in come]
        with services.database.write() as session:
            new = slots.open_slots(session, opened, now=now)
            for slot, next_at in zip(opened, following, strict=True):
                scans.note_next(session, slot.source, slot.resource, next_at=next_at)
        for (entry, _), next_at in zip(come, following, strict=True):
            entry.next_at = next_at
        if new:  # none: another clock was first, and it wakes
            log.debug("slots_opened", slots=new)
            for slot in opened:
                services.wake(wakeups.SCAN, source=slot.source, resource=slot.resource)

    def _wake_deliveries(self, services: Services) -> None:
        with services.database.read() as session:
            due_at = outbox.next_due_at(session)
        if due_at is not None and due_at <= services.now():
            services.wake(wakeups.DELIVER)


def _due_entries(services: Services) -> list[_DueEntry]:
    """Every resource that has a schedule; the first slot is the latest one, unless it was opened or answered before."""
    entries: list[_DueEntry] = []
    latest = services.now() + AHEAD
    with services.database.write() as session:
        # Left standing, the slots of days to come would count as opened, and as done, when those days are here.
        slots.forget_later(session, after=latest)
        last = slots.last_slots(session)
        for source in services.sources.values():
            for resource in source.catalogue.resources.values():
                state = scans.resource_state(session, source.name, resource.name)
                schedule = schedules.resolve(resource, source.schedule)
                beat = rhythm(schedule, source=source.name, resource=resource.name)
                if beat is None:
                    if state.next_at is not None:  # it was switched off
                        scans.note_next(session, source.name, resource.name, next_at=None)
                    continue
                # A complete scan, of `sync` for instance, answers every slot before its start.
                known = [last.get((source.name, resource.name, "full")), state.last_complete_started_at]
                done_until = max((at for at in known if at is not None and at <= latest), default=None)
                next_at = beat.latest(services.now()) if done_until is None else beat.next(done_until)
                if next_at != state.next_at:
                    scans.note_next(session, source.name, resource.name, next_at=next_at)
                entries.append(_DueEntry(source.name, resource.name, beat, next_at))
    return entries


def run(services: Callable[[], Services]) -> int:
    """Until SIGTERM, SIGINT or SIGHUP; returns the exit code."""
    ending = signals.heeded({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
    signal.pthread_sigmask(signal.SIG_BLOCK, ending)  # before any thread is there: they inherit it, and we wait below
    clock = Clock(services)
    # `coalesce` and `max_instances`: a tick that was late or long is not made up for by several at once.
    scheduler = BackgroundScheduler(
        timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    )
    scheduler.add_job(clock.tick, "interval", seconds=TICK_SECONDS, next_run_time=datetime.now(UTC))
    scheduler.add_job(clock.wake_housekeeping, "interval", seconds=HOUSEKEEPING_SECONDS)
    summary = minute_line.MinuteLine(services)
    scheduler.add_job(summary.tell, "interval", seconds=minute_line.SECONDS, next_run_time=datetime.now(UTC))
    liveness, stopping = Liveness("clock"), threading.Event()
    scheduler.add_job(liveness.give, "interval", seconds=SIGN_SECONDS, next_run_time=datetime.now(UTC))
    scheduler.start()
    threading.Thread(target=keep_to_time, args=(scheduler, stopping), name="time", daemon=True).start()
    log.info("ready")
    child.say_ready()
    asked_by = signal.sigwait(ending)
    stopping.set()
    scheduler.shutdown(wait=True)
    liveness.take_back()
    log.info("stopped")
    return 130 if asked_by == signal.SIGINT else 0


def keep_to_time(scheduler: BackgroundScheduler, stopping: threading.Event) -> None:
    """APScheduler waits for moments, so when the machine's clock is put back by a day it would stand for a day."""
    while not stopping.wait(TICK_SECONDS):
        catch_up(scheduler, now=datetime.now(UTC))


def catch_up(scheduler: BackgroundScheduler, *, now: datetime) -> None:
    """What would run later than one interval from now runs at once."""
    for job in scheduler.get_jobs():
        interval: timedelta = job.trigger.interval
        if job.next_run_time is not None and job.next_run_time > now + interval + timedelta(seconds=TICK_SECONDS):
            job.modify(next_run_time=now)
