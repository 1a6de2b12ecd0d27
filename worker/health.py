"""Signs of life in the database: given by the clock and the workers, looked at by a container's health check.

`python -m worker.health clock` (or `scan`, `deliver`) asks whether such a process of this machine is at work.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import structlog

from storage import processes

log = structlog.get_logger("mirrorpoint.health")

#: A process that was not heard of for so long counts as gone.
SILENT_SECONDS = 60.0


class Sign:
    """This process's line."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._host = socket.gethostname()
        self._name = f"{kind}@{self._host}:{os.getpid()}"

    def give(self) -> None:
        """At work. A database that is away is told by those who need it."""
        from tasks import services

        try:
            current = services.current()
            with current.database.write() as session:
                processes.note_beat(session, self._name, kind=self._kind, host=self._host, now=current.now())
        except Exception as error:  # noqa: BLE001  # whatever it is: a missing sign is itself a sign
            log.debug("sign_not_given", error=f"{type(error).__name__}: {error}")

    def take_back(self) -> None:
        """The process ends as it was asked to."""
        from tasks import services

        with contextlib.suppress(Exception), services.current().database.write() as session:
            processes.forget(session, self._name)


def main(kinds: Sequence[str]) -> int:
    """0 where each of these kinds was heard of from this machine just now; else 1, and what is missing."""
    from storage.engine import Database
    from worker import settings

    try:
        database = Database(settings.load().storage.url)
        with database.read() as session:
            known = processes.list_all(session)
        database.dispose()
    except Exception as error:  # noqa: BLE001  # a check has an answer, whatever happens
        print(f"not known: {error}")
        return 1
    earliest, host = datetime.now(UTC) - timedelta(seconds=SILENT_SECONDS), socket.gethostname()
    at_work = {kind for each in known if each.host == host and each.beat_at > earliest for kind in each.kind.split("+")}
    missing = [kind for kind in kinds if kind not in at_work]
    print(f"no sign of {', '.join(missing)} for {SILENT_SECONDS:.0f} s" if missing else "at work")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
