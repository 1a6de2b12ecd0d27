"""The program as the shell sees it: its commands, its help, its exit codes, and that it starts without loading all."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from tests import commands
from worker import __main__ as program
from worker.__main__ import app

ROOT = Path(__file__).resolve().parents[2]
#: What `--help` must not wait for.
HEAVY = ("alembic", "apscheduler", "celery", "cryptography", "httpx", "orjson", "pydantic", "sqlalchemy", "structlog")


def all_commands() -> list[list[str]]:
    """Each command with its groups before it."""
    names = [[str(command.name)] for command in app.registered_commands]
    for group in app.registered_groups:
        assert isinstance(group.typer_instance, typer.Typer)
        names.append([str(group.name)])
        names += [[str(group.name), str(command.name)] for command in group.typer_instance.registered_commands]
    # Those pass all they are given on to another program, its help included.
    return [name for name in names if name[0] != "sandbox" or len(name) == 1]


def shell(*arguments: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "worker", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_without_arguments_the_commands_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    found = commands.run(capsys, [])
    assert (found.code, found.err) == (0, "")
    assert all(re.search(rf"^│ {name} ", found.out, re.MULTILINE) for (name, *rest) in all_commands() if not rest)


@pytest.mark.parametrize("names", all_commands(), ids=" ".join)
def test_each_command_has_help_with_an_example(names: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    found = commands.run(capsys, [*names, "--help"])
    assert (found.code, f"Example: mirrorpoint {' '.join(names)}" in " ".join(found.out.split())) == (0, True)


@pytest.mark.parametrize("names", [[], *all_commands()], ids=" ".join)
def test_help_says_what_is_to_be_written_and_not_its_type(names: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    out = commands.run(capsys, [*names, "--help"]).out
    assert [word for word in ("<", "]...", "[[", "…]", "{") if word in out] == []


@pytest.mark.parametrize("names", all_commands(), ids=" ".join)
def test_help_swallows_no_word_in_brackets(names: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    command: Any = typer.main.get_command(app)
    for name in names:
        command = command.commands[name]
    texts = [command.help or "", *(each.help or "" for each in command.params if hasattr(each, "help"))]
    out = commands.run(capsys, [*names, "--help"]).out
    assert [word for text in texts for word in re.findall(r"\[[\w.]+\]", text) if word not in out] == []


def test_the_tab_key_completes_commands_and_names_of_resources(tmp_path: Path) -> None:
    (tmp_path / "mirrorpoint.toml").write_text(
        '[sources.office]\ncatalogue = "backoffice"\nbase_url = "https://a.example"\nauth = { method = "none" }\n'
    )

    def offered(words: str) -> list[str]:
        code = "import sys; from worker.__main__ import main; sys.exit(main([]))"
        environ = {"_MIRRORPOINT_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
        found = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (found.returncode, found.stderr) == (0, "")
        return found.stdout.split()

    assert offered("mirrorpoint stat") == ["status"]
    assert offered("mirrorpoint show product_n") == ["product_notes"]
    assert offered("mirrorpoint -c nowhere.toml show product_n") == []


@pytest.mark.parametrize("group", ["points", "sandbox"])
def test_a_group_alone_shows_its_commands(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = commands.run(capsys, [group])
    assert (found.code, "Commands" in found.out) == (0, True)


@pytest.mark.parametrize(
    ("words", "called"),
    [
        ("status --json", "status"),
        ("--debug -c status --config=a changes", "changes"),
        ("--config status points list", "points"),
        ("deliveries --help", "deliveries"),
        ("--help status", None),
        ("-hc status", None),
        ("stauts status", None),
        ("--config status", None),
        ("", None),
    ],
)
def test_only_the_command_that_is_called_is_made(words: str, called: str | None) -> None:
    assert program._called(words.split()) == called


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert re.fullmatch(r"mirrorpoint \S.*\n", commands.run(capsys, ["--version"]).out)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["stauts"], "error: No such command 'stauts'\n  hint: did you mean 'status'? `mirrorpoint --help`"),
        (["show"], "error: Missing argument 'RESOURCE'\n  hint: for example `mirrorpoint show products"),
        (["points", "add"], "error: Missing argument 'CODE'\n  hint: for example `mirrorpoint points add AUDIT"),
        (["status", "--jsn"], "error: No such option: --jsn"),
    ],
)
def test_wrong_usage_is_two_lines_and_exit_code_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = commands.run(capsys, arguments)
    assert (found.code, found.out, found.err[: len(said)]) == (2, "", said)


def test_a_missing_configuration_names_the_command_that_writes_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = commands.run(capsys, ["status"])
    assert (found.code, found.err) == (
        2,
        (
            f"error: {tmp_path / 'mirrorpoint.toml'}: there is no such file\n"
            "  hint: `mirrorpoint init` writes one here; --config names another\n"
        ),
    )


def test_the_configuration_is_found_by_variable_and_in_the_current_folder(tmp_path: Path) -> None:
    (tmp_path / "mirrorpoint.toml").write_text("")
    (tmp_path / "elsewhere").mkdir()
    here = shell("resources", "--json", cwd=tmp_path)
    there = shell(
        "resources", "--json", cwd=tmp_path / "elsewhere", MIRRORPOINT_CONFIG=str(tmp_path / "mirrorpoint.toml")
    )
    assert (here.returncode, here.stdout) == (there.returncode, there.stdout) == (0, "[]\n")


def test_debug_may_stand_behind_the_command_and_shows_the_traceback(tmp_path: Path) -> None:
    found = shell("status", "--debug", "--json", cwd=tmp_path)
    assert (found.returncode, "Traceback" in found.stderr, "Traceback" in found.stdout) == (2, True, False)


def test_help_loads_no_more_than_it_needs() -> None:
    code = (
        "import sys; from worker.__main__ import main; main(['--help']); "
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (found.returncode, found.stderr.strip()) == (0, "[]")


def test_a_reader_that_goes_away_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "mirrorpoint.toml").write_text(
        '[sources.backoffice]\ncatalogue = "backoffice"\nbase_url = "http://127.0.0.1:9"\n'
    )
    command = f"{sys.executable} -m worker resources --json | head -c 1; exit ${{PIPESTATUS[0]}}"
    found = subprocess.run(
        ["bash", "-c", command],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (found.returncode, found.stdout, found.stderr) == (0, "[", "")
