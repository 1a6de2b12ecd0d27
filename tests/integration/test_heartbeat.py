"""A worker that nothing reaches any more ends itself; one that is busy, or whose broker is away, does not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage import processes
from storage.engine import Database
from tasks import wakeups
from tests import mirrored_world as world_tests
from tests import waiting
from tests.mirrored_world import World
from worker import celery_app, embedded, liveness, watchdog

#: A worker with quick heartbeats. Where the file `deaf` is, its connection is there and asks for nothing: that is what
#: is left of one that has come back wrong. `busy` scans hold their thread until the file `let go` is there.
WORKER = """
import logging, os, pathlib, sys, time
from kombu import Connection
from kombu.transport import redis
from tasks import celery_tasks
from worker import celery_app, consumer, liveness, logs, watchdog

url, folder = sys.argv[1], pathlib.Path(sys.argv[2])
watchdog.BEAT_SECONDS, watchdog.STALLED_SECONDS = 0.1, float(sys.argv[3])
celery_app.SOFT_SHUTDOWN_SECONDS = 5
logs.set_up(is_json=True, is_debug=True, process="test")

ask = redis.Channel._brpop_start
def ask_unless_deaf(self, timeout=None):
    return None if (folder / "deaf").exists() else ask(self, timeout)
redis.Channel._brpop_start = ask_unless_deaf

connect = Connection.ensure_connection
def connect_soon(self, errback=None, max_retries=None, *_, **more):
    return connect(self, errback, max_retries, 0.2, 0, 0.2, **more)
Connection.ensure_connection = connect_soon

reached = liveness.reached
def counted(url):
    answer = reached(url)
    with (folder / "asked").open("a") as lines:
        lines.write(f"{answer}\\n")
    return answer
liveness.reached = counted

looks = watchdog.Watchdog._look
def counted_look(self, now):
    looks(self, now)
    with (folder / "looks").open("a") as lines:
        lines.write(f"{self._accepted}\\n")
watchdog.Watchdog._look = counted_look

def register(app):
    @app.task(name="scan_resource")
    def scan(source, resource):
        (folder / f"begun-{resource}").touch()
        while not (folder / "let go").exists():
            time.sleep(0.02)
        (folder / f"ended-{resource}").touch()

celery_tasks.register = register
sys.exit(consumer.work(celery_app.make(url), queues=["scan"], threads=2, on_stop=lambda: None))
"""


class Worker:
    """The process, and what it leaves in its folder."""

    def __init__(self, broker: embedded.Broker, folder: Path, *, stalled_seconds: float = 4) -> None:
        self.folder = folder
        with (folder / "log").open("w") as log:
            command = [sys.executable, "-c", WORKER, broker.place.url, str(folder), str(stalled_seconds)]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def lines(self, name: str) -> list[str]:
        file = self.folder / name
        return file.read_text().splitlines() if file.exists() else []

    def has_been_reached(self) -> bool:
        return any(line != "0" for line in self.lines("looks"))

    def wait_for(self, condition: Callable[[], object], *, seconds: float = 60) -> None:
        waiting.until(condition, seconds=seconds, what=lambda: "\n".join(self.lines("log")[-20:]))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[embedded.Broker]:
    where = embedded.place(tmp_path / "state")
    with embedded.Broker(where) as running:
        yield running


@pytest.fixture
def start(broker: embedded.Broker, tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    started: list[Worker] = []

    def begin(**options: float) -> Worker:
        started.append(Worker(broker, tmp_path, **options))
        return started[-1]

    yield begin
    for worker in started:
        if worker.process.poll() is None:
            worker.process.kill()
        worker.process.wait()


def test_a_worker_that_asks_for_nothing_any_more_ends_itself_and_says_why(start: Callable[..., Worker]) -> None:
    worker = start()
    worker.wait_for(worker.has_been_reached)
    assert worker.process.poll() is None
    (worker.folder / "deaf").touch()
    worker.wait_for(lambda: worker.process.poll() is not None)
    assert worker.process.returncode == watchdog.EXIT_CODE
    assert [line for line in worker.lines("log") if '"stalled"' in line and "another is started" in line]


def test_a_worker_whose_broker_is_away_waits_for_it(start: Callable[..., Worker], broker: embedded.Broker) -> None:
    worker = start()
    worker.wait_for(worker.has_been_reached)
    broker.stop()
    worker.wait_for(lambda: worker.lines("asked").count("False") >= 2)
    assert worker.process.poll() is None
    broker.start()
    send = wakeups.Waker(celery_app.make(broker.place.url))

    def begun() -> bool:
        send("scan", source="s", resource="after")
        return (worker.folder / "begun-after").exists()

    worker.wait_for(begun)
    (worker.folder / "let go").touch()
    assert worker.process.poll() is None


def test_a_worker_whose_threads_are_all_at_work_is_not_taken_for_lost(
    start: Callable[..., Worker], broker: embedded.Broker
) -> None:
    send = wakeups.Waker(celery_app.make(broker.place.url))
    for name in ("one", "two"):
        send("scan", source="s", resource=name)
    worker = start()
    worker.wait_for(lambda: (worker.folder / "begun-one").exists() and (worker.folder / "begun-two").exists())
    looks = len(worker.lines("looks"))
    worker.wait_for(lambda: len(worker.lines("looks")) > looks + 50)
    assert worker.process.poll() is None
    (worker.folder / "let go").touch()
    worker.wait_for(lambda: (worker.folder / "ended-one").exists() and (worker.folder / "ended-two").exists())


def test_heartbeats_leave_nothing_behind_in_the_broker(start: Callable[..., Worker], broker: embedded.Broker) -> None:
    import redis

    worker = start()
    worker.wait_for(worker.has_been_reached)
    (worker.folder / "deaf").touch()  # so that one is left
    with redis.Redis(unix_socket_path=str(broker.place.socket)) as client:

        def queue() -> bytes:
            return next((key for key in client.scan_iter() if b"heartbeat" in key), b"")

        worker.wait_for(queue)
        worker.process.kill()
        assert 0 < client.pttl(queue()) <= 600_000
        assert [key for key in client.scan_iter() if b"binding" in key and b"heartbeat" in client.dump(key)] == []


def test_a_broker_is_reached_or_not(broker: embedded.Broker, tmp_path: Path) -> None:
    assert liveness.reached(broker.place.url)
    broker.stop()
    assert not liveness.reached(broker.place.url)
    assert not liveness.reached("redis://127.0.0.1:1/0")


# ---- signs in the database -------------------------------------------------------------------------------------------


def test_processes_are_known_by_their_last_sign(database: Database) -> None:
    now = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    with database.write() as session:
        for seconds, name in ((0, "scan@a:1"), (5, "clock@a:2"), (9, "scan@a:1")):
            kind = name.partition("@")[0]
            processes.note_beat(session, name, kind=kind, host="a", now=now + timedelta(seconds=seconds))
    with database.write() as session:
        known = processes.list_all(session)
        assert [(each.name, (each.beat_at - each.started_at).seconds) for each in known] == [
            ("scan@a:1", 9),
            ("clock@a:2", 0),
        ]
        processes.forget_silent(session, before=now + timedelta(seconds=6))
        processes.forget(session, "clock@a:2")
        assert [each.name for each in processes.list_all(session)] == ["scan@a:1"]


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_a_health_check_knows_who_of_this_machine_is_at_work(
    world: World, mirror_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(
        "MIRRORPOINT_CONFIG", str(world_tests.configure(tmp_path, database=mirror_url, sandbox=world.url))
    )
    database, now = Database(mirror_url), datetime.now(UTC)
    late = now - timedelta(seconds=liveness.SILENT_SECONDS + 1)
    here = liveness.socket.gethostname()
    with database.write() as session:
        processes.note_beat(session, "clock@here", kind="clock", host=here, now=now)
        processes.note_beat(session, "scan@here", kind="scan", host=here, now=late)
        processes.note_beat(session, "deliver@there", kind="scan+deliver", host="elsewhere", now=now)
    assert liveness.main(["clock"]) == 0
    assert liveness.main(["clock", "scan", "deliver"]) == 1
    assert "no sign of scan, deliver" in capsys.readouterr().out
    with database.write() as session:
        processes.note_beat(session, "both@here", kind="scan+deliver", host=here, now=now)
    assert liveness.main(["clock", "scan", "deliver"]) == 0
    database.dispose()
    monkeypatch.setenv("MIRRORPOINT_CONFIG", str(tmp_path / "none.toml"))
    assert liveness.main(["clock"]) == 1
