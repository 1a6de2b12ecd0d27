"""What comes to the door in an odd form is told to whom it comes from, and gets no further."""

from __future__ import annotations

import base64
import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from changes.sealing import Vault
from tests import waiting
from tests.integration import fed, web_server
from tests.integration.fed import Fed
from tests.integration.web_server import OPS, Served
from tests.shop import open_shop
from web.failures import MOST, Failures
from web.hosts import Hosts

HTML = {"Accept": "text/html"}
CROSS_SITE = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with fed.feeding(tmp_path, f"sqlite:///{tmp_path / 'mirror.db'}") as opened:
        yield opened.served


@pytest.fixture
def on_each(tmp_path: Path, empty_url: str) -> Iterator[Fed]:
    """The same on both databases."""
    with fed.feeding(tmp_path, empty_url) as opened:
        yield opened


def basic(token: str = OPS) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"ops:{token}".encode()).decode()}


@pytest.mark.parametrize(
    ("path", "size", "headers", "status"),
    [
        ("/", 0, {"Host": "mirror.example.com"}, 421),
        ("/changes", 2_000_000, {}, 413),
        ("/actions/pause/PULLS", 1, {"Authorization": f"Bearer {OPS}", "Cookie": "mirrorpoint=x"}, 403),
        ("/changes", 1, {}, 401),
        ("/changes?key=%00", 0, {"Authorization": f"Bearer {OPS}"}, 400),
    ],
)
def test_who_is_refused_at_the_door_is_shown_a_page_that_says_why(
    served: Served, path: str, size: int, headers: dict[str, str], status: int
) -> None:
    """`size`: bytes of a form, if it is one."""
    with served.client(headers={**HTML, **headers}) as client:
        answer = client.post(path, content=b"x" * size) if size else client.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert "Mirrorpoint" in answer.text
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


def test_a_page_of_others_cannot_use_what_a_browser_keeps_for_basic(served: Served) -> None:
    """A browser sends it with each form, wherever that stands, like a cookie."""
    point = b'{"code": "EVIL", "type": "x"}'
    with served.client(headers=basic()) as client:
        for headers in (CROSS_SITE, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "same-site"}):
            refused = client.post("/rest/v1/service/integration_points", content=point, headers=headers)
            assert refused.status_code == 403
            assert client.post("/actions/pause/PULLS", headers=headers).status_code == 403
        own = {"Origin": served.url}
        assert client.post("/actions/pause/NONE", headers=own).status_code == 400  # let in: there is no such point


def test_a_program_that_sends_basic_needs_no_origin(served: Served) -> None:
    with served.client(headers=basic()) as client:
        made = client.post("/rest/v1/service/integration_points", content=b'{"code": "NEW", "type": "x"}')
        assert made.status_code == 200, made.text


@pytest.mark.parametrize("path", ["/records/things/%00", "/points/a%00b", "/changes?key=%00", "/deliveries?point=%00"])
def test_a_character_that_not_every_database_takes_is_refused_by_name(on_each: Fed, path: str) -> None:
    with on_each.served.client(OPS) as client:
        answer = client.get(path)
        assert answer.status_code == 400
        assert "U+0000" in answer.json()["detail"]


def test_the_same_in_a_form(on_each: Fed) -> None:
    with on_each.served.client(OPS) as client:
        answer = client.post("/actions/replay/PULLS", data={"from": "1h", "resource": "a\0b"})
        assert answer.status_code == 400
        assert "resource has a character U+0000" in answer.json()["detail"]


@pytest.mark.parametrize(
    "host", ["127.0.0.1/feed?", "me@127.0.0.1", "127.0.0.1?x", "127.0.0.1#x", "127.0.0.1:x", "127.0.0.1:123456"]
)
def test_a_host_is_a_name_and_a_port_and_no_more(served: Served, host: str) -> None:
    with served.client(OPS, headers={"Host": host}) as client:
        assert client.get("/changes").status_code == 421


def test_who_asks_for_the_head_of_a_stream_can_go_on_asking(served: Served) -> None:
    stream = (
        f"HEAD /feed HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {OPS}\r\nAccept: text/event-stream\r\n\r\n"
    )
    after = f"GET /health/live HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {OPS}\r\n\r\n"
    address = httpx.URL(served.url)
    with socket.create_connection((address.host, address.port or 0), timeout=20) as connection:
        connection.sendall((stream + after).encode())
        got = b""
        while b"releaseId" not in got:
            got += connection.recv(65536)
    assert got.count(b"HTTP/1.1 200") == 2


def test_who_goes_while_it_sends_is_no_defect(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    address = httpx.URL(served.url)
    begun = "POST /login HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: none\r\nContent-Length: 100\r\n\r\ntoken="
    with caplog.at_level(logging.INFO), served.client(OPS) as client:
        for _ in range(5):
            with socket.create_connection((address.host, address.port or 0), timeout=20) as connection:
                connection.sendall(begun.encode())
                waiting.until(lambda: client.get("/health/live").status_code == 200)
        assert client.get("/changes").status_code == 200
    assert [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR] == []


def test_who_looks_ahead_at_the_printed_link_does_not_use_it_up(tmp_path: Path) -> None:
    open_shop(tmp_path)
    with web_server.serving(tmp_path / "mirrorpoint.toml") as opened, opened.client(headers=HTML) as client:
        assert opened.web.codes is not None
        opened.web.codes.renew()
        (link,) = opened.links.told  # type: ignore[attr-defined]
        client.head(link)
        assert client.get("/", follow_redirects=False).status_code == 303
        assert client.get(link).status_code == 200
        assert client.get("/").status_code == 200


def test_one_machine_is_one_address_however_many_it_chooses() -> None:
    failures = Failures(lambda: 0.0)
    for number in range(MOST):
        failures.note(f"2001:db8:1:2::{number:x}")
    assert failures.wait_seconds("2001:db8:1:2:aaaa::1")
    assert not failures.wait_seconds("2001:db8:1:3::1")
    assert not failures.wait_seconds("::ffff:192.0.2.1")


def test_an_address_is_the_same_from_whichever_port_a_proxy_saw_it() -> None:
    from ipaddress import ip_network

    hosts = Hosts("127.0.0.1", trusted_proxies=[ip_network("10.0.0.0/8")])
    for told, meant in (("192.0.2.1:4711", "192.0.2.1"), ("[2001:db8::1]:4711", "2001:db8::1"), ("x y", "x y")):
        seen = hosts.seen("10.0.0.1", {"x-forwarded-for": f"spoofed, {told}, 10.0.0.2:99"}, scheme="http")
        assert seen.address == meant


def test_after_a_defect_one_can_go_on_asking(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise ZeroDivisionError

    with served.client(OPS) as client:
        with monkeypatch.context() as patch:
            patch.setattr("web.feed.feed._batch", fails)
            for _ in range(20):
                assert client.get("/feed").status_code == 500
                assert client.get("/health/live").status_code == 200
        assert client.get("/feed").status_code == 200


def test_a_secret_of_another_seal_key_is_told_as_what_it_is(on_each: Fed) -> None:
    other = Vault(b"x" * 32).encrypt("secret")
    with on_each.served.client(OPS) as client:
        client.post("/rest/v1/service/integration_points", json={"code": "OWN", "type": "x"}).raise_for_status()
        with on_each.database.write() as session:
            session.objects.execute(
                text("UPDATE mirrorpoint_point SET secret = :secret WHERE code = 'OWN'"), {"secret": other}
            )
        for path in ("/points", "/points/OWN"):
            answer = client.get(path)
            assert answer.status_code == 500, path
            assert "another seal key" in answer.json()["detail"]
