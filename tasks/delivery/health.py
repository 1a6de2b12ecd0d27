"""What attempts say of a point: its breaker, what a refusal costs while that is not closed, and when it catches up.

Called by `store.py` before the outcomes are written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from storage import outbox, point_health
from storage.session import Session
from storage.states import DeliveryState
from tasks.delivery.points import AddressBook
from tasks.log_lines import Logger
from webhooks import breaker, retry

log = Logger("mirrorpoint.deliver")

#: If so many failures came in a row before a success, the point had failed, and not a single record.
FAILURES_OF_POINT = 5
#: What has failed more often than this waits for its time, unless the point had failed.
FEW_ATTEMPTS = 2


@dataclass(frozen=True, slots=True)
class Judged:
    """Outcomes as they are to be written, and what follows for the points."""

    outcomes: Sequence[outbox.Outcome] = ()
    healths: Mapping[str, point_health.Health] = field(default_factory=dict)
    #: Points that answer well again -> how often a delivery may have failed that is due now; None: any number.
    answering: Mapping[str, int | None] = field(default_factory=dict)
    moved: Mapping[str, breaker.Breaker] = field(default_factory=dict)  #: breakers that have opened or closed


def judge(session: Session, outcomes: Sequence[outbox.Outcome], book: AddressBook) -> Judged:
    """Judge attempt by attempt. If this machine lacked something, there was no attempt, and it is left out."""
    if not outcomes:
        return Judged()
    before = point_health.read(session, {outcome.leased.point for outcome in outcomes})
    breakers = {
        code: breaker.Breaker(health.recent, health.last_attempt_at, health.pauses, health.paused_until)
        for code, health in before.items()
    }
    judged: list[outbox.Outcome] = []
    answering: dict[str, int | None] = {}
    for outcome in outcomes:
        code = outcome.leased.point
        if outcome.attempted_at is None or code not in breakers:
            judged.append(outcome)
            continue
        was, is_failure = breakers[code], retry.is_failure(outcome.status)
        breakers[code] = now_is = breaker.after(
            was,
            is_failure=is_failure,
            began_at=outcome.attempted_at,
            ended_at=outcome.settled_at,
            policy=book.pauses(code),
        )
        judged.append(_spared(outcome, now_is) if _is_to_be_spared(outcome, was, book) else outcome)
        if not is_failure and _ends_failures(was):
            most = None if _was_out(was, outcome) else FEW_ATTEMPTS
            answering[code] = None if most is None or answering.get(code, most) is None else most
    healths = {
        code: point_health.Health(each.recent, each.last_at, each.pauses, each.paused_until)
        for code, each in breakers.items()
    }
    moved = {code: each for code, each in breakers.items() if each.paused_until != before[code].paused_until}
    return Judged(judged, healths, answering, moved)


def _is_to_be_spared(outcome: outbox.Outcome, was: breaker.Breaker, book: AddressBook) -> bool:
    """Whether the delivery lives on: a point that refuses everything must not use up one delivery at each try."""
    if was.paused_until is None or outcome.state != DeliveryState.DEAD or outcome.status is None:
        return False
    return outcome.status < 400 or outcome.status in book.policy(outcome.leased.point).final


def _spared(outcome: outbox.Outcome, now_is: breaker.Breaker) -> outbox.Outcome:
    """Due again when the pause is over, after those that have waited longer: the next try is with another delivery."""
    due_at = now_is.paused_until or outcome.settled_at
    return replace(outcome, state=DeliveryState.DUE, due_at=max(due_at, outcome.settled_at), is_free=True)


def _ends_failures(was: breaker.Breaker) -> bool:
    return was.paused_until is not None or was.recent.endswith(breaker.FAILURE)


def _was_out(was: breaker.Breaker, outcome: outbox.Outcome) -> bool:
    """Whether what failed until now failed because of the point, and not because of single records."""
    if was.paused_until is not None or not was.recent.strip(breaker.FAILURE) or was.last_at is None:
        return True  # the breaker was not closed, or nothing but failures is known
    failures = len(was.recent) - len(was.recent.rstrip(breaker.FAILURE))
    began_at = outcome.attempted_at or outcome.settled_at
    was_silent = (began_at - was.last_at).total_seconds() > breaker.WINDOW_SECONDS
    return failures >= FAILURES_OF_POINT or was_silent


def tell(moved: Mapping[str, breaker.Breaker]) -> None:
    """Log which breakers have opened or closed."""
    for code, each in moved.items():
        if each.paused_until is None:
            log.info("point_answers_again", point=code)
        else:
            log.warning("point_paused", point=code, until=each.paused_until.isoformat(), pauses=each.pauses)
