"""README and docs/ say what the code does: generated pages, commands, settings, links, configurations."""

from __future__ import annotations

import functools
import importlib
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import BaseModel

from changes.explain import keys_of
from docs import generator
from docs.generator import commands
from docs.generator import tables as table_pages
from sandbox import __main__ as sandbox
from sandbox import faults
from sandbox.options import Options
from sandbox.receiver import Behaviour
from storage import tables
from upstream import catalogue
from upstream.resource_table import ResourceTable
from upstream.source_table import SignInTable, SourceTable
from worker import settings
from worker.__main__ import app

ROOT = Path(__file__).parents[2]
PAGES = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in (ROOT / "docs").rglob("*.md")}
PAGES["README.md"] = (ROOT / "README.md").read_text("utf-8")
BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
PROGRAMS = ("mirrorpoint ", "make ", "docker compose run --rm clock ", "python -m sandbox ")


@functools.cache
def program() -> Any:
    """`mirrorpoint` with all its commands; typer makes it anew at each call, which takes longer than a test."""
    return typer.main.get_command(app)


def blocks(text: str, language: str) -> list[str]:
    return [block for found, block in BLOCK.findall(text) if found == language]


def cases(language: str) -> list[Any]:
    return [
        pytest.param(block, id=f"{page}-{number}")
        for page in sorted(PAGES)
        for number, block in enumerate(blocks(PAGES[page], language), 1)
    ]


def command_lines() -> Iterator[tuple[str, str]]:
    """Page and line, of every line that is to be typed, and of every command that a text names."""
    for page, text in sorted(PAGES.items()):
        typed = [line.strip() for block in blocks(text, "sh") for line in block.splitlines()]
        named = re.findall(r"`([^`\n]+)`", BLOCK.sub("", text))
        for line in [*typed, *named]:
            if line.startswith(PROGRAMS):
                yield page, line


@pytest.mark.parametrize("name", sorted(generator.pages()))
def test_a_page_made_from_the_code_is_up_to_date(name: str) -> None:
    assert generator.pages()[name] == PAGES[f"docs/{name}"], "`make docs` writes it"


@pytest.mark.parametrize("name", sorted(generator.parts()))
def test_a_part_made_from_the_code_is_up_to_date(name: str) -> None:
    page = PAGES[f"docs/{name}"]

    assert generator.placed(page, generator.parts()[name]) == page, "`make docs` writes it"


def test_a_page_without_a_place_for_its_part_is_refused() -> None:
    with pytest.raises(ValueError, match="generated: begin"):
        generator.placed("# A page", "a part")


def test_every_command_is_there() -> None:
    group = program()
    page = PAGES["docs/commands.md"]
    names = [
        f"{name} {inner}" for name, command in group.commands.items() for inner in getattr(command, "commands", {})
    ]
    names += [name for name, command in group.commands.items() if not getattr(command, "commands", {})]

    assert [name for name in names if f"## `mirrorpoint {name}`\n" not in page] == []
    assert len(list(commands.every_command())) == len(names) + 1, "`deliveries` is a command and a group"


def test_every_setting_is_there() -> None:
    page = PAGES["docs/configuration.md"]

    def missing(model: type) -> list[str]:
        found = []
        for name, field in getattr(model, "model_fields", {}).items():
            inner = [getattr(settings, word) for word in re.findall(r"worker\.settings\.(\w+)", str(field.annotation))]
            found += [lost for each in inner for lost in missing(each)]
            if model is not settings.Settings and name != "method" and f"| `{name}` |" not in page:
                found.append(f"{model.__name__}.{name}")
        return found

    assert missing(settings.Settings) == []


def test_every_resource_is_there() -> None:
    page = PAGES["docs/resources.md"]
    names = [name for each in catalogue.builtin_names() for name in catalogue.load(each).resources]

    assert [name for name in names if f"\n| `{name}` | " not in page] == []


def test_every_table_is_there_and_each_column_of_a_public_one_has_a_meaning() -> None:
    page = PAGES["docs/tables.md"]
    rows = [getattr(tables, name) for name in tables.__all__]

    assert [row.__tablename__ for row in rows if f"`{row.__tablename__}`" not in page] == []
    for row, meanings in table_pages.PUBLIC.items():
        assert list(row.model_fields) == list(meanings), row.__name__
        assert all(meanings.values()), row.__name__


def test_every_file_of_a_room_is_named_in_the_architecture() -> None:
    page = PAGES["docs/architecture.md"]
    rooms = ("changes", "upstream", "storage", "webhooks", "record", "tasks", "web", "worker", "mirrorpoint")
    folders = [
        *(ROOT / room for room in rooms),
        *(ROOT / "tasks" / each for each in ("scan", "delivery")),
        *(ROOT / "web").iterdir(),
    ]
    files = [path.name for folder in folders for path in folder.glob("*.py") if path.name != "__init__.py"]

    assert sorted({name for name in files if f"`{name}`" not in page}) == []


def test_the_timers_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| `([\w/]+)\.py` `(\w+)` \| ([\d.]+) \|", PAGES["docs/timers.md"], flags=re.MULTILINE)
    assert len(rows) == PAGES["docs/timers.md"].count("\n| `")
    told = {(path, name): float(seconds) for path, name, seconds in rows}
    modules = {path: importlib.import_module(path.replace("/", ".")) for path, _ in told}

    assert {at: getattr(modules[at[0]], at[1]) for at in told} == told


def test_the_reading_order_tells_how_long_its_files_are() -> None:
    rows = re.findall(r"^\d+\. `([\w/]+\.py)`, (\d+) lines", PAGES["docs/architecture.md"], flags=re.MULTILINE)
    assert rows
    lengths = {path: len((ROOT / path).read_text("utf-8").splitlines()) for path, _ in rows}

    assert [] == [
        (path, told, lengths[path]) for path, told in rows if abs(int(told) - lengths[path]) > 0.1 * int(told)
    ]


def test_the_sandbox_is_described_whole() -> None:
    page = PAGES["docs/sandbox.md"]
    parser: Any = sandbox.parser()
    commands_of_it = parser._subparsers._group_actions[0].choices
    options = {
        word
        for command in commands_of_it.values()
        for action in command._actions
        for word in action.option_strings
        if word not in ("-h", "--help")
    }

    assert sorted(word for word in options if f"`{word}" not in page and f" {word} " not in page) == []
    assert sorted(kind for kind in faults.KINDS if f"| `{kind}` |" not in page) == []
    assert sorted(name for name in Behaviour.__slots__ if f"`{name}`" not in page) == []
    assert Options().email in page
    assert Options().two_factor_email in page


@pytest.mark.parametrize("line", [pytest.param(line, id=f"{page} {line}") for page, line in command_lines()])
def test_a_command_that_is_told_exists(line: str) -> None:
    line = re.sub(r"\s+#.*$", "", line.split(" && ", maxsplit=1)[0]).replace("…", "X")
    words = shlex.split(line.removeprefix("docker compose run --rm clock ").removeprefix("mirrorpoint "))
    if line.startswith("make "):
        _check_target(words[1:])
    elif line.startswith("python "):
        sandbox.parser().parse_args(words[3:])
    elif words[0] == "sandbox":
        assert words[1] in ("api", "receiver", "story")
        if len(words) > 2:
            sandbox.parser().parse_args(words[1:])
    else:
        _check_words(words)


def _check_target(words: list[str]) -> None:
    targets = re.findall(r"^([a-z0-9-]+):.*## ", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert [word for word in words if "=" not in word and word not in targets] == []


def _check_words(words: list[str]) -> None:
    command = program()
    context = command.make_context("mirrorpoint", list(words), resilient_parsing=True)
    while words and words[0].startswith("--"):  # options that stand before the command
        words = words[2:] if words[0] == "--config" else words[1:]
    while words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]
    is_named_only = not words
    if getattr(command, "commands", None) and not is_named_only and not words[0].startswith("-"):
        raise AssertionError(f"{command.name} has no {words[0]}")
    if not is_named_only:  # raises for an option or argument that there is not
        command.make_context(command.name, list(words), parent=context)


@pytest.mark.parametrize("text", cases("toml"))
def test_toml_is_a_configuration_or_a_catalogue_that_is_accepted(text: str) -> None:
    text = re.sub(r"(?m)^   (?=\S)", "", text)  # inside of a numbered step
    if tomllib.loads(text).keys() <= {"source", "resources"}:
        catalogue.parse(text, name="own", origin="own.toml")
    else:
        settings.parse(text, file=Path("/nowhere/mirrorpoint.toml"), environ={})


@pytest.mark.parametrize("page", sorted(PAGES))
def test_links_lead_somewhere(page: str) -> None:
    text = BLOCK.sub("", PAGES[page])
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / page).parent / path if path else ROOT / page
        if not file.exists() or (anchor and anchor not in _anchors(file.read_text("utf-8"))):
            broken.append(target)

    assert broken == []


def _anchors(text: str) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.*)$", BLOCK.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", sorted(PAGES))
def test_a_file_that_is_named_is_there(page: str) -> None:
    named = re.findall(r"`((?:tests|changes|upstream|storage|webhooks|tasks|worker|docs)/[\w./-]+)`", PAGES[page])

    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", sorted(PAGES))
def test_prose_stays_within_120_columns(page: str) -> None:
    prose = BLOCK.sub("", PAGES[page])

    assert [line for line in prose.splitlines() if len(line) > 120 and not line.startswith(("|", "<!--"))] == []


@pytest.mark.parametrize("page", sorted(PAGES))
def test_no_page_tells_of_one_machine(page: str) -> None:
    found = re.findall(r"/(?:tmp|root|work|home)/\S*|https?://(?:localhost|10\.)\S*", PAGES[page])

    assert found == []


@pytest.mark.parametrize(
    ("heading", "table"),
    [("`[source]`", SourceTable), ("`[resources.NAME]`", ResourceTable), ("Signing in", SignInTable)],
)
def test_every_member_of_the_language_of_catalogues_is_described(heading: str, table: type[BaseModel]) -> None:
    section = PAGES["docs/catalogues.md"].partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == set(keys_of(table))


@pytest.mark.parametrize("word", ["sealed", "not sealed yet", "seal key", "diff", "head", "checkpoint", "late", "age"])
def test_the_glossary_has_the_words_of_messages_that_a_newcomer_does_not_know(word: str) -> None:
    names = re.findall(r"^\| \*\*(.+?)\*\* \|", PAGES["docs/glossary.md"], re.MULTILINE)
    assert word in {name for row in names for name in row.split(", ")}
