"""What `sync` and `check` say while they work and no terminal shows a bar."""

from __future__ import annotations

import pytest

from tests.commands import Commands
from tests.integration.scripted_server import Reply, ScriptedServer, json_reply
from tests.integration.test_commands_set_up import commands, server
from worker import output

__all__ = ["commands", "server"]  # fixtures


def test_sync_says_when_it_begins_and_when_each_resource_is_done(commands: Commands, server: ScriptedServer) -> None:
    server.on("GET", "/things", json_reply({"data": [{"id": 4}], "total": 1}))
    server.on("GET", "/things/4/parts", Reply(404))
    assert commands("sync").err.splitlines() == [
        "scanning 2 resources",
        "1 of 2  shop:things: complete, 1 row, seen for the first time",
        "2 of 2  shop:parts: failed, 0 rows, 0 changes",
    ]
    assert commands("sync", "things").err.splitlines() == [
        "scanning shop:things",
        "1 of 1  shop:things: complete, 1 row, 0 changes",
    ]


def test_check_says_which_source_it_asks(commands: Commands) -> None:
    assert commands("check").err.splitlines()[0] == "asking shop for a few rows of 2 resources"


@pytest.mark.parametrize("command", ["sync", "check"])
def test_nothing_of_it_is_said_beside_json(commands: Commands, command: str) -> None:
    assert commands(command, "--json").err == ""


def test_on_a_terminal_the_bar_is_enough(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("sys.stderr.isatty", lambda: True)
        output.step("scanning 2 resources")
    assert capsys.readouterr().err == ""
    output.step("scanning 2 resources")
    assert capsys.readouterr().err == "scanning 2 resources\n"
