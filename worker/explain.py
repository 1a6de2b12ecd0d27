"""What pydantic found wrong with the configuration, at its field or its variable; called by worker/settings.py."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from changes import explain
from worker.problems import SettingsError

#: Places where nobody writes TOML: what is said of quotes and brackets helps nobody there.
NOT_TOML = frozenset({"environment", "command line"})


def first_problem(
    error: ValidationError, root: type[BaseModel], *, file: str, variables: Mapping[explain.Path, str]
) -> SettingsError:
    """The problem to solve first."""
    found = explain.first(error, root)
    path, field, hint = found.path, explain.spelt(found.path), found.hint
    variable = next((variables[at] for at in (path, path[:-1], (*path, "method")) if at in variables), None)
    if variable is not None:
        file, field = "environment", variable
    if found.is_of_toml and file in NOT_TOML:
        hint = ""
    return SettingsError(file, field, found.message, hint or found.rest)


def refuse_doubles(points: Iterable[Any], *, file: str) -> None:
    """A code names one point."""
    codes: set[str] = set()
    for point in points:
        if point.code in codes:
            raise SettingsError(file, f"points[{point.code}].code", "is there twice", "give each point its own code")
        codes.add(point.code)
