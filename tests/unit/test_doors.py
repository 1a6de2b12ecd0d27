"""A task that finds the database away says so in a line; a defect is not hidden."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from structlog.testing import capture_logs

from storage.errors import DatabaseTrouble
from tasks import services
from worker import celery_app

TASKS: list[tuple[str, Sequence[str]]] = [
    ("scan_resource", ("backoffice", "products")),
    ("deliver", ()),
    ("housekeeping", ()),
]


def without_services(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def current() -> None:
        raise error

    monkeypatch.setattr(services, "current", current)


@pytest.mark.parametrize(("task", "arguments"), TASKS)
def test_trouble_with_the_database_is_told_in_a_line(
    task: str, arguments: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    without_services(monkeypatch, DatabaseTrouble("the database is locked", "it is tried again"))
    with capture_logs() as lines:
        celery_app.make("redis://nowhere").tasks[task](*arguments)
    told = {"event": "database_trouble", "log_level": "warning", "task": task}
    assert [told | {"error": "the database is locked", "hint": "it is tried again"}] == lines


@pytest.mark.parametrize(("task", "arguments"), TASKS)
def test_a_defect_is_none(task: str, arguments: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> None:
    without_services(monkeypatch, LookupError("a defect"))
    with pytest.raises(LookupError):
        celery_app.make("redis://nowhere").tasks[task](*arguments)
