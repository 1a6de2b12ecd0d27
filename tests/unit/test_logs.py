"""What a log line never holds."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from worker import logs


@pytest.fixture(autouse=True)
def _logging_kept() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    logging.captureWarnings(capture=False)
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def use(password: str) -> None:
    raise ZeroDivisionError(f"{len(password)} characters are of no use")


@pytest.mark.parametrize("is_json", [True, False])
def test_a_traceback_shows_no_variables(capsys: pytest.CaptureFixture[str], is_json: bool) -> None:
    """They hold what the code works with: passwords, tokens, documents before they are sealed."""
    logs.set_up(is_json=is_json, is_debug=True)
    password = "hunter" + str(2)
    for log in (structlog.get_logger("mirrorpoint.test"), logging.getLogger("celery.app.trace")):
        try:
            use(password)
        except ZeroDivisionError:
            log.exception("it_broke")
    text = capsys.readouterr().err
    assert text.count("ZeroDivisionError: 7 characters are of no use") == 2
    assert "hunter2" not in text
    assert not is_json or len([json.loads(line) for line in text.splitlines()]) == 2
