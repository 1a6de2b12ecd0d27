"""What `check` says of broker, database and installation, of what it did not look at, and of what it can only guess."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.commands import Commands
from tests.integration.scripted_server import Reply, ScriptedServer, closed_port, json_reply
from tests.integration.test_commands_set_up import commands, server
from worker import broker_server, output

__all__ = ["commands", "server"]  # fixtures


def test_an_embedded_broker_that_could_be_started_is_fine(commands: Commands, tmp_path: Path) -> None:
    found = commands("check", "--json")
    assert (found.code, found.json["broker"]["url"], found.json["broker"]["reachable"]) == (0, "embedded", False)
    assert found.json["broker"]["server"] == str(broker_server.binary())
    assert found.json["broker"]["state_folder"].startswith(str(tmp_path))
    assert f"`mirrorpoint run` starts {broker_server.binary()}" in commands("check").out


def test_without_any_server_to_start_check_is_not_fine(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_server() -> Path:
        raise broker_server.NoServer("there is no server for the embedded broker on this machine", "install one")

    monkeypatch.setattr(broker_server, "binary", no_server)
    found = commands("check")
    assert (found.code, "is fine" in found.out) == (2, False)
    assert found.err.partition("\n")[2] == (
        "error: broker.url: there is no server for the embedded broker on this machine\n  hint: install one\n"
    )


def test_a_broker_that_does_not_answer_is_out_of_reach_and_says_why(commands: Commands) -> None:
    with closed_port() as port:
        written = commands.config.read_text()
        commands.config.write_text(f'{written}\n[broker]\nurl = "redis://mirror:s3cret@127.0.0.1:{port}/0"\n')
        found = commands("check", "--json")
    (problem,) = found.json["problems"]
    assert (found.code, problem["where"], problem["code"]) == (5, "broker.url", "broker")
    assert "refused" in problem["message"]
    assert "s3cret" not in found.out


def test_a_library_that_run_needs_and_is_missing_is_a_problem(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.import_module

    def without_packaging(name: str) -> Any:
        if name == "kombu.transport.redis":
            raise ModuleNotFoundError("No module named 'packaging'")
        return real(name)

    monkeypatch.setattr(importlib, "import_module", without_packaging)
    found = commands("check")
    assert (found.code, "is fine" in found.out) == (2, False)
    assert "kombu.transport.redis cannot be loaded: No module named 'packaging'" in found.err


def test_check_tells_of_the_database_and_who_may_read_it(commands: Commands, tmp_path: Path) -> None:
    commands("check")
    (tmp_path / "mirrorpoint.db").chmod(0o644)
    found = commands("check", "--json").json["database"]
    assert (found["server"].split()[0], found["mode"]) == ("sqlite", "0644")
    assert "mode 0644: others may read it" in commands("check").out
    (tmp_path / "mirrorpoint.db").chmod(0o600)
    assert "others may read it" not in commands("check").out


def test_check_says_what_it_has_not_looked_at(commands: Commands, server: ScriptedServer) -> None:
    server.on("GET", "/things", json_reply({"data": [], "total": 0}))
    assert commands("check", "--json").json["not_checked"] == [
        "shop: 1 resources that are off",
        "shop: what has no parent record that it could be asked for: parts",
        "shop: no rows that the catalogue could be held against: things",
        "whether points take an event: `mirrorpoint points test CODE` sends one",
    ]


class Bars:
    """In place of a progress bar: what it would show."""

    def __init__(self) -> None:
        self.begun: dict[str, int] = {}
        self.advanced: list[str] = []

    def add_task(self, name: str, *, total: int) -> str:
        self.begun[name] = total
        return name

    def advance(self, name: str) -> None:
        self.advanced.append(name)


def test_at_a_terminal_check_shows_how_far_it_is(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    bars = Bars()

    @contextmanager
    def progress(*, is_shown: bool) -> Iterator[Bars | None]:
        yield bars if is_shown else None

    monkeypatch.setattr(output, "progress", progress)
    commands("check", "--json")
    assert not bars.begun
    commands("check")
    assert bars.begun["shop"] == 2
    assert bars.advanced == ["shop", "shop"]


def test_a_source_that_wants_to_be_left_alone_is_told_once(commands: Commands, server: ScriptedServer) -> None:
    server.on("GET", "/things", Reply(429, headers={"Retry-After": "90"}))
    found = commands("check", "--json")
    (problem,) = found.json["problems"]
    assert (found.code, problem["where"], problem["code"]) == (5, "shop", "unreachable")
    assert not [each for each in found.json["not_checked"] if "no parent record" in each]


def test_lists_below_one_that_could_not_be_read_are_not_said_to_have_no_parents(
    commands: Commands, server: ScriptedServer
) -> None:
    server.on("GET", "/things", Reply(403, b"{}"))
    not_checked = commands("check", "--json").json["not_checked"]
    assert "shop: what is below a list that could not be read: parts" in not_checked
    assert not [each for each in not_checked if "no parent record" in each]


def test_lists_below_a_list_without_a_total_are_guessed_from_its_first_page(
    commands: Commands, server: ScriptedServer
) -> None:
    server.on(
        "GET",
        "/things",
        json_reply({"data": [{"id": 4}]}),
        json_reply({"data": [{"id": each} for each in range(4, 44)]}),
    )
    found = commands("check", "--json")
    plan = {line["resource"]: line for line in found.json["plan"]}
    assert (plan["parts"]["requests_per_scan"], plan["parts"]["is_estimate"]) == (41, True)
    assert not plan["things"]["is_estimate"]
