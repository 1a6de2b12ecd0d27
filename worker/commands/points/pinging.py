"""What `points test` does: one signed event, sent at once and kept nowhere."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from worker import output
from worker.commands.acting import acting
from worker.commands.points import sample_events
from worker.problems import UsageError, did_you_mean

if TYPE_CHECKING:
    from storage.points import Point
    from storage.session import Session
    from tasks.services import DeliveryPolicy
    from webhooks.retry import Attempt
    from webhooks.sender import Target
    from worker.commands.calling import Call


def run(call: Call, code: str, *, like: str | None, shows: bool, wants_json: bool) -> int:
    """0 where the point has answered with 2xx, else 3."""
    from changes import events
    from tasks.delivery.points import target_of
    from worker import bootstrap

    settings = call.settings()
    services = call.services(settings, only_sources=())
    try:
        with services.database.read() as session:
            point = _point(session, code)
            event, origin = sample_events.bare(code, now=services.now()), ""
            if like is not None:
                catalogues = bootstrap.load_catalogues(settings)
                event, origin = sample_events.like(session, catalogues, like, now=services.now())
        target = target_of(point, vault=services.vault, policy=services.delivery)
        with acting(services.database, "points test", target=code, arguments={"like": like} if like else {}) as action:
            attempt = asyncio.run(_send(target, services.delivery, event_id=event["id"], body=events.body(event)))
            action.outcome = f"done: {attempt.error or f'answered {attempt.status}'}"
    finally:
        services.database.dispose()
    is_fine = attempt.status is not None and 200 <= attempt.status < 300
    if wants_json:
        output.document(
            {
                "code": code,
                "url": point.url,
                "event_id": event["id"],
                "type": event["type"],
                "signed": bool(target.secrets),
                "status": attempt.status,
                "duration_ms": attempt.duration_ms,
                "error": attempt.error,
                "answer": attempt.answer,
                **({"event": event} if shows else {}),
            }
        )
        return 0 if is_fine else 3
    if shows:
        output.pretty(event)
    if origin:
        output.note(f"{event['type']}, {origin}")
    output.say(_sentence(code, attempt, is_signed=bool(target.secrets)), style="green" if is_fine else "red")
    if attempt.answer:
        output.say(said(attempt.answer))
    return 0 if is_fine else 3


def _sentence(code: str, attempt: Attempt, *, is_signed: bool) -> str:
    event = "a signed event" if is_signed else "an unsigned event"
    if attempt.status is None:
        came = f"{code} could not be sent {event}: {attempt.error} (after {attempt.duration_ms:,} ms)"
    else:
        came = f"{code} answered {attempt.status} to {event} after {attempt.duration_ms:,} ms"
    return came if is_signed else f"{came}; neither the point nor [delivery] has a secret to sign with"


def said(answer: str) -> str:
    """What a receiver has answered, in one line that no terminal obeys."""
    return "it said: " + " ".join("".join(each if each.isprintable() else " " for each in answer).split())


def _point(session: Session, code: str) -> Point:
    from storage import points

    point = points.find(session, code)
    if point is None:
        raise UsageError(f'there is no point "{code}"', did_you_mean(code, [p.code for p in points.list_all(session)]))
    if not point.url:
        raise UsageError(f"the point {code} has no url", "give it one where it is kept")
    return point


async def _send(target: Target, policy: DeliveryPolicy, *, event_id: str, body: bytes) -> Attempt:
    from webhooks import address_guard, sender

    one = sender.Sender(timeout_seconds=policy.timeout_seconds, allow=address_guard.networks(policy.allow_networks))
    try:
        return await one.send(target, event_id=event_id, body=body)
    finally:
        await one.aclose()
