"""A log line tells people what there was, and programs everything."""

from __future__ import annotations

import json
import logging

import pytest
import structlog

from worker import logs


def test_people_are_told_first_what_a_line_is_about_and_no_noughts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.set_up(is_json=False, process="scan")
    structlog.get_logger("mirrorpoint.scan").info("scan_ended", source="office", resource="tags", rows=3, deleted=0)
    line = capsys.readouterr().err
    assert line.rstrip().endswith("source=office resource=tags rows=3 process=scan")


def test_an_exit_code_of_nought_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(is_json=False)
    structlog.get_logger("mirrorpoint.supervisor").error("child_ended", child="clock", exit_code=0)
    assert "exit_code=0" in capsys.readouterr().err


def test_programs_are_told_of_each_counter(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(is_json=True, process="scan")
    structlog.get_logger("mirrorpoint.scan").info("scan_ended", resource="tags", rows=3, deleted=0)
    told = json.loads(capsys.readouterr().err)
    assert {
        "event": "scan_ended",
        "resource": "tags",
        "rows": 3,
        "deleted": 0,
        "process": "scan",
    }.items() <= told.items()


def test_a_task_that_broke_is_told_with_one_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(is_json=True)
    context = {"data": {"traceback": "Traceback once more"}, "internal": False}
    try:
        raise LookupError("a defect")
    except LookupError:
        logging.getLogger("celery.app.trace").exception("Task %s raised unexpected", "scan_resource", extra=context)
    told = json.loads(capsys.readouterr().err)
    assert "LookupError: a defect" in told["exception"]
    assert {"event", "exception", "level", "logger", "timestamp"} == set(told)
