"""What is told of an error, and the exit code that goes with it."""

from __future__ import annotations

import pytest
import typer

from changes.sealing import SealKeyError
from storage import errors as storage_errors
from upstream import errors as upstream_errors
from upstream.catalogue import CatalogueError
from worker import failures
from worker.failures import Failure
from worker.problems import SettingsError, UsageError


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (UsageError("no such thing", "look"), Failure(2, "usage", "no such thing", "look")),
        (SettingsError("f.toml", "a.b", "is bad", "do"), Failure(2, "configuration", "f.toml: a.b: is bad", "do")),
        (SealKeyError("another key"), Failure(2, "configuration", "another key")),
        (
            CatalogueError("c.toml", "resources.a", "is bad", "do"),
            Failure(2, "catalogue", "c.toml: resources.a: is bad", "do"),
        ),
        (upstream_errors.CredentialsRefused("s", "", "refused", "do"), Failure(4, "credentials", "s: refused", "do")),
        (
            upstream_errors.SecondFactorDemanded("s", "", "wants a code", ""),
            Failure(4, "credentials", "s: wants a code"),
        ),
        (upstream_errors.Unreachable("s", "r", "away", "do"), Failure(5, "unreachable", "s, r: away", "do")),
        (
            upstream_errors.NotAvailable("s", "r", "answered 404", "do", 404),
            Failure(2, "rejected", "s, r: answered 404", "do"),
        ),
        (storage_errors.DatabaseTrouble("away", "do"), Failure(5, "database", "away", "do")),
        (storage_errors.DatabaseNewer("newer", "upgrade"), Failure(2, "database", "newer", "upgrade")),
        (
            PermissionError(13, "Permission denied", "/x"),
            Failure(1, "file", "/x: Permission denied", "look at its permissions and at the disk"),
        ),
        (typer.Abort(), Failure(130, "aborted", "aborted, nothing was done")),
    ],
)
def test_a_known_error_says_what_happened_where_and_what_to_do(error: Exception, expected: Failure) -> None:
    assert failures.read(error) == expected


def test_a_surprise_is_one_line_and_how_to_see_more() -> None:
    assert failures.read(ValueError("first\nsecond")) == Failure(
        1, "unexpected", "unexpected ValueError: first", "run it with --debug for the traceback; it is a defect"
    )


def test_with_json_the_error_is_one_document_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    code = failures.tell(UsageError("no", "yes"), wants_json=True, is_debug=False)
    captured = capsys.readouterr()
    assert (code, captured.out, captured.err) == (
        2,
        '{"error": {"code": "usage", "message": "no", "hint": "yes"}}\n',
        "",
    )


def test_a_traceback_is_shown_with_debug_only(capsys: pytest.CaptureFixture[str]) -> None:
    failures.tell(ValueError("x"), wants_json=False, is_debug=False)
    assert "Traceback" not in capsys.readouterr().err
    failures.tell(ValueError("x"), wants_json=False, is_debug=True)
    assert "ValueError: x" in capsys.readouterr().err
