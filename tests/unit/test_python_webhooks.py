"""`mirrorpoint.webhooks.verify`: only what the secret has signed just now is an event, whatever else comes."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from email.message import Message
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changes import events
from changes.records import Kind
from docs.generator import events as samples
from mirrorpoint import webhooks
from webhooks import signature

SECRET, NEXT, OTHER = ("whsec_" + base64.b64encode(letter * 32).decode() for letter in (b"s", b"n", b"o"))


def sent(
    event: dict[str, Any] | None = None, *, secrets: tuple[str, ...] = (SECRET,), at: datetime | None = None
) -> tuple[bytes, dict[str, str]]:
    """Body and headers as our sender makes them."""
    event = samples.example() if event is None else event
    body = events.body(event)
    return body, signature.headers(event.get("id", "x"), body, secrets=secrets, attempted_at=at or datetime.now(UTC))


def test_a_signed_event_is_read_with_its_types() -> None:
    event = webhooks.verify(*sent(), SECRET)

    assert ("products.updated", "products", "42", "", "updated", 3) == (
        event.type,
        event.resource,
        event.key,
        event.parent_key,
        event.kind,
        event.version,
    )
    assert ("backoffice", "products/42", "backoffice/products/42", 1234) == (
        event.source,
        event.subject,
        event.record,
        event.seq,
    )
    assert (("/status",), {"/status": "enabled"}) == (event.changed, event.previous)
    assert {"id": 42, "name": "gold", "status": "disabled"} == event.document
    assert datetime(2026, 11, 22, tzinfo=UTC) == event.observed_at == event.time
    assert datetime(2026, 11, 21, 23, 55, tzinfo=UTC) == event.observed_after
    assert not event.is_notice


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_of_change_is_read(kind: Kind) -> None:
    change = samples.samples()[kind]

    event = webhooks.verify(*sent(events.cloud_event(change, seq=7, id="an-id")), SECRET)

    assert (kind, change.document, change.observed_after) == (event.kind, event.document, event.observed_after)
    assert tuple(change.changed) == event.changed


def test_a_notice_is_no_change() -> None:
    notice = {
        "specversion": "1.0", "id": "n", "source": "/mirrorpoint", "type": "mirrorpoint.test",
        "subject": "points/AUDIT", "time": "2026-11-22T00:00:00Z", "datacontenttype": "application/json",
        "data": {"point": "AUDIT"},
    }  # fmt: skip

    event = webhooks.verify(*sent(notice), SECRET)

    assert event.is_notice
    assert ("", None, {"point": "AUDIT"}) == (event.source, event.seq, event.data)


def test_a_notice_that_speaks_of_a_resource_is_still_none_of_its_changes() -> None:
    data = {"source": "backoffice", "resource": "products", "scan_id": "1", "held": 12}
    at = datetime(2026, 11, 22, tzinfo=UTC)
    notice = events.notice_event(
        id="n", type="mirrorpoint.deletions_held", subject="backoffice/products", at=at, data=data
    )

    event = webhooks.verify(*sent(notice), SECRET)

    assert event.is_notice
    assert ("", "backoffice/products", data, at) == (event.record, event.subject, event.data, event.time)


@pytest.mark.parametrize("secret", [f"{OTHER} {SECRET}", [OTHER, SECRET], (SECRET, OTHER)])
def test_any_of_several_secrets_will_do(secret: Any) -> None:
    assert webhooks.verify(*sent(), secret).key == "42"


def test_a_receiver_with_either_secret_takes_what_is_signed_with_both() -> None:
    body, headers = sent(secrets=(NEXT, SECRET))

    assert webhooks.verify(body, headers, SECRET) == webhooks.verify(body, headers, NEXT)


def test_headers_come_as_frameworks_have_them() -> None:
    body, headers = sent()
    message = Message()
    for name, value in headers.items():
        message[name.title()] = value
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]

    expected = webhooks.verify(body, headers, SECRET)
    assert expected == webhooks.verify(memoryview(body), {k.upper(): v for k, v in headers.items()}, SECRET)
    assert expected == webhooks.verify(body.decode(), message, SECRET)  # type: ignore[arg-type]  # it has items()
    assert expected == webhooks.verify(bytearray(body), pairs, SECRET)


@pytest.mark.parametrize("age", [timedelta(minutes=6), timedelta(minutes=-6)])
def test_what_is_not_of_now_is_refused(age: timedelta) -> None:
    with pytest.raises(webhooks.InvalidSignature, match="not of now"):
        webhooks.verify(*sent(at=datetime.now(UTC) - age), SECRET)


def test_another_secret_another_body_or_no_signature_is_refused() -> None:
    body, headers = sent()

    with pytest.raises(webhooks.InvalidSignature, match="no secret fits"):
        webhooks.verify(body, headers, OTHER)
    with pytest.raises(webhooks.InvalidSignature, match="no secret fits"):
        webhooks.verify(body + b" ", headers, SECRET)
    with pytest.raises(webhooks.InvalidSignature, match="UTF-8"):
        webhooks.verify(b"\xff", headers, SECRET)
    for name in headers:
        with pytest.raises(webhooks.InvalidSignature, match=name):
            webhooks.verify(body, {**headers, name: ""}, SECRET)


@given(st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]), st.text())
def test_headers_may_hold_anything(name: str, value: str) -> None:
    body, headers = sent()

    if value != headers[name]:
        with pytest.raises(webhooks.InvalidSignature):
            webhooks.verify(body, {**headers, name: value}, SECRET)


@pytest.mark.parametrize(
    "change",
    [
        {"specversion": "0.3"}, {"data": None}, {"data": {"resource": "products"}}, {"time": "yesterday"},
        {"time": "2026-11-22T00:00:00"}, {"sequence": "first"}, {"sequence": 7}, {"type": None},
    ],
)  # fmt: skip
def test_what_is_signed_and_no_event_of_ours_is_told_apart(change: dict[str, Any]) -> None:
    with pytest.raises(webhooks.InvalidEvent):
        webhooks.verify(*sent({**samples.example(), **change}), SECRET)


@pytest.mark.parametrize("text", ["", "[]", "1", "{", "[" * 100_000])
def test_a_signed_body_that_is_no_object_is_no_event(text: str) -> None:
    headers = signature.headers("x", text.encode(), secrets=[SECRET], attempted_at=datetime.now(UTC))

    with pytest.raises(webhooks.InvalidEvent):
        webhooks.verify(text, headers, SECRET)


def test_an_id_that_is_not_the_event_s_own_is_refused() -> None:
    body, _ = sent()
    headers = signature.headers("another", body, secrets=[SECRET], attempted_at=datetime.now(UTC))

    with pytest.raises(webhooks.InvalidEvent, match="webhook-id"):
        webhooks.verify(body, headers, SECRET)


@pytest.mark.parametrize("secret", ["", "secret", "whsec_c2hvcnQ=", []])
def test_a_secret_that_is_none_is_a_mistake_of_the_receiver_s(secret: Any) -> None:
    with pytest.raises(ValueError, match="signing secret"):
        webhooks.verify(*sent(), secret)


def test_integers_of_any_length_stay_exact() -> None:
    event = samples.example()
    event["data"]["document"] = {"id": 2**70}

    assert {"id": 2**70} == webhooks.verify(*sent(event), SECRET).document
