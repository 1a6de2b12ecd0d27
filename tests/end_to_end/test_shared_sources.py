"""What processes share of a source: its limits hold over all of them, and one that hangs keeps no other waiting."""

from __future__ import annotations

import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from changes.sealing import new_key
from tests.end_to_end.stage import Stage
from tests.mirrored_world import World

LIMITS = """
[storage]
url = "sqlite:///mirror.db"

[sources.backoffice]
catalogue = "backoffice"
base_url = "{api}"
auth = {{ method = "sign-in", email = "mirror@example.com", password = "sandbox" }}
limits = {{ requests_per_second = {rate}, concurrency = {concurrency}, page_size = 20 }}
schedule = {{ "*" = "off", tags = "1s", phones = "1s", countries = "1s", currencies = "1s", products = "1s" }}
"""
#: Eight lists of a host that takes connections and says nothing.
SILENT = """
[sources.silent]
catalogue = "silent.toml"
base_url = "{url}"
timeout = "300s"
auth = {{ method = "none" }}
limits = {{ concurrency = 8 }}
schedule = {{ default = "1s" }}
"""
LISTS = "".join(f'[resources.list_{number}]\npath = "/lists/{number}"\n' for number in range(8))


class SilentServer:
    """Takes connections and never answers."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.held: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                self.held.append(self._listener.accept()[0])
            except OSError:
                return

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for line in self.held:
            line.close()


@contextmanager
def silent_server() -> Iterator[SilentServer]:
    server = SilentServer()
    try:
        yield server
    finally:
        server.close()


def configure(stage: Stage, api: World, *, rate: int, concurrency: int, more: str = "") -> None:
    text = LIMITS.format(api=api.url, rate=rate, concurrency=concurrency)
    (stage.folder / "mirrorpoint.toml").write_text(text + more)
    (stage.folder / "mirrorpoint.key").write_text(new_key())


def complete_scans(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "mirror.db", timeout=30)) as connection:
        chosen = "SELECT count(*) FROM mirrorpoint_scan WHERE source = 'backoffice' AND state = 'complete'"
        found: int = connection.execute(chosen).fetchone()[0]
        return found


def test_a_source_that_never_answers_keeps_no_other_waiting(stage: Stage) -> None:
    api = stage.api()
    with silent_server() as silent:
        (stage.folder / "silent.toml").write_text(LISTS)
        configure(stage, api, rate=200, concurrency=4, more=SILENT.format(url=silent.url))
        stage.start("run")
        stage.until(lambda: len(silent.held) >= 4, "the silent source to hold all the threads that it gets")
        before = complete_scans(stage.folder)
        stage.until(lambda: complete_scans(stage.folder) >= before + 10, "scans of the other source")
        ended = [line["source"] for line in stage.said("scan_ended")]
        assert "silent" not in ended, "its time-out is still to come"


def test_the_limits_of_a_source_hold_over_workers_and_a_command_together(stage: Stage) -> None:
    api = stage.api()
    configure(stage, api, rate=20, concurrency=2)
    stage.start("run")
    stage.until(lambda: stage.said("ready"), "run to be there")
    for _ in range(2):
        stage.start("worker", "--queues", "scan")
    stage.until(lambda: sum(line["process"] == "scan" for line in stage.said("ready")) >= 3, "three workers")

    stage.call("sync", "tags", "phones", "users", "countries")
    stage.until(lambda: api.ask("requests")["total"] > 150, "enough requests")
    told = api.ask("requests")
    assert told["most_in_a_second"] <= 20
    assert told["most_in_a_second"] >= 10, "the limit is what held them back"
    assert told["most_in_flight"] <= 2
    assert told["sign_ins"] == 1

    api.fault(kind="delay", seconds=0.4)
    begun = told["total"]
    stage.call("sync", "users", "tags")
    stage.until(lambda: api.ask("requests")["total"] > begun + 25, "slow requests")
    told = api.ask("requests")
    assert told["most_in_flight"] == 2
    assert told["most_in_a_second"] <= 20
