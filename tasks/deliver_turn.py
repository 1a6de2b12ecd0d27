"""The database's half of the delivery step: one short transaction a turn settles what has ended and leases what fits.

Called by tasks/deliver in a thread of its own, so that no request waits for the database.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlmodel import Session

from changes import events
from changes.records import Change
from changes.sealing import SealKeyError
from storage import history, outbox, point_health, points
from tasks import process_names
from tasks.services import Services
from webhooks import breaker, retry, sender, signature

log = structlog.get_logger("mirrorpoint.deliver")

#: A process that does not say for so long that it is still there loses what it has leased.
LEASE_SECONDS = 30
RENEW_AFTER_SECONDS = 10
#: How old the knowledge of the points' addresses may be.
POINTS_KEPT_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Ready:
    """A leased delivery with all that is needed to send it, or the problem that keeps it from being sent."""

    leased: outbox.Leased
    target: sender.Target | None = None
    event_id: str = ""
    body: bytes = b""
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What the event loop asks of a turn."""

    ended: Sequence[outbox.Outcome]
    returned: Sequence[outbox.Leased]  #: leased, and not to be attempted now
    held: Sequence[outbox.Leased]  #: leased besides those
    ahead: Mapping[str, int]  #: point -> deliveries that it may have leased
    ahead_at_first: int  #: the same for a point that is not named
    at_once: int  #: requests that a point may have under way, over all processes
    limit: int  #: deliveries to lease; 0: none any more


@dataclass(frozen=True, slots=True)
class Turn:
    """What a turn came to."""

    ready: Sequence[Ready] = ()
    counted: Sequence[outbox.Outcome] = ()  #: of those given, without those that another process attempts meanwhile
    lost: Sequence[outbox.Leased] = ()  #: of those held, taken by another process
    next_due_at: datetime | None = None  #: when there may be more to do; None where nothing is owed, or some is ready
    paused: Collection[str] = ()  #: points that are left alone: what waits for them is to be returned


class Desk:
    """Knows the points and their addresses; used by one thread at a time."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._own_secrets = signature.split(services.delivery.secret)
        self._pauses = breaker.pauses(services.delivery.retries_seconds)
        self._points: dict[str, points.Point] = {}
        self._points_read_at = float("-inf")
        self._targets: dict[str, tuple[points.Point, sender.Target]] = {}
        self.held_until = float("inf")  #: `time.monotonic()` at which the first of the leases held may be over
        self._renewed_at = time.monotonic()

    def turn(self, wish: Wish) -> Turn:
        """Settle, give back, renew, lease."""
        database, now, started = self._services.database, self._services.now, time.monotonic()
        must_renew = bool(wish.held) and started - self._renewed_at > RENEW_AFTER_SECONDS
        if not (wish.ended or wish.returned or must_renew):  # look before asking for the right to write
            with database.read() as session:
                next_due_at, until = outbox.next_due_at(session), outbox.paused(session)
            if not wish.limit or next_due_at is None or next_due_at > now():
                return Turn(next_due_at=next_due_at, paused=_left_alone(until, now()))
        lost: list[outbox.Leased] = []
        leased: list[outbox.Leased] = []
        next_due_at = None
        with database.write() as session:
            outbox.lock(session)
            counted = outbox.settle(session, wish.ended)
            told = self._note(session, counted)
            outbox.give_back(session, wish.returned, now=now())
            for outcome in counted:
                if outcome.status == retry.GONE:
                    points.mark_gone(session, outcome.leased.point, reason=outcome.error or "", now=now())
                    self._points_read_at = float("-inf")
            if must_renew:
                lost = outbox.renew(session, wish.held, now=now(), lease_seconds=LEASE_SECONDS)
            until = outbox.paused(session)
            if wish.limit:
                leased = self._lease(session, wish, until, now())
            if not leased:
                self._skip_strays(session)
                next_due_at = outbox.next_due_at(session)
        _tell(told)
        if must_renew or not wish.held:
            self._renewed_at, self.held_until = started, started + LEASE_SECONDS
        return Turn(self._prepare(leased), counted, lost, next_due_at, _left_alone(until, now()))

    def _lease(self, session: Session, wish: Wish, until: Mapping[str, datetime], now: datetime) -> list[outbox.Leased]:
        """`until`: points that are paused; when that is over one delivery shows whether they answer again."""
        self._read_points(session)
        ahead = {code: wish.ahead.get(code, wish.ahead_at_first) for code in self._points}
        return outbox.lease_due(
            session,
            now=now,
            lease_seconds=LEASE_SECONDS,
            limit=wish.limit,
            per_point={
                code: 1 if code in until else most for code, most in ahead.items() if until.get(code, now) <= now
            },
            at_once=wish.at_once,
            held=Counter(item.point for item in wish.held),
            holder=process_names.own(),
        )

    def _note(self, session: Session, outcomes: Sequence[outbox.Outcome]) -> Mapping[str, breaker.Breaker]:
        """Write down how the points answered; returns the breakers that this has opened or closed."""
        before = point_health.read(session, {outcome.leased.point for outcome in outcomes}) if outcomes else {}
        breakers = {
            code: breaker.Breaker(health.recent, health.last_attempt_at, health.pauses, health.paused_until)
            for code, health in before.items()
        }
        for outcome in outcomes:
            code = outcome.leased.point
            if outcome.attempted_at is not None and code in breakers:
                breakers[code] = breaker.after(
                    breakers[code],
                    is_failure=retry.may_pass(outcome.status),
                    began_at=outcome.attempted_at,
                    ended_at=outcome.settled_at,
                    policy=self._pauses,
                )
        healths = {
            code: point_health.Health(each.recent, each.last_at, each.pauses, each.paused_until)
            for code, each in breakers.items()
        }
        point_health.note(session, outcomes, healths)
        return {code: each for code, each in breakers.items() if each.paused_until != before[code].paused_until}

    def _read_points(self, session: Session) -> None:
        if time.monotonic() - self._points_read_at > POINTS_KEPT_SECONDS:
            self._points, self._points_read_at = points.targets(session), time.monotonic()

    def _skip_strays(self, session: Session) -> None:
        """What was just being written down, or under way, while its point stopped receiving."""
        if set(outbox.waiting(session)).difference(self._points):
            self._points_read_at = float("-inf")
            self._read_points(session)
            for code in set(outbox.waiting(session)).difference(self._points):
                outbox.skip_owed(session, code, reason="no point of this code receives")

    def _prepare(self, leased: Sequence[outbox.Leased]) -> list[Ready]:
        if not leased:
            return []
        with self._services.database.read() as session:
            changes = history.by_seq(session, sorted({item.change_seq for item in leased}))
        bodies = {seq: _event(change, seq) for seq, change in changes.items()}  # one for all points that are owed it
        return [self._ready(item, bodies.get(item.change_seq)) for item in leased]

    def _ready(self, leased: outbox.Leased, event: tuple[str, bytes] | None) -> Ready:
        if event is None:
            return Ready(leased, problem="its change is not in the log any more")
        try:
            return Ready(leased, self._target(self._points[leased.point]), *event)
        except SealKeyError as error:
            return Ready(leased, problem=str(error))

    def _target(self, point: points.Point) -> sender.Target:
        known = self._targets.get(point.code)
        if known is None or known[0] != point:
            decrypt = self._services.vault.decrypt
            target = sender.Target(
                point.code,
                url=point.url or "",
                token=decrypt(point.token) if point.token else None,
                secrets=signature.split(decrypt(point.secret)) if point.secret else self._own_secrets,
            )
            known = self._targets[point.code] = (point, target)
        return known[1]


def _left_alone(until: Mapping[str, datetime], now: datetime) -> Collection[str]:
    return [code for code, at in until.items() if at > now]


def _tell(breakers: Mapping[str, breaker.Breaker]) -> None:
    for code, each in breakers.items():
        if each.paused_until is None:
            log.info("point_answers_again", point=code)
        else:
            log.warning("point_paused", point=code, until=each.paused_until.isoformat(), pauses=each.pauses)


def _event(change: Change, seq: int) -> tuple[str, bytes]:
    event = events.cloud_event(change, seq=seq)
    return event["id"], events.body(event)
