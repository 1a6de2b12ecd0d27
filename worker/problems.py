"""What can be wrong with how Mirrorpoint is set up or called; raised by settings, bootstrap and the commands."""

from __future__ import annotations

from changes.problems import FileProblem, Problem, did_you_mean, nearest

__all__ = [
    "ALTERED",
    "FileProblem",
    "NotFound",
    "Problem",
    "RecordAltered",
    "SettingsError",
    "UsageError",
    "did_you_mean",
    "nearest",
]

#: What a command ends with that has found the record altered.
ALTERED = 6


class UsageError(Problem):
    """A command was given something that does not exist or does not go together."""

    exit_code = 2
    code = "usage"


class NotFound(Problem):  # no mistake of anybody
    """What was asked for is not there, though it was asked for rightly."""

    exit_code = 3
    code = "not-found"


class RecordAltered(Problem):  # no mistake of the caller
    """What the record holds is not what was written."""

    exit_code = ALTERED
    code = "altered"


class SettingsError(FileProblem):
    """The configuration is wrong."""

    code = "configuration"
