"""The database's half of the delivery step: each round is one transaction that settles what ended and leases what fits.

Called by `deliver.py` in a thread of its own, so that no request waits for the database.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from changes import events
from changes.sealing import SealKeyError
from storage import erasures, history, outbox, point_backoff, point_health, point_pauses, points, tally
from storage.session import Session
from storage.states import DeliveryState
from tasks import process_names
from tasks.delivery import deaths, health, sent_events, tallies
from tasks.delivery.points import AddressBook
from tasks.log_lines import Logger
from tasks.services import Services
from webhooks import retry, sender

log = Logger("mirrorpoint.deliver")

#: A process that gives no sign of life for so long loses what it has leased.
LEASE_SECONDS = 30
RENEW_AFTER_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Prepared:
    """A leased delivery with all that is needed to send it, or with the problem that prevents that."""

    leased: outbox.Leased
    policy: retry.Policy
    target: sender.Target | None = None
    event_id: str = ""
    body: bytes = b""
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """What the event loop asks of the database in one round."""

    ended: Sequence[outbox.Outcome]
    returned: Sequence[outbox.Leased]  #: leased, but to be given back unattempted
    held: Sequence[outbox.Leased]  #: all others that are leased
    ahead: Mapping[str, int]  #: point -> how many deliveries may be leased for it
    ahead_at_first: int  #: the same for a point that is not named
    at_once: int  #: requests that a point may have under way, over all processes
    limit: int  #: deliveries to lease; 0: no more


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What the round has brought."""

    ready: Sequence[Prepared] = ()
    counted: Sequence[outbox.Outcome] = ()  #: the outcomes that count: no other process has taken the delivery
    lost: Sequence[outbox.Leased] = ()  #: those of the held that another process has taken
    next_due_at: datetime | None = None  #: when there may be more work; None if nothing is owed, or some is ready
    paused: Collection[str] = ()  #: points that are left alone: what waits for them is to be given back
    is_paced: bool = False  #: something is due, and waits only for its point's rate, or for the next round


class DeliveryStore:
    """Knows the points and their addresses; used by one thread at a time."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._book = AddressBook(services)
        self.held_until = float("inf")  #: `time.monotonic()` at which the first of the held leases may be over
        self._renewed_at = time.monotonic()

    def settle_and_lease(self, request: BatchRequest) -> BatchResult:
        """Settle, give back, renew, lease."""
        database, now, started = self._services.database, self._services.now, time.monotonic()
        must_renew = bool(request.held) and started - self._renewed_at > RENEW_AFTER_SECONDS
        if not (request.ended or request.returned or must_renew):  # look before asking for the right to write
            with database.read() as session:
                pauses = point_backoff.read(session, now=now())
                next_due_at = outbox.next_due_at(session, now=now(), pauses=pauses)
                is_paced = self._is_paced(session, pauses, now())
            if not request.limit or next_due_at is None or next_due_at > now():
                return BatchResult(next_due_at=next_due_at, paused=_left_alone(pauses, now()), is_paced=is_paced)
        lost: list[outbox.Leased] = []
        leased: list[outbox.Leased] = []
        next_due_at, is_paced = None, False
        with database.write() as session:
            outbox.lock(session)
            self._book.read(session)
            judged = health.judge(session, request.ended, self._book)
            counted = outbox.settle(session, _without_quotes(session, judged.outcomes))
            point_health.note(session, counted, judged.healths)
            deaths.tell(session, self._services, counted, now=now())
            if judged.answering:
                outbox.catch_up(session, judged.answering, now=now())
            outbox.give_back(session, request.returned, now=now())
            for outcome in counted:
                if outcome.status == retry.GONE:
                    points.mark_gone(session, outcome.leased.point, reason=outcome.error or "", now=now())
                    self._book.forget()
            if must_renew:
                lost = outbox.renew(session, request.held, now=now(), lease_seconds=LEASE_SECONDS)
            pauses = self._corrected(session, point_backoff.read(session, now=now()), now())
            if request.limit:
                leased = self._lease(session, request, pauses, now())
            if not leased:
                self._skip_strays(session)
                next_due_at = outbox.next_due_at(session, now=now(), pauses=pauses)
                is_paced = self._is_paced(session, pauses, now())
            tally.add(session, tallies.of(judged.outcomes, counted=counted), now=now())
        health.tell(judged.moved)
        if must_renew or not request.held:
            self._renewed_at, self.held_until = started, started + LEASE_SECONDS
        ready, erased = self._prepare(leased)
        if erased:
            self._skip(erased)
            is_paced = True  # what stood behind them may be due now
        return BatchResult(ready, counted, lost, next_due_at, _left_alone(pauses, now()), is_paced)

    def _lease(
        self, session: Session, request: BatchRequest, pauses: point_backoff.Pauses, now: datetime
    ) -> list[outbox.Leased]:
        """Lease what fits; of a paused point only one delivery, which shows whether the point answers again."""
        self._book.read(session)
        per_point = {
            code: 1 if code in pauses.until else request.ahead.get(code, request.ahead_at_first)
            for code in self._book.points
            if code not in pauses.by_hand and pauses.until.get(code, now) <= now
        }
        return outbox.lease_due(
            session,
            now=now,
            lease_seconds=LEASE_SECONDS,
            limit=request.limit,
            per_point=per_point,
            at_once=request.at_once,
            held=Counter(item.point for item in request.held),
            rates=self._book.rates,
            holder=process_names.own(),
        )

    def _corrected(self, session: Session, pauses: point_backoff.Pauses, now: datetime) -> point_backoff.Pauses:
        """Correct times that were written by a clock far ahead: a point would wait until they have come."""
        wrong = {*pauses.ahead, *outbox.untouched_ahead(session, now=now)}
        if not wrong:
            return pauses
        log.warning("clock_was_ahead", points=sorted(wrong))
        for code in sorted(wrong):
            point_pauses.hurry(session, code, now=now)
        point_backoff.forget_wrong_times(session, pauses.ahead, now=now)
        return point_backoff.read(session, now=now)

    def _is_paced(self, session: Session, pauses: point_backoff.Pauses, now: datetime) -> bool:
        held_up = {code for code, at in pauses.starts.items() if at > now} - set(_left_alone(pauses, now))
        return bool(held_up) and any(due <= now for code, due in outbox.waiting(session).items() if code in held_up)

    def _skip_strays(self, session: Session) -> None:
        """Skip what was being written down, or under way, when its point stopped receiving."""
        if set(outbox.waiting(session)).difference(self._book.points):
            self._book.forget()
            self._book.read(session)
            for code in set(outbox.waiting(session)).difference(self._book.points):
                outbox.skip_owed(session, code, reason="no point of this code receives", now=self._services.now())

    def _prepare(self, leased: Sequence[outbox.Leased]) -> tuple[list[Prepared], list[outbox.Leased]]:
        """What can be sent, and what must not be since its content was erased."""
        if not leased:
            return [], []
        with self._services.database.read() as session:
            told = sent_events.read(session, leased)
        made: dict[object, tuple[str, bytes] | None] = {}  # one for all points that are owed it
        gone = [item for item in leased if told.is_erased(item)]
        ready = []
        for item in leased:
            if item in gone:
                continue
            if (what := _told_by(item)) not in made:
                event = told.event(item)
                made[what] = None if event is None else (event["id"], events.body(event))
            ready.append(self._ready(item, made[_told_by(item)]))
        return ready, gone

    def _skip(self, erased: Sequence[outbox.Leased]) -> None:
        """Their content was erased while they were being leased, or they were made due again afterwards."""
        now = self._services.now()
        with self._services.database.write() as session:
            outcomes = (outbox.Outcome(each, DeliveryState.SKIPPED, now, error=erasures.REASON) for each in erased)
            counted = outbox.settle(session, list(outcomes))
            tally.add(session, tallies.of((), counted=counted), now=now)

    def _ready(self, leased: outbox.Leased, event: tuple[str, bytes] | None) -> Prepared:
        policy = self._book.policy(leased.point)
        if event is None:
            return Prepared(leased, policy, problem="what it tells of is not in the database any more")
        try:
            return Prepared(leased, policy, self._book.target(leased.point), *event)
        except SealKeyError as error:
            return Prepared(leased, policy, problem=str(error))


def _without_quotes(session: Session, outcomes: Sequence[outbox.Outcome]) -> Sequence[outbox.Outcome]:
    """Without answers to what was erased meanwhile: receivers like to quote what they refuse."""
    answered = {
        outcome.leased.change_seq for outcome in outcomes if outcome.answer and outcome.leased.change_seq is not None
    }
    erased = history.erased(session, answered) if answered else ()
    return [replace(each, answer=None) if each.leased.change_seq in erased else each for each in outcomes]


def _left_alone(pauses: point_backoff.Pauses, now: datetime) -> Collection[str]:
    return {*pauses.by_hand, *(code for code, at in pauses.until.items() if at > now)}


def _told_by(leased: outbox.Leased) -> object:
    return leased.change_seq, leased.notice_id, leased.event_id
