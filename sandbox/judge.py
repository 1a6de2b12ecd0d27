"""Judges a webhook by the published Standard Webhooks library and the rules of CloudEvents 1.0; for the receiver."""

from __future__ import annotations

from dataclasses import dataclass

import orjson
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from sandbox.exchange import Request
from sandbox.fields import Json


@dataclass(slots=True)
class Received:
    """One request that came, and what was found wrong with it."""

    number: int  #: 1, 2, ... in the order of arrival
    arrived_at: float  #: seconds since 1970
    path: str
    method: str
    headers: dict[str, str]
    event: Json  #: the body where it is JSON
    text: str
    problems: list[str]
    is_checked: bool = False  #: whether there was a secret to check its signature with
    status: int = 0  #: what was answered; 0: nothing yet
    in_flight: int = 1  #: requests to this path under way at that moment, this one included

    def line(self) -> str:
        event = self.event if isinstance(self.event, dict) else {}
        verdict = "; ".join(self.problems) or self._signature()
        return f"{self.number:>4}  {self.path}  {event.get('type', '?')}  {event.get('subject', '?')}  {verdict}"

    def _signature(self) -> str:
        if "webhook-signature" not in self.headers:
            return "unsigned"
        return "signature valid" if self.is_checked else "signature not checked: start with --secret"


def judged(request: Request, *, number: int, now: float, secret: str, token: str) -> Received:
    """Without a secret the signature is not looked at, without a token the bearer is not."""
    problems: list[str] = []
    try:
        event = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        event = None
    if secret:
        try:
            Webhook(secret).verify(request.body, request.headers, json_parse=False)
        except (WebhookVerificationError, ValueError) as error:
            problems.append(f"signature: {error}")
    if token and request.headers.get("authorization") != f"Bearer {token}":
        problems.append("the bearer token is not the point's")
    problems += _event_problems(event, request.headers)
    text = request.body.decode(errors="replace")
    return Received(
        number, now, request.path, request.method, request.headers, event, text, problems, is_checked=bool(secret)
    )


def _event_problems(event: Json, headers: dict[str, str]) -> list[str]:
    """What CloudEvents 1.0 demands of the JSON form; the id must be that of the signature."""
    if not isinstance(event, dict):
        return ["the body is not a JSON object"]
    problems = [f"{name} is missing" for name in ("id", "source", "type") if not event.get(name)]
    if event.get("specversion") != "1.0":
        problems.append("specversion is not 1.0")
    if headers.get("webhook-id", event.get("id")) != event.get("id"):
        problems.append("webhook-id is not the event's id")
    if not headers.get("content-type", "").startswith("application/cloudevents+json"):
        problems.append("the content type is not application/cloudevents+json")
    return problems
