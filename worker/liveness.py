"""Signs of life in the database, given by clock and workers, looked at by a container's check; and the broker's answer.

`python -m worker.liveness clock` (or `scan`, `deliver`) asks whether such a process of this machine is at work.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from storage import processes
from storage.processes import SILENT_SECONDS
from tasks.log_lines import Logger
from worker import broker_urls

log = Logger("mirrorpoint.health")

_PING_SECONDS = 5.0


class Liveness:
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


def reached(broker_url: str) -> bool:
    """Whether a broker answers there."""
    problem = trouble(broker_url)
    if problem is not None:
        log.debug("broker_not_reached", error=problem)
    return problem is None


def trouble(broker_url: str) -> str | None:
    """Why no broker answers there; None where one does. Logs nothing: commands ask too."""
    try:
        with _client(broker_url) as client:
            return None if client.ping() else "it does not answer a PING"
    except Exception as error:  # noqa: BLE001  # no answer is no answer
        return str(error).rstrip(".") or type(error).__name__


def _client(broker_url: str) -> Any:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    options: dict[str, Any] = {
        "socket_timeout": _PING_SECONDS,
        "socket_connect_timeout": _PING_SECONDS,
        "retry": Retry(NoBackoff(), 0),
    }
    parts = urlsplit(broker_url)
    if parts.scheme == "redis+socket":
        return redis.Redis(unix_socket_path=unquote(parts.path), **options)
    return redis.Redis.from_url(broker_urls.verified(broker_url), **options)


def main(kinds: Sequence[str]) -> int:
    """0 where each of these kinds was heard of from this machine just now; else 1, and what is missing."""
    from worker import failures

    try:
        known = _known()
    except Exception as error:  # noqa: BLE001  # a check has an answer, whatever happens
        print(f"not known: {failures.read(error).message}")
        return 1
    if known is None:
        print("not started yet: the database has no tables of Mirrorpoint")
        return 1
    earliest, host = datetime.now(UTC) - timedelta(seconds=SILENT_SECONDS), socket.gethostname()
    at_work = {kind for each in known if each.host == host and each.beat_at > earliest for kind in each.kind.split("+")}
    missing = [kind for kind in kinds if kind not in at_work]
    print(f"no sign of {', '.join(missing)} for {SILENT_SECONDS:.0f} s" if missing else "at work")
    return 1 if missing else 0


def _known() -> list[processes.Process] | None:
    """Who has given signs of life; None before the first start. Makes no file and no table."""
    from storage import existing
    from storage.engine import Database
    from worker import settings

    database = Database(settings.load().storage.url)
    if database.dialect == "sqlite" and not Path(str(database.url.database)).exists():
        return None
    try:
        with database.read() as session:
            if not existing.has_table(session, "mirrorpoint_process"):
                return None
            return processes.list_all(session)
    finally:
        database.dispose()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
