"""What can be wrong with how Mirrorpoint is set up or called; raised by settings, bootstrap and the commands."""

from __future__ import annotations

from collections.abc import Iterable

from changes.strict_toml import nearest

__all__ = ["NotFound", "Problem", "SettingsError", "UsageError", "did_you_mean", "nearest"]


class Problem(Exception):  # noqa: N818  # the base of what people read, not only of errors
    """A failure that its reader can do something about: what happened and where, then what to do."""

    exit_code = 1
    code = "error"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message


class UsageError(Problem):
    """A command was given something that does not exist or does not go together."""

    exit_code = 2
    code = "usage"


class NotFound(Problem):  # no mistake of anybody
    """What was asked for is not there, though it was asked for rightly."""

    exit_code = 3
    code = "not-found"


class SettingsError(Problem):
    """The configuration is wrong: in which file, at which field."""

    exit_code = 2
    code = "configuration"

    def __init__(self, file: str, field: str, problem: str, hint: str = "") -> None:
        where = f"{file}: {field}: " if field else f"{file}: "
        super().__init__(where + problem, hint)
        self.args = (file, field, problem, hint)  # what pickling calls the class with
        self.file = file
        self.field = field
        self.problem = problem


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """`did you mean "x"?`, or what there is when nothing is near."""
    known = sorted(words)
    found = nearest(word, known)
    if found is not None:
        return f'did you mean "{found}"?'
    if not known:
        return ""
    shown = ", ".join(known[:12])
    return f"there is: {shown}, …" if len(known) > 12 else f"there is: {shown}"
