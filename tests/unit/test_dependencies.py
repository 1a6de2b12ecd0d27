"""What pyproject.toml asks for is what the shipped files import, and both locks hold it in the same versions."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
SHIPPED: list[str] = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
DECLARED = {canonicalize_name(asked.name): asked for asked in map(Requirement, PROJECT["project"]["dependencies"])}
#: What a shipped file imports only where it is installed; `dev` is for those who work on it.
EXTRAS = {
    canonicalize_name(Requirement(text).name): Requirement(text)
    for name, texts in PROJECT["project"]["optional-dependencies"].items()
    for text in texts
    if name != "dev"
}

#: Distribution -> the one that imports it without asking for it, so that it is asked for here.
FORGOTTEN_BY_OTHERS = {"packaging": "kombu"}


def imported(text: str) -> Iterator[str]:
    """The top modules of all imports, wherever they stand in a file."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module.split(".")[0]


@cache
def used() -> dict[str, str]:
    """Distribution -> a shipped file that imports it."""
    owners = metadata.packages_distributions()
    found: dict[str, str] = {}
    for file in (file for package in SHIPPED for file in sorted((ROOT / package).rglob("*.py"))):
        for module in imported(file.read_text("utf-8")):
            if module not in sys.stdlib_module_names and module not in SHIPPED:
                for owner in owners.get(module, [f"nothing that is installed has {module}"]):
                    found[canonicalize_name(owner)] = str(file.relative_to(ROOT))
    return found


@cache
def locked(name: str) -> dict[str, str]:
    """Distribution -> version, as a lock has it."""
    return dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / name).read_text("utf-8"), re.MULTILINE))


def test_each_module_that_a_shipped_file_imports_is_asked_for() -> None:
    assert {owner: file for owner, file in used().items() if owner not in DECLARED | EXTRAS} == {}


def test_nothing_is_asked_for_that_no_shipped_file_imports() -> None:
    assert (DECLARED | EXTRAS).keys() - used().keys() - FORGOTTEN_BY_OTHERS.keys() == set()


def test_what_an_extra_brings_is_tested_and_not_installed_without_it() -> None:
    tested = locked("requirements-dev.lock")
    assert [str(asked) for name, asked in EXTRAS.items() if not asked.specifier.contains(tested[name])] == []
    assert EXTRAS.keys() & locked("requirements.lock").keys() == set()


@pytest.mark.parametrize(("name", "user"), FORGOTTEN_BY_OTHERS.items())
def test_what_another_forgot_to_ask_for_is_still_imported_by_it_and_still_forgotten(name: str, user: str) -> None:
    asked = [Requirement(text) for text in metadata.requires(user) or ()]
    assert name not in [canonicalize_name(one.name) for one in asked if not one.marker or one.marker.evaluate()]
    files = [file for file in metadata.files(user) or () if file.suffix == ".py"]
    assert any(name in imported(file.read_text("utf-8")) for file in files)
    assert name not in used()


def test_the_lock_has_all_that_is_asked_for_in_versions_that_fit() -> None:
    versions = locked("requirements.lock")
    assert [str(asked) for name, asked in DECLARED.items() if not asked.specifier.contains(versions[name])] == []


def test_what_is_tested_has_the_versions_of_what_is_installed() -> None:
    tested = locked("requirements-dev.lock")
    assert {name: (version, tested.get(name)) for name, version in locked("requirements.lock").items()} == {
        name: (version, version) for name, version in locked("requirements.lock").items()
    }


@pytest.mark.parametrize("file", ["requirements.lock", "requirements-dev.lock", "benchmarks/requirements.lock"])
def test_a_lock_names_hashes_and_no_hosts(file: str) -> None:
    text = (ROOT / file).read_text("utf-8")
    assert re.findall(r"://|--(?:extra-)?index-url|--find-links|--trusted-host| @ ", text) == []
    entries = re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:]
    assert entries
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_no_version_of_python_is_refused_because_it_is_new() -> None:
    assert PROJECT["project"]["requires-python"] == ">=3.11"
