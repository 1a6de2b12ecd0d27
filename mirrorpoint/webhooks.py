"""For those who receive events: is it ours, and what does it say? Needs no configuration and no database.

    event = mirrorpoint.webhooks.verify(body, headers, os.environ["AUDIT_SECRET"])

`body` is what came, byte for byte: a body that was parsed and written again no longer fits its signature.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import unquote

from standardwebhooks import Webhook, WebhookVerificationError

from changes import numbers
from webhooks import signature

__all__ = ["Event", "Invalid", "InvalidEvent", "InvalidSignature", "verify"]

T = TypeVar("T")

_SOURCE = "/mirrorpoint"
_SIGNED = ("webhook-id", "webhook-timestamp", "webhook-signature")
#: Of a tampered request much may be wrong; the library says a few of these in words of its own.
_UNREADABLE = (WebhookVerificationError, ValueError, OverflowError)


class Invalid(Exception):  # noqa: N818  # what it is
    """Not to be believed: what is wrong, and what to look at."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


class InvalidSignature(Invalid):
    """Nobody who knows the secret has sent this, or not now: answer 401."""


class InvalidEvent(Invalid):
    """It is signed, but it is no event of Mirrorpoint's: answer 400."""


@dataclass(frozen=True, slots=True)
class Event:
    """A change, or a notice about Mirrorpoint itself, such as that of `points test`; docs/events.md shows one."""

    id: str  #: the same on every attempt
    type: str  #: `products.updated`; of a notice `mirrorpoint.test`, …
    source: str  #: of the configuration; empty for a notice
    subject: str  #: `products/42`
    record: str  #: the record over all sources, `backoffice/products/42`; empty for a notice
    time: datetime
    seq: int | None  #: the change's number in the log; None for a notice
    data: Mapping[str, Any]  #: what the event says, whole
    resource: str = ""  #: this and what follows is empty for a notice
    key: str = ""
    parent_key: str = ""
    kind: str = ""  #: snapshot, created, updated, deleted, restored
    version: int = 0  #: 1, 2, … per record: leave out what is not above the one you know
    changed: tuple[str, ...] = ()  #: JSON Pointers
    previous: Mapping[str, Any] | None = None  #: JSON Pointer -> old value
    document: Any = None  #: the record afterwards, longer fractions as Decimal; None for deleted
    observed_after: datetime | None = None
    observed_at: datetime | None = None

    @property
    def is_notice(self) -> bool:
        """Whether it tells of Mirrorpoint and not of a record."""
        return not self.resource


def verify(
    body: bytes | bytearray | memoryview | str,
    headers: Mapping[str, str] | Iterable[tuple[str | bytes, str | bytes]],
    secret: str | Iterable[str],
) -> Event:
    """The event, where one of the secrets has signed it within the last five minutes (or the next, as clocks differ).

    `headers` is what the framework has: a mapping, or pairs as in ASGI; upper and lower case do not matter. `secret`:
    one, or several while one takes over from another (a list, or a text with white space between them). Raises
    InvalidSignature, InvalidEvent, and ValueError where a secret is none.
    """
    given = " ".join([secret] if isinstance(secret, str) else secret)
    signature.check_secret(given)
    named = _headers(headers)
    text = _text(body)
    if missing := [name for name in _SIGNED if not named.get(name)]:
        raise InvalidSignature(
            f"the header {missing[0]} is missing", "does the point, or [delivery], have a secret to sign with?"
        )
    _check(text, named, signature.split(given))
    return _event(text, named["webhook-id"])


def _headers(headers: Mapping[str, str] | Iterable[tuple[str | bytes, str | bytes]]) -> dict[str, str]:
    pairs: Iterable[tuple[str | bytes, str | bytes]] = (
        headers.items() if isinstance(headers, Mapping) else _pairs(headers)
    )
    return {_latin(name).lower(): _latin(value) for name, value in pairs}


def _pairs(headers: Any) -> Iterable[tuple[str | bytes, str | bytes]]:
    """Of classes that are no Mapping and have `items`, such as the standard library's message."""
    items = getattr(headers, "items", None)
    pairs: Iterable[tuple[str | bytes, str | bytes]] = items() if callable(items) else headers
    return pairs


def _latin(text: str | bytes) -> str:
    return text.decode("latin-1") if isinstance(text, bytes) else text


def _text(body: bytes | bytearray | memoryview | str) -> str:
    try:
        return body if isinstance(body, str) else bytes(body).decode()
    except UnicodeDecodeError:
        raise InvalidSignature("the body is no UTF-8 text, so it was not signed by Mirrorpoint") from None


def _check(text: str, headers: Mapping[str, str], secrets: Iterable[str]) -> None:
    reason: Exception | None = None
    for secret in secrets:
        try:
            Webhook(secret).verify(text, dict(headers), json_parse=False)
        except _UNREADABLE as error:
            reason = error
        else:
            return
    said = str(reason) if isinstance(reason, WebhookVerificationError) else "the headers cannot be read"
    if "timestamp" in said:
        hint = "look at the clocks of both machines; an event that was kept and sent later is refused as well"
        raise InvalidSignature(f"the signature is not of now: {said.lower()}", hint)
    hint = "is it the secret of this point, and the body as it came, byte for byte?"
    raise InvalidSignature(f"no secret fits the signature: {said.lower()}", hint)


def _event(text: str, webhook_id: str) -> Event:
    try:
        event = json.loads(text, parse_float=numbers.read)
    except (ValueError, RecursionError) as error:
        raise InvalidEvent(f"the body is not JSON: {error}") from None
    if not isinstance(event, dict) or event.get("specversion") != "1.0":
        raise InvalidEvent("the body is no CloudEvent of version 1.0")
    data = _member(event, "data", dict)
    notice = Event(
        id=_member(event, "id", str),
        type=_member(event, "type", str),
        source=unquote(_member(event, "source", str).removeprefix(_SOURCE).removeprefix("/")),
        subject=_member(event, "subject", str),
        record=event.get("partitionkey") or "",
        time=_time(event, "time"),
        seq=None if event.get("sequence") is None else _number(_member(event, "sequence", str)),
        data=data,
    )
    if notice.id != webhook_id:
        raise InvalidEvent("the header webhook-id and the event's id differ")
    if not notice.source:
        return replace(notice, record="")
    return Event(
        **{
            name: getattr(notice, name) for name in ("id", "type", "source", "subject", "record", "time", "seq", "data")
        },
        resource=_member(data, "resource", str),
        key=_member(data, "key", str),
        parent_key=_member(data, "parent_key", str),
        kind=_member(data, "kind", str),
        version=_member(data, "version", int),
        changed=tuple(_member(data, "changed", list)),
        previous=_member(data, "previous", dict),
        document=data.get("document"),
        observed_after=None if data.get("observed_after") is None else _time(data, "observed_after"),
        observed_at=_time(data, "observed_at"),
    )


def _member(values: Mapping[str, Any], name: str, kind: type[T]) -> T:
    value = values.get(name)
    if not isinstance(value, kind):
        raise InvalidEvent(f"the event has no {name} of the kind that Mirrorpoint sends")
    return value


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise InvalidEvent("the event's sequence is no number")
    return int(text)


def _time(values: Mapping[str, Any], name: str) -> datetime:
    try:
        found = datetime.fromisoformat(_member(values, name, str))
    except ValueError:
        raise InvalidEvent(f"the event's {name} is no time") from None
    if found.tzinfo is None:
        raise InvalidEvent(f"the event's {name} has no time zone")
    return found
