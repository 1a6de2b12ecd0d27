"""`points …` and `deliver`: points of one's own, those of a platform, and what reaches them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from changes import sealing
from changes.records import Change, Id, Kind
from sandbox import serving
from sandbox.api import Api
from storage import change_log, outbox, prepare
from storage.engine import Database
from tests.commands import Commands
from tests.integration.scripted_server import Reply, ScriptedServer

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CONFIGURATION = """
[sources.platform]
catalogue = "integration-platform"
base_url = "{api}"
auth = {{ method = "basic", username = "mirror", password = "sandbox" }}

[[points]]
code = "AUDIT"
url = "{receiver}/hook"
token_remote = "env:AUDIT_TOKEN"
secret = "env:AUDIT_SECRET"

[[routes]]
points = ["AUDIT", "MINE"]

[delivery]
allow_networks = ["127.0.0.0/8", "192.0.2.0/24"]
"""
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def receiver() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        running.on("POST", "/hook", Reply(204))
        yield running


@pytest.fixture
def commands(
    receiver: ScriptedServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Commands:
    (tmp_path / "mirrorpoint.toml").write_text(CONFIGURATION.format(api="http://127.0.0.1:9", receiver=receiver.url))
    (tmp_path / "mirrorpoint.key").write_text(sealing.new_key())
    monkeypatch.setenv("AUDIT_TOKEN", "hush-token")
    monkeypatch.setenv("AUDIT_SECRET", SECRET)
    opened = Commands(tmp_path / "mirrorpoint.toml", capsys)
    assert opened("deliver").code == 0  # like every start it makes the tables and writes the points
    return opened


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with serving.start(Api()) as running:
        monkeypatch.setenv("MIRRORPOINT_SOURCES__PLATFORM__BASE_URL", running.url)
        yield


def owe(folder: Path, *codes: str, count: int = 3) -> None:
    """Events of so many records for these points."""
    database = Database(f"sqlite:///{folder / 'mirrorpoint.db'}")
    prepare.prepare(database, {})
    with database.write() as session:
        for number in range(count):
            change = Change(
                source="shop",
                resource="things",
                id=Id("", str(number)),
                version=1,
                kind=Kind.CREATED,
                changed=("",),
                previous={},
                document={"id": number},
                observed_after=None,
                observed_at=NOON,
                scan_id="s",
            )
            (seq,) = change_log.append(session, [change])
            outbox.owe(session, [outbox.Owed(seq, code, f"shop/things/{number}") for code in codes], now=NOON)
    database.dispose()


def test_a_point_of_the_configuration_is_listed_with_its_secrets_sealed(commands: Commands) -> None:
    (found,) = commands("points", "list", "--json").json
    assert (found["code"], found["source"], found["state"]) == ("AUDIT", None, "active")
    assert found["token_remote"].startswith("sealed:")
    assert found["secret"].startswith("sealed:")


def test_the_list_says_of_a_point_that_no_route_leads_to_it(commands: Commands) -> None:
    for code in ("MINE", "OTHER"):
        assert commands("points", "add", code, "--url", "https://192.0.2.1/a").code == 0
    lines = {line.split()[0]: line for line in commands("points", "list").out.splitlines()}
    without = [code for code in ("AUDIT", "MINE", "OTHER") if lines[code].endswith("no route leads to it")]
    assert without == ["OTHER"]


def test_a_point_is_added_changed_found_and_removed(commands: Commands) -> None:
    url, other = "https://192.0.2.1/a", "https://192.0.2.1/b"
    added = commands("points", "add", "MINE", "--url", url, "--secret", "env:AUDIT_SECRET", "--json")
    assert (added.code, added.json["url"], added.json["origin"]) == (0, url, "added")
    changed = commands("points", "edit", "MINE", "--url", other, "--token-remote", "t", "--json").json
    assert (changed["url"], changed["id"], changed["secret"]) == (other, added.json["id"], added.json["secret"])
    assert commands("points", "show", "MINE", "--json").json["url"] == other
    assert commands("points", "lookup", "MINE", "--json").json == [added.json["id"]]
    assert "nothing was removed: nobody can be asked here" in commands("points", "remove", "MINE").err
    assert commands("points", "remove", "MINE", "--yes", "--json").json == {"removed": "MINE"}
    assert commands("points", "lookup", "MINE", "--json").json == []


def test_an_empty_text_takes_a_token_away(commands: Commands) -> None:
    commands("points", "add", "MINE", "--url", "https://192.0.2.1/a", "--token-remote", "t")
    found = commands("points", "edit", "MINE", "--token-remote", "", "--json").json
    assert found["token_remote"] is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("add", "AUDIT", "--url", "https://192.0.2.1"), "there is a point AUDIT already"),
        (("add", "MINE", "--url", "ftp://x"), "--url: only http:// and https:// are possible"),
        (("add", "MINE", "--url", "https://192.0.2.1", "--secret", "abc"), "--secret: the signing secret does not"),
        (("add", "M*", "--url", "https://192.0.2.1"), '"M*" cannot be a code'),
        (("edit", "AUDIT", "--url", "https://192.0.2.1"), "the point AUDIT stands in the configuration"),
        (("edit", "AUDIT"), "nothing to change was given"),
        (("remove", "AUDIT", "--yes"), "the point AUDIT stands in the configuration"),
        (("show", "ADIT"), 'there is no point "ADIT"'),
        (("enable", "ADIT"), 'there is no point "ADIT"'),
        (("list", "--source", "plattform"), 'there is no source "plattform"'),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_reason(
    commands: Commands, arguments: tuple[str, ...], said: str
) -> None:
    found = commands("points", *arguments)
    told = next(line for line in found.err.splitlines() if line.startswith("error: "))
    assert (found.code, told[: len(said) + 7]) == (2, f"error: {said}")


def test_nothing_is_removed_where_nobody_can_be_asked(commands: Commands) -> None:
    commands("points", "add", "MINE", "--url", "https://192.0.2.1/a")
    assert commands("points", "remove", "MINE").code == 2
    assert commands("points", "show", "MINE").code == 0


def test_points_can_be_looked_at_while_a_secret_of_the_configuration_is_missing(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands("points", "list")
    monkeypatch.delenv("AUDIT_SECRET")
    found = commands("points", "list", "--json")
    assert (found.code, [point["code"] for point in found.json]) == (0, ["AUDIT"])


def test_a_test_event_is_signed_and_its_answer_shown(commands: Commands, receiver: ScriptedServer) -> None:
    found = commands("points", "test", "AUDIT", "--json")
    (request,) = receiver.asked("POST", "/hook")
    headers = dict(request.headers)
    event = Webhook(SECRET).verify(request.body, headers)
    assert (found.code, found.json["status"], found.json["signed"]) == (0, 204, True)
    assert (event["type"], event["id"]) == ("mirrorpoint.test", found.json["event_id"])
    assert headers["authorization"] == "Bearer hush-token"


def test_while_a_secret_is_changed_receivers_with_either_accept_what_is_sent(
    commands: Commands, receiver: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both ways to give two: two values in one place, or two places."""
    new = "whsec_" + "bmV3" * 8
    monkeypatch.setenv("NEW_SECRET", new)
    written = commands.config.read_text()
    ways = []
    for text, value in (("env:AUDIT_SECRET", f"{new} {SECRET}"), ("env:NEW_SECRET env:AUDIT_SECRET", SECRET)):
        commands.config.write_text(written.replace("env:AUDIT_SECRET", text))
        monkeypatch.setenv("AUDIT_SECRET", value)
        assert commands("points", "test", "AUDIT", "--json").json["signed"]
        headers = dict(receiver.requests[-1].headers)
        for each in (new, SECRET):
            Webhook(each).verify(receiver.requests[-1].body, headers)
        ways.append(headers["webhook-signature"].count("v1,"))
    assert ways == [2, 2]


def test_a_test_event_that_is_not_taken_ends_with_3(commands: Commands, receiver: ScriptedServer) -> None:
    receiver.on("POST", "/hook", Reply(400))
    found = commands("points", "test", "AUDIT")
    assert (found.code, "AUDIT answered 400 to a signed event after" in found.out) == (3, True)


def test_what_came_of_a_test_event_is_one_plain_sentence(commands: Commands, receiver: ScriptedServer) -> None:
    assert re.fullmatch(r"AUDIT answered 204 to a signed event after \d+ ms\n", commands("points", "test", "AUDIT").out)
    written = commands.config.read_text()
    commands.config.write_text(written.replace('secret = "env:AUDIT_SECRET"', ""))
    unsigned = commands("points", "test", "AUDIT").out
    assert re.fullmatch(
        r"AUDIT answered 204 to an unsigned event after \d+ ms; neither the point .* sign with\n", unsigned
    )
    commands.config.write_text(re.sub(r'url = "http://127.0.0.1:\d+', 'url = "http://10.0.0.1', written))
    refused = commands("points", "test", "AUDIT")
    assert refused.code == 3
    assert re.fullmatch(r"AUDIT could not be sent a signed event: .* \(after \d+ ms\)\n", refused.out)


def test_deliver_sends_what_is_due_and_counts_it(commands: Commands, receiver: ScriptedServer, tmp_path: Path) -> None:
    owe(tmp_path, "AUDIT")
    found = commands("deliver", "--json")
    assert (found.code, found.json) == (0, {"attempted": 3, "delivered": 3, "due": 0, "dead": 0})
    ids = {json.loads(request.body)["id"] for request in receiver.asked("POST", "/hook")}
    assert len(ids) == 3
    assert commands("deliver", "--json").json == {"attempted": 0, "delivered": 0, "due": 0, "dead": 0}


def test_deliver_ends_with_3_where_a_delivery_is_dead_and_retry_makes_it_good(
    commands: Commands, receiver: ScriptedServer, tmp_path: Path
) -> None:
    receiver.on("POST", "/hook", Reply(400), Reply(204))
    owe(tmp_path, "AUDIT", count=1)
    assert commands("deliver", "--json").json == {"attempted": 1, "delivered": 0, "due": 0, "dead": 1}
    (dead,) = commands("deliveries", "--state", "dead", "--json").lines
    assert (dead["point"], dead["last_status"]) == ("AUDIT", 400)
    assert commands("deliveries", "retry", str(dead["id"])).code == 0
    assert commands("deliver", "--wait", "5s", "--json").json == {
        "attempted": 1,
        "delivered": 1,
        "due": 0,
        "dead": 0,
    }


def test_a_point_that_answers_410_is_gone_until_it_is_enabled(
    commands: Commands, receiver: ScriptedServer, tmp_path: Path
) -> None:
    receiver.on("POST", "/hook", Reply(410))
    owe(tmp_path, "AUDIT", count=1)
    commands("deliver")
    assert commands("points", "show", "AUDIT", "--json").json["state"] == "gone"
    assert commands("points", "enable", "AUDIT", "--json").json["state"] == "active"


def test_a_point_that_fails_too_often_is_shown_as_paused_and_can_be_tried_at_once(
    commands: Commands, receiver: ScriptedServer, tmp_path: Path
) -> None:
    receiver.on("POST", "/hook", Reply(500))
    owe(tmp_path, "AUDIT", count=30)
    first = commands("deliver")
    assert "are owed to AUDIT, which fails and is left alone until" in first.err
    (status,) = commands("status", "--json").json["points"]
    assert (status["state"], status["breaker"], status["due"], status["dead"]) == ("active", "open", 30, 0)
    assert commands("points", "list", "--json").json[0]["paused_until"] is not None
    assert "it failed too often: paused until" in commands("points", "list").out

    receiver.on("POST", "/hook", Reply(204))
    commands("points", "enable", "AUDIT")
    assert commands("status", "--json").json["points"][0]["breaker"] == "half-open"
    assert commands("deliver", "--json").json["delivered"] >= 1
    assert commands("status", "--json").json["points"][0]["breaker"] == "closed"


@pytest.mark.usefixtures("platform")
def test_the_points_of_a_platform_are_managed_through_its_api(commands: Commands) -> None:
    there = ("--source", "platform", "--json")
    before = {point["code"] for point in commands("points", "list", *there).json}
    added = commands("points", "add", "MINE", "--url", "https://192.0.2.1/a", "--token-remote", "t", *there).json
    assert (added["code"], added["type"], added["url"]) == ("MINE", "public", "https://192.0.2.1/a")
    assert added["token_remote"].startswith("sealed:")
    assert commands("points", "lookup", "MINE", *there).json == [added["id"]]
    assert commands("points", "edit", "MINE", "--type", "telegram", *there).json["type"] == "telegram"
    assert commands("points", "show", added["id"], *there).json["type"] == "telegram"
    assert {point["code"] for point in commands("points", "list", *there).json} == before | {"MINE"}
    assert commands("points", "remove", "MINE", "--yes", *there).json == {"removed": "MINE", "id": added["id"]}
    assert commands("points", "lookup", "MINE", *there).json == []


@pytest.mark.usefixtures("platform")
def test_a_platform_has_no_signing_secrets(commands: Commands) -> None:
    arguments = ("points", "add", "MINE", "--url", "https://192.0.2.1/a", "--secret", SECRET, "--source", "platform")
    assert commands(*arguments).code == 2


@pytest.mark.usefixtures("platform")
def test_a_code_that_a_platform_does_not_have_is_refused(commands: Commands) -> None:
    found = commands("points", "show", "NOBODY", "--source", "platform")
    assert (found.code, found.err.splitlines()[0]) == (2, 'error: platform has no point "NOBODY"')
