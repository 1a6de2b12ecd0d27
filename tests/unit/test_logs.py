"""What a log line never holds, and when nothing is loaded to write one."""

from __future__ import annotations

import json
import logging
import subprocess
import sys

import pytest
import structlog

from worker import logs


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


def test_a_command_that_logs_nothing_does_not_load_structlog_and_hides_no_warning_of_a_library() -> None:
    code = (
        "import logging, sys; from tasks.log_lines import Logger; from worker import logs\n"
        "logs.set_up_quietly(); log = Logger('mirrorpoint.scan'); log.error('scan_ended'); log.info('woken')\n"
        "print('structlog' in sys.modules)\n"
        "logging.getLogger('httpx').warning('an odd answer'); log.error('scan_ended')\n"
        "print('structlog' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["False", "True"]
    assert ["an odd answer" in line for line in done.stderr.splitlines()] == [True]


def test_a_line_is_written_where_nothing_was_set_up() -> None:
    code = (
        "from tasks.log_lines import Logger; log = Logger('mirrorpoint.scan'); log.debug('no'); log.warning('yes', x=1)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ("yes" in done.stdout, "no " in done.stdout) == (True, False)
