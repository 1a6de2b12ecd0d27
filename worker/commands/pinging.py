"""What `points test` does: one signed event, sent at once and kept nowhere."""

from __future__ import annotations

import asyncio
import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any

from worker.commands import output
from worker.problems import UsageError, did_you_mean

if TYPE_CHECKING:
    from changes.sealing import Vault
    from storage.points import Point
    from tasks.services import DeliveryPolicy
    from webhooks.retry import Attempt
    from webhooks.sender import Target
    from worker.commands.calling import Call


def run(call: Call, code: str, *, wants_json: bool) -> int:
    """0 where the point has answered with 2xx, else 3."""
    from changes import events
    from storage import points

    services = call.services(only_sources=())
    try:
        with services.database.read() as session:
            point = points.find(session, code)
            known = [each.code for each in points.list_all(session)]
    finally:
        services.database.dispose()
    if point is None:
        raise UsageError(f'there is no point "{code}"', did_you_mean(code, known))
    if not point.url:
        raise UsageError(f"the point {code} has no url", "give it one where it is kept")
    event = _event(code, now=services.now())
    target = target_of(point, services.vault, services.delivery)
    attempt = asyncio.run(_send(target, services.delivery, event_id=event["id"], body=events.body(event)))
    is_fine = attempt.status is not None and 200 <= attempt.status < 300
    if wants_json:
        output.document(
            {
                "code": code,
                "url": point.url,
                "event_id": event["id"],
                "signed": bool(target.secrets),
                "status": attempt.status,
                "duration_ms": attempt.duration_ms,
                "error": attempt.error,
            }
        )
    else:
        signed = "signed" if target.secrets else "unsigned: neither the point nor [delivery] has a secret"
        said = attempt.error or f"answered {attempt.status}"
        output.say(f"{code} {said} after {attempt.duration_ms} ms ({signed})", style="green" if is_fine else "red")
    return 0 if is_fine else 3


def target_of(point: Point, vault: Vault, policy: DeliveryPolicy) -> Target:
    """Where a point's events go, with its token and secrets in clear."""
    from webhooks import sender, signature

    return sender.Target(
        point.code,
        url=point.url or "",
        token=vault.decrypt(point.token) if point.token else None,
        secrets=signature.split(vault.decrypt(point.secret) if point.secret else policy.secret),
    )


def _event(code: str, *, now: datetime) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": uuid.uuid4().hex,
        "source": "/mirrorpoint",
        "type": "mirrorpoint.test",
        "subject": f"points/{code}",
        "time": output.stamp(now),
        "datacontenttype": "application/json",
        "data": {"point": code, "message": "a test of this point; nothing has changed"},
    }


async def _send(target: Target, policy: DeliveryPolicy, *, event_id: str, body: bytes) -> Attempt:
    from webhooks import address_guard, sender

    one = sender.Sender(timeout_seconds=policy.timeout_seconds, allow=address_guard.networks(policy.allow_networks))
    try:
        return await one.send(target, event_id=event_id, body=body)
    finally:
        await one.aclose()
