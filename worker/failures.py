"""Turns whatever went wrong into two lines (or one JSON document) and an exit code; called by worker/__main__.py."""

from __future__ import annotations

import errno
import json
import sys
from collections.abc import Sequence
from typing import NamedTuple

from worker import output

#: Code of failures that nobody has thought of.
UNEXPECTED = "unexpected"
#: Code of failures of standard output itself.
_OUTPUT = "output"
_LONGEST_MESSAGE = 1000
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class Failure(NamedTuple):
    """What is told of an error."""

    exit_code: int
    code: str  #: for programs: usage, configuration, credentials, unreachable, ...
    message: str
    hint: str = ""


def tell(error: Exception, *, wants_json: bool, is_debug: bool, words: Sequence[str] = ()) -> int:
    """Show the error where the caller looks for it; its exit code. `words` is the command line."""
    failure = read(error, words)
    failure = failure._replace(message=_in_one_line(failure.message))
    if is_debug and not _is_typing_error(error):
        import traceback

        traceback.print_exception(error)
    if wants_json and failure.code != _OUTPUT:
        document = {"error": {"code": failure.code, "message": failure.message, "hint": failure.hint}}
        try:
            sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
            sys.stdout.flush()
        except OSError:
            output.abandon()
    else:
        output.complain(failure.message, failure.hint)
    if failure.code == _OUTPUT:
        output.abandon()
    return failure.exit_code


def _in_one_line(message: str) -> str:
    """A message may quote what somebody wrote: at most so much of it, and nothing that a terminal would obey."""
    shown = " ".join("".join(letter if letter.isprintable() else " " for letter in message).split())
    return shown if len(shown) <= _LONGEST_MESSAGE else shown[: _LONGEST_MESSAGE - 1] + "…"


def _is_typing_error(error: Exception) -> bool:
    """Of which a traceback would show the inside of typer, and nothing of the command."""
    import typer

    return isinstance(error, typer.TyperException)


def read(error: Exception, words: Sequence[str] = ()) -> Failure:
    """What an error means to the caller of the command line."""
    found = _own(error) or _usage(error, words) or _upstream(error) or _database(error) or _system(error)
    if found is not None:
        return found
    what = f"{type(error).__name__}: {error}".rstrip(": ").splitlines()[0]
    return Failure(1, UNEXPECTED, f"unexpected {what}", "run it with --debug for the traceback; it is a defect")


def _own(error: Exception) -> Failure | None:
    from worker.problems import Problem

    if isinstance(error, Problem):
        return Failure(error.exit_code, error.code, error.message, error.hint)
    from changes.sealing import SealKeyError

    if isinstance(error, SealKeyError):
        return Failure(2, "configuration", str(error))
    return None


def _usage(error: Exception, words: Sequence[str]) -> Failure | None:
    import typer

    if isinstance(error, typer.Abort):
        return Failure(130, "aborted", "aborted, nothing was done")
    if isinstance(error, typer.TyperException):
        from worker import usage

        return Failure(error.exit_code, "usage", *usage.told(error, words))
    return None


def _upstream(error: Exception) -> Failure | None:
    from upstream import errors

    if not isinstance(error, errors.UpstreamError):
        return None
    where = f"{error.source}, {error.resource}: " if error.resource else f"{error.source}: "
    if isinstance(error, errors.StopSource):
        return Failure(4, "credentials", where + error.message, error.hint)
    if isinstance(error, errors.GiveUp):
        return Failure(2, "rejected", where + error.message, error.hint)
    return Failure(5, "unreachable", where + error.message, error.hint)


def _database(error: Exception) -> Failure | None:
    from storage import errors

    if isinstance(error, errors.DatabaseTrouble):
        return Failure(5, "database", error.message, error.hint)
    if isinstance(error, errors.StorageError):
        return Failure(2, "database", error.message, error.hint)
    if type(error).__module__.split(".")[0] in ("sqlite3", "psycopg", "sqlalchemy"):
        first_line = str(error).splitlines()[0]
        hint = "see whether somebody has changed its tables; --debug shows the statement"
        return Failure(5, "database", f"the database failed: {first_line}", hint)
    return None


def _system(error: Exception) -> Failure | None:
    if isinstance(error, OSError) and error.filename is not None:
        return Failure(1, "file", f"{error.filename}: {error.strerror}", "look at its permissions and at the disk")
    if isinstance(error, OSError) and error.errno in _FULL:
        return Failure(1, _OUTPUT, f"the output cannot be written: {error.strerror}", "make room where it goes")
    return None
