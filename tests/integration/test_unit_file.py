"""docs/examples/mirrorpoint.service, as far as it can be judged without systemd."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from worker import __main__ as program
from worker import supervisor

ROOT = Path(__file__).parents[2]
UNIT = (ROOT / "docs/examples/mirrorpoint.service").read_text("utf-8")
INSTALL = (ROOT / "docs/install.md").read_text("utf-8")


def values(name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", UNIT, re.MULTILINE)


def value(name: str) -> str:
    (found,) = values(name)
    return found


def test_what_is_started_is_a_command_that_the_program_has() -> None:
    path, *words = value("ExecStart").split()
    assert Path(path).name == "mirrorpoint"
    group: Any = typer.main.get_command(program.app)
    context = group.make_context("mirrorpoint", list(words), resilient_parsing=True)
    assert context.params["config"] == "/etc/mirrorpoint/mirrorpoint.toml"
    group.commands["run"].make_context("run", words[words.index("run") + 1 :], parent=context)


def test_the_service_is_given_longer_to_stop_than_the_program_takes() -> None:
    assert int(value("TimeoutStopSec")) > supervisor.STOP_SECONDS


def test_paths_and_names_of_the_unit_are_those_of_the_page() -> None:
    program_path = value("ExecStart").split()[0]
    for told in (
        program_path,
        value("EnvironmentFile"),
        value("WorkingDirectory"),
        "/etc/mirrorpoint/mirrorpoint.toml",
    ):
        assert told in INSTALL
    assert value("WorkingDirectory") == f"/var/lib/{value('StateDirectory')}"
    assert value("Environment") == f"TMPDIR=/run/{value('RuntimeDirectory')}"
    assert f" {value('User')}\n" in INSTALL
    assert value("User") == value("Group") != "root"


def test_systemd_itself_finds_nothing_wrong_with_it(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not on this machine")
    file = tmp_path / "mirrorpoint.service"
    file.write_text(UNIT.replace(value("ExecStart").split()[0], sys.executable))
    done = subprocess.run([analyze, "verify", str(file)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
