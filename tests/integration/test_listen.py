"""`listen` and `points test --like`: for those who build receivers."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from changes import sealing
from changes.records import Change, Id, Kind
from storage import change_log, deliveries, history, outbox, prepare
from storage.engine import Database
from tests import waiting
from tests.commands import Commands
from tests.integration.scripted_server import Reply, ScriptedServer

SECRET, OTHER = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_" + "bmV3" * 8
CONFIGURATION = """
[sources.office]
catalogue = "backoffice"
base_url = "http://127.0.0.1:9"

[[points]]
code = "AUDIT"
url = "https://192.0.2.1/hook"
token_remote = "hush-token"
secret = "env:AUDIT_SECRET"

[[routes]]
points = ["AUDIT"]
resources = ["products"]

[delivery]
allow_networks = ["127.0.0.0/8"]
"""
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def receiver() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        running.on("POST", "/hook", Reply(204))
        running.on("POST", "/", Reply(204))
        yield running


@pytest.fixture
def commands(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    (tmp_path / "mirrorpoint.toml").write_text(CONFIGURATION)
    (tmp_path / "mirrorpoint.key").write_text(sealing.new_key())
    monkeypatch.setenv("AUDIT_SECRET", SECRET)
    return Commands(tmp_path / "mirrorpoint.toml", capsys)


@pytest.fixture
def database(commands: Commands) -> Iterator[Database]:
    opened = Database(f"sqlite:///{commands.config.parent / 'mirrorpoint.db'}")
    prepare.prepare(opened, {})
    yield opened
    opened.dispose()


def happens(database: Database, resource: str, key: str, kind: Kind = Kind.UPDATED, *, version: int = 2) -> int:
    change = Change(
        source="office",
        resource=resource,
        id=Id("", key),
        version=version,
        kind=kind,
        changed=("/status",) if kind is Kind.UPDATED else ("",),
        previous={"/status": "old"} if kind is Kind.UPDATED else {},
        document=None if kind is Kind.DELETED else {"id": int(key), "status": "new"},
        observed_after=NOON,
        observed_at=NOON,
        scan_id="s",
    )
    with database.write() as session:
        return change_log.append(session, [change])[0]


def test_what_happens_is_shown_as_an_event(commands: Commands, database: Database) -> None:
    happens(database, "products", "1", Kind.SNAPSHOT, version=1)
    happens(database, "products", "1")
    happens(database, "connections", "7")
    first, second = commands("listen", "--after", "0", "--limit", "2", "--json").lines
    assert [first["event"]["subject"], second["event"]["subject"]] == ["products/1", "connections/7"]
    assert first["forwarded"] is None
    shown = commands("listen", "--after", "0", "--limit", "1", "--resource", "conn*")
    assert "connections.updated  connections/7  /status" in shown.out
    assert '"specversion": "1.0"' in shown.out


def test_events_are_forwarded_as_the_point_would_get_them(
    commands: Commands, database: Database, receiver: ScriptedServer
) -> None:
    happens(database, "connections", "7")  # no route sends it to the point
    happens(database, "products", "1")
    forwarding = ("listen", "--point", "AUDIT", "--forward-to", f"{receiver.url}/hook", "--after", "0", "--limit", "1")
    (told,) = commands(*forwarding, "--json").lines
    (request,) = receiver.asked("POST", "/hook")

    assert told["forwarded"]["status"] == 204
    assert Webhook(SECRET).verify(request.body, dict(request.headers)) == told["event"]
    assert request.headers["authorization"] == "Bearer hush-token"
    with database.read() as session:
        assert (outbox.waiting(session), deliveries.read(session)) == ({}, [])


def test_what_is_forwarded_is_signed_with_the_secret_that_is_given_or_not_at_all(
    commands: Commands, database: Database, receiver: ScriptedServer
) -> None:
    happens(database, "products", "1")
    once = ("listen", "--port", str(receiver.port), "--after", "0", "--limit", "1", "--json")
    commands(*once, "--secret", OTHER)
    commands(*once)
    signed, unsigned = receiver.asked("POST", "/")

    assert Webhook(OTHER).verify(signed.body, dict(signed.headers))
    assert "webhook-signature" not in unsigned.headers


def test_a_receiver_that_refuses_or_is_away_ends_nothing(
    commands: Commands, database: Database, receiver: ScriptedServer
) -> None:
    receiver.on("POST", "/hook", Reply(500), Reply(204))
    for key in ("1", "2"):
        happens(database, "products", key)
    lines = commands("listen", "--forward-to", f"{receiver.url}/hook", "--after", "0", "--limit", "2", "--json").lines
    assert [line["forwarded"]["status"] for line in lines] == [500, 204]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--point", "AUDITT"), 'there is no point "AUDITT"'),
        (("--kind", "update"), 'there is no kind "update"'),
        (("--resource", "prodcts"), 'there is no resource "prodcts"'),
        (("--forward-to", "localhost:8000"), "--forward-to: only http:// and https:// are possible"),
        (("--secret", SECRET), "--secret signs what is forwarded"),
        (("--secret", "abc", "--port", "1"), "--secret: the signing secret does not begin"),
    ],
)
@pytest.mark.usefixtures("database")
def test_what_cannot_be_listened_to_is_said(commands: Commands, words: tuple[str, ...], said: str) -> None:
    found = commands("listen", *words)
    assert found.code == 2
    assert f"error: {said}" in found.err


def test_it_follows_what_comes_until_ctrl_c(commands: Commands, database: Database, receiver: ScriptedServer) -> None:
    happens(database, "products", "1")
    words = ["listen", "--forward-to", f"{receiver.url}/hook", "--json"]
    command = [sys.executable, "-m", "worker", "--config", str(commands.config), *words]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    )
    try:
        waiting.until(lambda: _goes_on(database, receiver), seconds=60)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    lines = [json.loads(line) for line in out.splitlines()]

    assert (process.returncode, err) == (130, "")
    assert {line["event"]["subject"] for line in lines} == {"products/2"}  # what was there before is not told


_versions = iter(range(2, 10_000))


def _goes_on(database: Database, receiver: ScriptedServer) -> bool:
    happens(database, "products", "2", version=next(_versions))
    return len(receiver.requests) > 1  # each is told before the next is sent


def test_a_test_event_is_like_the_newest_real_one_and_cannot_be_taken_for_it(
    commands: Commands, database: Database, receiver: ScriptedServer
) -> None:
    commands.config.write_text(CONFIGURATION.replace("https://192.0.2.1/hook", f"{receiver.url}/hook"))
    happens(database, "products", "1")
    seq = happens(database, "products", "3", version=5)
    found = commands("points", "test", "AUDIT", "--like", "products.updated", "--show", "--json")
    (request,) = receiver.asked("POST", "/hook")
    event = Webhook(SECRET).verify(request.body, dict(request.headers))
    with database.read() as session:
        (real,) = [row for row in history.read(session) if row.seq == seq]

    assert (found.code, found.json["event"]) == (0, event)
    assert (event["type"], event["subject"], event["data"]["version"]) == ("products.updated", "products/3", 5)
    assert event["data"]["document"] == real.document
    assert event["data"]["test"] is True
    assert event["id"] != real.id
    assert event["partitionkey"] == "mirrorpoint.test/office/products/3"
    assert event["sequence"] == "0" * 20


def test_where_no_such_change_was_seen_a_believable_one_is_made_up_and_said_to_be(
    commands: Commands, database: Database, receiver: ScriptedServer
) -> None:
    commands.config.write_text(CONFIGURATION.replace("https://192.0.2.1/hook", f"{receiver.url}/hook"))
    happens(database, "products", "3", Kind.SNAPSHOT, version=1)
    for kind in ("updated", "deleted", "created", "restored"):
        found = commands("points", "test", "AUDIT", "--like", f"products.{kind}")
        event = json.loads(receiver.requests[-1].body)
        assert (found.code, event["type"], event["subject"]) == (0, f"products.{kind}", "products/3")
        assert "made up from products/3" in found.err
        assert (event["data"]["document"] is None) == (kind == "deleted")
    missing = commands("points", "test", "AUDIT", "--like", "connections.updated")
    assert (missing.code, "there is no record of connections yet" in missing.err) == (2, True)
    wrong = commands("points", "test", "AUDIT", "--like", "products.changed")
    assert (wrong.code, "is no type of an event" in wrong.err) == (2, True)
