"""The sandbox's receiver judges webhooks by the published libraries, and misbehaves to order."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from sandbox import serving
from sandbox.receiver import Receiver

SECRET = "whsec_" + base64.b64encode(b"a secret of the receiver's tests").decode()
TOKEN = "00ea293c29f9dc30"
EVENT = {"specversion": "1.0", "id": "e1", "source": "/mirrorpoint/backoffice", "type": "products.updated",
         "subject": "products/42", "data": {"caption": "Gold, 黄金"}}  # fmt: skip


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    running = serving.start(Receiver(secret=SECRET, token=TOKEN))
    with running, httpx.Client(base_url=running.url, timeout=2, trust_env=False) as client:
        yield client


@pytest.fixture
def post(client: httpx.Client) -> Callable[..., httpx.Response]:
    """Sends an event as it should be, but for what is told otherwise."""
    client.post("/_sandbox/reset")
    client.delete("/_sandbox/behaviour")

    def send(path: str = "/hook", *, secret: str = SECRET, at: datetime | None = None, tampered: bytes = b"",
             headers: dict[str, str] | None = None, **event: Any) -> httpx.Response:  # fmt: skip
        told = {**EVENT, **event}
        body = json.dumps(told, ensure_ascii=False).encode()
        moment = at or datetime.now(UTC)
        signed = {
            "webhook-id": str(told["id"]), "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": Webhook(secret).sign(str(told["id"]), moment, body.decode()),
            "authorization": f"Bearer {TOKEN}", "content-type": "application/cloudevents+json; charset=utf-8",
        }  # fmt: skip
        return client.post(path, content=tampered or body, headers={**signed, **(headers or {})})

    return send


def received(client: httpx.Client, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("/_sandbox/received", params=query).json()
    return found


def behave(client: httpx.Client, **behaviour: Any) -> None:
    assert 200 == client.post("/_sandbox/behaviour", json=behaviour).status_code


def test_an_event_signed_by_the_published_library_is_valid(
    client: httpx.Client, post: Callable[..., httpx.Response]
) -> None:
    before = time.time()
    assert 200 == post().status_code
    (entry,) = received(client)

    assert (True, [], EVENT, "/hook", 1) == (
        entry["valid"],
        entry["problems"],
        entry["event"],
        entry["path"],
        entry["number"],
    )
    assert before <= entry["arrived_at"] <= time.time()
    assert ("e1", 200) == (entry["headers"]["webhook-id"], entry["status"])


@pytest.mark.parametrize(("wrong", "problem"), [
    ({"secret": "whsec_" + base64.b64encode(b"another").decode()}, "signature"),
    ({"tampered": json.dumps({**EVENT, "type": "products.deleted"}).encode()}, "signature"),
    ({"at": datetime.now(UTC) - timedelta(minutes=10)}, "signature"),
    ({"headers": {"webhook-signature": "nonsense"}}, "signature"),
    ({"headers": {"webhook-signature": ""}}, "signature"),
    ({"headers": {"authorization": "Bearer other"}}, "bearer"),
    ({"headers": {"content-type": "application/json"}}, "content type"),
    ({"specversion": "0.3"}, "specversion"),
    ({"type": ""}, "type is missing"),
    ({"tampered": b"{"}, "JSON"),
])  # fmt: skip
def test_whatever_is_wrong_is_told(
    client: httpx.Client, post: Callable[..., httpx.Response], wrong: dict[str, Any], problem: str
) -> None:
    post(**wrong)
    (entry,) = received(client)

    assert entry["valid"] is False
    assert any(problem in text for text in entry["problems"])


def test_a_second_signature_during_a_rotation_is_enough(
    client: httpx.Client, post: Callable[..., httpx.Response]
) -> None:
    now, body = datetime.now(UTC), json.dumps(EVENT, ensure_ascii=False)
    old = Webhook("whsec_" + base64.b64encode(b"the old one").decode()).sign("e1", now, body)
    post(at=now, headers={"webhook-signature": f"{old} {Webhook(SECRET).sign('e1', now, body)}"})

    assert [True] == [entry["valid"] for entry in received(client)]


def test_a_point_may_have_its_own_secret_and_token(client: httpx.Client, post: Callable[..., httpx.Response]) -> None:
    own = "whsec_" + base64.b64encode(b"of one point").decode()
    client.post("/_sandbox/points", json={"path": "/own", "secret": own, "token": ""})
    post("/own", secret=own, headers={"authorization": ""})
    post("/own")

    assert [True, False] == [entry["valid"] for entry in received(client, path="/own")]


def test_events_are_kept_in_the_order_of_their_arrival(
    client: httpx.Client, post: Callable[..., httpx.Response]
) -> None:
    for number in range(5):
        post(f"/hooks/{number % 2}", id=f"e{number}")

    assert [f"e{number}" for number in range(5)] == [entry["event"]["id"] for entry in received(client)]
    assert ["e1", "e3"] == [entry["event"]["id"] for entry in received(client, path="/hooks/1")]
    assert ["e3", "e4"] == [entry["event"]["id"] for entry in received(client, after=3)]
    assert {"total": 5, "invalid": 0} == client.get("/_sandbox/received?count=1").json()


def test_it_fails_so_many_times_and_then_works(client: httpx.Client, post: Callable[..., httpx.Response]) -> None:
    behave(client, status=503, headers={"Retry-After": "1"}, count=2)
    answers = [post() for _ in range(3)]

    assert [503, 503, 200] == [answer.status_code for answer in answers]
    assert "1" == answers[0].headers["Retry-After"]
    assert [503, 503, 200] == [entry["status"] for entry in received(client)]


def test_it_fails_for_one_path_or_one_record_only(client: httpx.Client, post: Callable[..., httpx.Response]) -> None:
    behave(client, path="/bad", status=410)
    behave(client, subject="products/4?", status=500)

    sent = [("/bad", "tags/1"), ("/good", "products/42"), ("/good", "tags/1")]
    assert [410, 500, 200] == [post(path, subject=subject).status_code for path, subject in sent]


def test_it_can_be_slow_hang_or_cut_the_connection(client: httpx.Client, post: Callable[..., httpx.Response]) -> None:
    behave(client, wait_seconds=0.2, count=1)
    started = time.monotonic()
    post()
    assert 0.2 <= time.monotonic() - started

    behave(client, is_hanging=True, count=1)
    with pytest.raises(httpx.ReadTimeout):
        post()
    behave(client, is_cut=True, body="half of this", count=1)
    with pytest.raises(httpx.RemoteProtocolError):
        post()
    assert [200, 0, 200] == [entry["status"] for entry in received(client)]


def test_it_can_answer_more_than_anybody_wants_to_read(
    client: httpx.Client, post: Callable[..., httpx.Response]
) -> None:
    behave(client, megabytes=2, count=1)

    assert 2 * 1024 * 1024 == len(post().content)


def test_a_line_is_told_for_each_event() -> None:
    lines: list[str] = []
    with serving.start(Receiver(show=lines.append)) as running:
        headers = {"content-type": "application/cloudevents+json"}
        httpx.post(f"{running.url}/hook", json=EVENT, headers=headers, trust_env=False)

    assert ["   1  /hook  products.updated  products/42  unsigned"] == lines
