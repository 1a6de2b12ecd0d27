"""What `check` looks at on this machine: whether all that `run` needs can be loaded, broker, folder, database."""

from __future__ import annotations

import importlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from worker.commands import brokers
from worker.problems import Problem

if TYPE_CHECKING:
    from storage.engine import Database
    from worker.commands.check.check_report import Report
    from worker.settings import Settings

#: What the processes of `run` begin with; each brings the libraries that it needs.
_MODULES = ("worker.supervisor", "worker.celery_app", "worker.consumer", "worker.clock", "kombu.transport.redis")
#: Configuration or installation, and what is out of reach.
_WRONG, _AWAY = 2, 5


def look(settings: Settings, report: Report) -> None:
    """All but the database, which others may have open already."""
    _modules(report)
    _broker(settings, report)


def _modules(report: Report) -> None:
    """A library that is missing ends a child of `run` at its start, again and again."""
    for name in _MODULES:
        try:
            importlib.import_module(name)
        except ImportError as error:
            hint = "install Mirrorpoint again, with its dependencies"
            report.add("installation", "installation", f"{name} cannot be loaded: {error}", hint, exit_code=_WRONG)


def _broker(settings: Settings, report: Report) -> None:
    found = brokers.look(settings)
    report.broker = {"url": found.url, "reachable": found.is_reachable, "server": None, "state_folder": None}
    if settings.broker.url != "embedded":
        if not found.is_reachable:
            hint = "see whether it runs there, and whether user, password and certificate are right"
            report.add("broker.url", "broker", f"{found.url}: {found.problem}", hint, exit_code=_AWAY)
        return
    folder = brokers.place(settings).folder
    report.broker["state_folder"] = str(folder)
    if found.is_reachable:
        return
    try:
        from worker import broker_server

        report.broker["server"] = str(broker_server.binary())
    except Problem as error:
        report.add("broker.url", "broker", error.message, error.hint, exit_code=_WRONG)
    there = next(each for each in (folder, *folder.parents) if each.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        message = f"{folder} cannot be made: this user may not write to {there}"
        report.add("broker.url", "broker", message, "`run` keeps its broker there", exit_code=_WRONG)


def database(report: Report, opened: Database) -> None:
    """Of one that has answered: what it is, and who may read its file."""
    from storage import prepare, sql

    with opened.read() as session:
        statement = "SELECT sqlite_version()" if opened.dialect == "sqlite" else "SHOW server_version"
        version = str(sql.value(session, statement))
    report.database = {"url": opened.name, "server": f"{opened.dialect} {version}", "revision": prepare.HEAD}
    report.database |= {"mode": _mode(opened)}


def _mode(opened: Database) -> str | None:
    """`0600`, of a file; None of a server."""
    name = opened.url.database
    if opened.dialect != "sqlite" or not name or not Path(name).is_file():
        return None
    return f"{stat.S_IMODE(Path(name).stat().st_mode):04o}"
