"""Whether Mirrorpoint runs anywhere on this database; asked before its file or its seal key is exchanged."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from worker.problems import UsageError

if TYPE_CHECKING:
    from storage.engine import Database
    from worker.settings import Settings

_STOP_IT = "stop it everywhere, then try again; what was killed on another machine counts as running for a minute"


@contextmanager
def run_kept_out(settings: Settings) -> Iterator[None]:
    """No `run` starts on this machine meanwhile; UsageError where one is there."""
    from worker import state_folder

    if settings.broker.url != "embedded":
        yield
        return
    folder = state_folder.of(settings)
    if not folder.parent.is_dir() and not folder.parent.parent.is_dir():
        yield
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "run.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError("`mirrorpoint run` is running here", _STOP_IT) from None
        yield


def refuse(database: Database, *, now: datetime) -> None:
    """UsageError where a process was heard of a moment ago, or somebody holds a scan."""
    from storage import leases, processes
    from tasks import dead_holders

    dead_holders.free(database, now=now)
    with database.read() as session:
        heard = [
            each
            for each in processes.list_all(session)
            if now - each.beat_at < timedelta(seconds=processes.SILENT_SECONDS) and not _has_ended(each.name, each.host)
        ]
        held = sorted(leases.held_names(session, "scan:", now=now))
    if heard:
        raise UsageError(f"Mirrorpoint is running: {', '.join(sorted(each.name for each in heard)[:3])}", _STOP_IT)
    if held:
        raise UsageError(f"somebody is at work: {', '.join(held[:3])}", _STOP_IT)


def _has_ended(name: str, host: str) -> bool:
    """A process of this machine whose number nobody has any more."""
    number = name.rpartition(":")[2]
    if host != socket.gethostname() or not number.isdecimal():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
