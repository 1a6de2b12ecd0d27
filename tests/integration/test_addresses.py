"""Addresses inside the network at every command that takes a point's address or sends to it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from changes import sealing
from changes.records import Id
from storage import points
from storage.engine import Database
from tests.commands import Commands
from tests.integration.scripted_server import Reply, ScriptedServer, json_reply
from worker import bootstrap, settings

CONFIGURATION = """
[sources.platform]
catalogue = "integration-platform"
base_url = "{url}"
{points}
[[routes]]
points = ["AUDIT", "ROUTED"]

[delivery]
allow_networks = {allow}
"""
POINT = """
[[points]]
code = "AUDIT"
url = "{url}/hook"
"""
INSIDE = ["http://127.0.0.1:9/", "http://10.0.0.1/", "http://[::1]/", "http://169.254.169.254/latest", "http://0x7f.1/"]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        running.on("POST", "/hook", Reply(204))
        running.on("GET", "/rest/v1/service/integration_points", json_reply([]))
        yield running


@pytest.fixture
def commands(server: ScriptedServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Commands:
    (tmp_path / "mirrorpoint.key").write_text(sealing.new_key())
    made = Commands(tmp_path / "mirrorpoint.toml", capsys)
    configure(made, server)
    bootstrap.open_database(settings.load(str(made.config))).dispose()
    return made


def configure(commands: Commands, server: ScriptedServer, *, points: str = "", allow: str = "[]") -> None:
    text = CONFIGURATION.format(url=server.url, points=points.format(url=server.url), allow=allow)
    commands.config.write_text(text)


def codes(commands: Commands) -> list[tuple[str, str]]:
    return [(point["code"], point["url"]) for point in commands("points", "list", "--json").json]


def mirror(commands: Commands, code: str, url: str) -> None:
    """As a scan of the platform does."""
    database = Database(f"sqlite:///{commands.config.parent / 'mirrorpoint.db'}")
    vault = sealing.Vault(sealing.read_key((commands.config.parent / "mirrorpoint.key").read_text()))
    seen = [(Id("", code), {"code": code, "url": url, "type": "public"})]
    with database.write() as session:
        now = datetime(2026, 11, 22, tzinfo=UTC)
        points.apply_mirrored(session, "platform", seen=seen, deleted=(), encrypt=vault.encrypt, now=now)
    database.dispose()


@pytest.mark.parametrize("url", INSIDE)
def test_no_point_is_added_or_moved_to_an_address_inside(commands: Commands, url: str) -> None:
    added = commands("points", "add", "MINE", "--url", url)
    assert (added.code, "is refused: " in added.err, "list its network in" in added.err) == (2, True, True)
    assert codes(commands) == []
    commands("points", "add", "MINE", "--url", "https://93.184.215.14/")
    assert commands("points", "edit", "MINE", "--url", url).code == 2
    assert codes(commands) == [("MINE", "https://93.184.215.14/")]


def test_a_network_that_is_allowed_by_name_may_be_used(commands: Commands, server: ScriptedServer) -> None:
    configure(commands, server, allow='["127.0.0.0/8"]')
    assert commands("points", "add", "MINE", "--url", f"{server.url}/hook").code == 0
    assert commands("points", "test", "MINE").code == 0
    assert commands("points", "edit", "MINE", "--url", "http://10.0.0.1/").code == 2


def test_a_name_that_does_not_resolve_now_may_do_so_later(commands: Commands) -> None:
    added = commands("points", "add", "MINE", "--url", "https://nowhere.invalid/")
    assert (added.code, "warning: nowhere.invalid does not resolve" in added.err) == (0, True)


def test_a_test_event_is_not_sent_inside(commands: Commands, server: ScriptedServer) -> None:
    configure(commands, server, points=POINT)
    mirror(commands, "ROUTED", f"{server.url}/hook")
    for code in ("AUDIT", "ROUTED"):
        found = commands("points", "test", code, "--json")
        assert (found.code, found.json["status"]) == (3, None)
        assert found.json["error"].startswith("127.0.0.1 is refused: 127.0.0.1 is this machine itself")
    assert [request for request in server.requests if request.method == "POST"] == []


def test_check_tells_of_own_and_mirrored_points_inside(commands: Commands, server: ScriptedServer) -> None:
    configure(commands, server, points=POINT)
    mirror(commands, "ROUTED", "http://10.0.0.1/hook")
    mirror(commands, "IDLE", "http://[::1]/hook")
    found = commands("check", "--json")

    told = {point["code"]: point["problem"] for point in found.json["points"]}
    assert found.code == 3
    assert told["AUDIT"].startswith("127.0.0.1 is refused")
    assert told["ROUTED"].startswith("10.0.0.1 is refused")
    assert told["IDLE"].startswith("::1 is refused")
    assert {problem["where"] for problem in found.json["problems"]} == {"points[AUDIT]", "points[ROUTED]"}
    assert any(warning["where"] == "points[IDLE]" for warning in found.json["warnings"])
