"""What may go wrong, drawn at random: faults of the source and of receivers, kills, pauses, lost and locked things.

Used by the campaign. Each kind of trouble is one method; what was done is counted for the report.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from random import Random
from typing import Any

import psycopg

from changes.resources import PLACEHOLDER, Resource
from tests import waiting
from tests.end_to_end.stage import Receiver, Stage
from tests.mirrored_world import World
from worker import embedded

#: Longer than the lease of a scan: whoever stood still for so long finds that another has taken over.
LONG_PAUSE_SECONDS = 75
#: Shorter than the lease of a delivery: a request that a process sends when it wakes up cannot be called back.
SHORT_PAUSE_SECONDS = 12

Say = Callable[[str], None]


class Upstream:
    """Orders faults of the sandbox; each ends by itself after so many requests."""

    def __init__(self, world: World, resources: Sequence[Resource], rng: Random) -> None:
        self._world, self._rng = world, rng
        # A list that hides rows is told by records' own paths; without one, two lies in a row are a truth.
        self._told = [_glob(each.path) for each in resources if each.item_path]
        self._all = [_glob(each.path) for each in resources]

    def strike(self) -> str:
        rng = self._rng
        kind, settings = rng.choice(
            [
                ("status", {"status": rng.choice((500, 502, 503, 504, 408, 400, 403))}),
                ("status", {"status": rng.choice((429, 503)), "retry_after": rng.choice((1, 2, 5)), "form": "seconds"}),
                ("status", {"status": 429, "retry_after": rng.choice((2, 4)), "form": "date"}),
                ("delay", {"seconds": rng.uniform(0.1, 3)}),
                ("cut_connection", {}),
                ("cut_json", {"share": rng.random()}),
                ("html", {}),
                ("slow_body", {"seconds": rng.uniform(0.5, 4)}),
                ("content_type", {"value": "text/plain"}),
                ("redirect", {"to": "http://127.0.0.1:9/elsewhere"}),
                ("huge", {"megabytes": 70}),
                ("gzip_bomb", {"megabytes": 80}),
                ("total", {"value": rng.choice((None, 1, 1000, "changing"))}),
            ]
        )
        path = rng.choice(("/api/v2/*", "/api/v2/*", rng.choice(self._all)))
        most = 2 if kind in ("huge", "gzip_bomb", "redirect") else 12
        self._order(kind, path, most, settings)
        return kind

    def lie(self) -> str:
        """About the rows, where their own paths tell the truth."""
        rng = self._rng
        kind, settings = rng.choice(
            [
                ("empty", {}),
                ("cap", {"limit": rng.choice((1, 3, 7, 20))}),
                ("shift", {"how": rng.choice(("delete", "insert"))}),
                ("ignore_offset", {}),
                ("duplicate", {"rows": rng.choice((1, 3))}),
                ("unstable_order", {"window": 20}),
                ("short_page", {"rows": rng.choice((1, 5))}),
                ("endless", {}),
                ("hole", {"from": (start := rng.randint(1, 40)), "to": start + rng.randint(1, 20)}),
                ("wall", {"rows": rng.randint(0, 40)}),
                ("clamp", {} if rng.random() < 0.5 else {"offset": rng.randint(0, 40)}),
                ("snap", {}),
                ("page_number", {"first": rng.choice((0, 1))}),
                ("refuse_unaligned", {}),
                ("window", {"bound": rng.randint(10, 120)}),
                ("refuse_behind", {"status": rng.choice((204, 400, 404, 500))}),
                ("ties", {"every": rng.randint(2, 10)}),
                ("repeat", {"rows": rng.choice((1, 2))}),
                ("hide", {"keys": [str(rng.randint(1, 30)) for _ in range(3)]}),
                ("total", {"by": rng.choice((-3, -1, 1, 3))}),
                ("total", {"value": "page"}),
                ("nothing_here", {"form": rng.choice(("null", "object", "missing", "nothing", 204)), "behind": True}),
                ("numbered", {}),
            ]
        )
        self._order(kind, rng.choice(self._told), 6, settings)
        return kind

    def expire_tokens(self) -> str:
        self._order("expire_tokens", "/api/v2/*", 1, {"refresh": self._rng.random() < 0.5})
        return "expire_tokens"

    def survived(self) -> Counter[str]:
        """How often each kind has struck."""
        hits = Counter[str]()
        for fault in self._world.ask("faults"):
            hits[fault["kind"]] += fault["hits"]
        return hits

    def _order(self, kind: str, path: str, most: int, settings: dict[str, Any]) -> None:
        self._world.fault(
            kind=kind,
            path=path,
            method="GET" if kind != "expire_tokens" else "*",
            count=self._rng.randint(1, most),
            probability=self._rng.choice((0.05, 0.3, 1.0)),
            seed=self._rng.randrange(10**6),
            **settings,
        )


class Downstream:
    """Receivers that misbehave for a while; what is final is left out, since then nothing would be owed any more."""

    def __init__(self, receiver: Receiver, rng: Random) -> None:
        self._receiver, self._rng = receiver, rng

    def strike(self) -> str:
        rng = self._rng
        kind, behaviour = rng.choice(
            [
                ("refuses", {"status": rng.choice((500, 502, 503, 504, 401, 403, 404, 408, 425, 429))}),
                ("asks to wait", {"status": 503, "headers": {"Retry-After": str(rng.choice((1, 3)))}}),
                ("hangs", {"is_hanging": True}),
                ("is slow", {"wait_seconds": rng.uniform(0.1, 2)}),
                ("cuts", {"is_cut": True}),
                ("answers at length", {"megabytes": 3}),
            ]
        )
        subject = rng.choice(("*", "*", "product*", "*/1"))
        self._receiver.behave(path="/ledger", subject=subject, count=rng.randint(1, 25), **behaviour)
        return f"receiver {kind}"


class Crew:
    """The processes of ours: killed, stopped for a while, and started again as an init system would."""

    def __init__(self, stage: Stage, broker: embedded.Broker, rng: Random) -> None:
        self._stage, self._rng = stage, rng
        self.broker = broker
        self._parts: list[tuple[str, subprocess.Popen[bytes]]] = []
        self._stopped: dict[int, float] = {}
        for words in (("worker",), ("worker",), ("clock",), ("clock",)):
            self._parts.append((words[0], stage.start(*words)))

    def look_after(self) -> None:
        """Start what has ended, wake what has slept long enough."""
        for place, (name, process) in enumerate(self._parts):
            if process.poll() is not None:
                self._parts[place] = (name, self._stage.start(name))
        if self.broker.process is None or self.broker.process.poll() is not None:
            self.broker.stop()
            self.broker.start()
        for pid in [pid for pid, until in self._stopped.items() if time.monotonic() > until]:
            del self._stopped[pid]
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def wake_all(self) -> None:
        self._stopped = dict.fromkeys(self._stopped, 0.0)
        self.look_after()

    def kill(self) -> str:
        """One of ours, at this moment."""
        name, process = self._rng.choice(self._parts)
        if name == "clock" or self._rng.random() < 0.3:
            return self._send(process.pid, signal.SIGKILL, f"kill -9 of a {name}")
        children = self._children(process.pid)
        if not children:
            return ""
        pid, queue = self._rng.choice(children)
        return self._send(pid, signal.SIGKILL, f"kill -9 of a {queue} process")

    def pause(self) -> str:
        """One of ours stands still, as when a machine is suspended."""
        _, process = self._rng.choice([part for part in self._parts if part[0] == "worker"])
        children = self._children(process.pid)
        if not children or len(self._stopped) > 1:
            return ""
        pid, queue = self._rng.choice(children)
        seconds = SHORT_PAUSE_SECONDS if queue == "deliver" else self._rng.choice((5, 20, LONG_PAUSE_SECONDS))
        self._stopped[pid] = time.monotonic() + seconds
        return self._send(pid, signal.SIGSTOP, f"{queue} process paused {seconds} s")

    def kill_broker(self) -> str:
        assert self.broker.process is not None
        self.broker.process.kill()
        self.broker.process.wait()
        return "kill -9 of the broker"

    def empty_broker(self) -> str:
        """It comes back with nothing of what it knew."""
        self.broker.stop()
        shutil.rmtree(self.broker.place.folder / "broker", ignore_errors=True)
        self.broker.start()
        return "broker emptied"

    def _children(self, pid: int) -> list[tuple[int, str]]:
        found = waiting.descendants(pid).items()
        return [(child, name) for child, line in found for name in ("scan", "deliver") if f"--queues {name}" in line]

    def _send(self, pid: int, number: signal.Signals, what: str) -> str:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
            return what
        return ""


class DatabaseTrouble:
    """Somebody else keeps the database to themselves, or the server drops everyone."""

    def __init__(self, url: str, rng: Random) -> None:
        self._url, self._rng = url.replace("+psycopg", ""), rng
        self._threads: list[threading.Thread] = []

    def lock(self) -> str:
        if any(thread.is_alive() for thread in self._threads):
            return ""
        seconds = self._rng.choice((3, 10, 35))
        hold = self._hold_sqlite if self._url.startswith("sqlite") else self._hold_postgresql
        self._threads.append(threading.Thread(target=hold, args=(seconds,), daemon=True))
        self._threads[-1].start()
        return f"database locked {seconds} s"

    def drop_connections(self) -> str:
        if self._url.startswith("sqlite"):
            return ""
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        return "database connections dropped"

    def wait(self) -> None:
        for thread in self._threads:
            thread.join()

    def _hold_sqlite(self, seconds: float) -> None:
        connection = sqlite3.connect(self._url.removeprefix("sqlite:///"), timeout=60, isolation_level=None)
        # A process that was paused in a transaction of its own holds it for longer than that.
        with suppress(sqlite3.OperationalError), closing(connection) as one:
            one.execute("BEGIN IMMEDIATE")
            time.sleep(seconds)
            one.execute("ROLLBACK")

    def _hold_postgresql(self, seconds: float) -> None:
        with suppress(psycopg.OperationalError), psycopg.connect(self._url) as one:
            one.execute("LOCK TABLE mirrorpoint_scan, mirrorpoint_delivery IN ACCESS EXCLUSIVE MODE")
            time.sleep(seconds)


def _glob(path: str) -> str:
    return PLACEHOLDER.sub("*", path)
