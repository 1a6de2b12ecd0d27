"""What makes a Celery worker safe to kill, to stop and to have beside others; with a real broker where it shows."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tasks import wakeups
from tests import waiting
from worker import celery_app, embedded

#: A worker whose scans hold their thread until the file `let go` is there.
WORKER = """
import os, pathlib, sys, time
from tasks import celery_tasks
from worker import celery_app, consumer

url, folder = sys.argv[1], pathlib.Path(sys.argv[2])
celery_app.SOFT_SHUTDOWN_SECONDS = 1.5
celery_app.POLL_SECONDS = 60

def register(app):
    @app.task(name="scan_resource")
    def scan(source, resource):
        (folder / f"{resource} by {os.getpid()}").touch()
        while not (folder / "let go").exists():
            time.sleep(0.02)

celery_tasks.register = register
sys.exit(consumer.work(celery_app.make(url), queues=["scan"], threads=2, on_stop=lambda: None))
"""

#: A process that has used its services, and a child that it has forked, which must not use the same connections.
FORKED = """
import os, sys
from tasks import services
from storage.engine import Database

made = []
class Made:
    def __init__(self):
        self.database = Database(sys.argv[1])
        made.append(os.getpid())

services.install(Made)
ours = services.current()
assert services.current() is ours
with ours.database.read() as session:
    opened = session.driver
child = os.fork()
if child == 0:
    theirs = services.current()
    with theirs.database.read() as session:
        is_own = theirs is not ours and session.driver is not opened and made[-1] == os.getpid()
    with ours.database.read() as session:
        is_own = is_own and session.driver is not opened
    os._exit(0 if is_own else 3)
_, status = os.waitpid(child, 0)
with ours.database.read() as session:
    pass
sys.exit(os.waitstatus_to_exitcode(status))
"""


class Workers:
    """Those that a test has started; `begun` are the scans that run, by the process that has them."""

    def __init__(self, broker: embedded.Broker, folder: Path) -> None:
        self._broker, self.folder = broker, folder
        self._send = wakeups.Waker(celery_app.make(broker.place.url))
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", WORKER, self._broker.place.url, str(self.folder)]
        self.started.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
        return self.started[-1]

    def send(self, *names: str) -> None:
        for name in names:
            self._send("scan", source="s", resource=name)

    def begun(self) -> dict[str, int]:
        found = (file.name.split(" by ") for file in self.folder.glob("* by *"))
        return {name: int(pid) for name, pid in found}

    def queued(self) -> int:
        with redis.Redis(unix_socket_path=str(self._broker.place.socket)) as client:
            return int(client.llen(f"{celery_app.KEY_PREFIX}scan"))

    def unacknowledged(self) -> int:
        """Scans alone: a heartbeat may be among them."""
        with redis.Redis(unix_socket_path=str(self._broker.place.socket)) as client:
            return sum(b"scan_resource" in message for message in client.hvals(f"{celery_app.KEY_PREFIX}unacked"))


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    where = embedded.place(tmp_path / "state")
    with embedded.Broker(where) as broker:
        opened = Workers(broker, tmp_path)
        yield opened
        for process in opened.started:
            if process.poll() is None:
                process.kill()
            process.wait()


def test_a_worker_takes_no_more_than_it_works_on_and_leaves_the_rest_to_others(workers: Workers) -> None:
    first = workers.start()
    workers.send("one", "two", "three", "four", "five")
    waiting.until(lambda: len(workers.begun()) == 2, seconds=60)
    assert workers.queued() == 3
    second = workers.start()
    waiting.until(lambda: len(workers.begun()) == 4, seconds=60)
    assert sorted(workers.begun().values()) == sorted([first.pid] * 2 + [second.pid] * 2)
    assert workers.queued() == 1


def test_a_wake_up_is_acknowledged_when_its_task_has_ended_and_not_before(workers: Workers) -> None:
    workers.start()
    workers.send("one")
    waiting.until(workers.begun, seconds=60)
    assert workers.unacknowledged() == 1
    (workers.folder / "let go").touch()
    waiting.until(lambda: workers.unacknowledged() == 0)


def test_a_task_that_does_not_end_has_a_while_when_its_worker_is_to_stop_and_comes_again(workers: Workers) -> None:
    worker = workers.start()
    workers.send("one")
    waiting.until(workers.begun, seconds=60)
    begun = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 1
    assert time.monotonic() - begun >= 1.4
    assert workers.unacknowledged() + workers.queued() == 1


@pytest.mark.parametrize("busy", [0, 1])
def test_a_worker_that_asks_the_broker_for_long_ends_as_soon_as_it_is_told_to(workers: Workers, busy: int) -> None:
    worker = workers.start()
    workers.send("one", "two")
    waiting.until(lambda: len(workers.begun()) == 2, seconds=60)
    (workers.folder / "let go").touch()
    waiting.until(lambda: workers.unacknowledged() == 0)
    if busy:
        (workers.folder / "let go").unlink()
        workers.send("three")
        waiting.until(lambda: "three" in workers.begun())
        (workers.folder / "let go").touch()
    begun = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0
    assert time.monotonic() - begun < 20


def test_a_second_interrupt_ends_a_worker_at_once(workers: Workers) -> None:
    worker = workers.start()
    workers.send("one")
    waiting.until(workers.begun, seconds=60)
    begun = time.monotonic()
    worker.send_signal(signal.SIGINT)
    ended = waiting.until(lambda: worker.poll() is not None or _again(worker), seconds=30)
    assert ended
    assert worker.returncode == 130
    assert time.monotonic() - begun < 1.4


def _again(worker: subprocess.Popen[bytes]) -> bool:
    worker.send_signal(signal.SIGINT)
    return False


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
def test_after_a_fork_services_and_connections_are_made_anew(database_url: str) -> None:
    command = [sys.executable, "-W", "error", "-c", FORKED, database_url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_place_that_knows_of_the_visibility_timeout_has_the_same() -> None:
    app = celery_app.make("redis://nowhere")
    with app.connection_for_read() as reading, app.connection_for_write() as writing:
        options = [reading.transport_options, writing.transport_options, app.conf.broker_transport_options]
        options += [app.conf.result_backend_transport_options]
        assert {each["visibility_timeout"] for each in options} == {celery_app.VISIBILITY_TIMEOUT_SECONDS}
    assert app.conf.visibility_timeout == celery_app.VISIBILITY_TIMEOUT_SECONDS


def test_wake_ups_of_the_dead_are_looked_for_every_ten_seconds_by_the_transport_itself() -> None:
    with celery_app.make("redis+socket:///nowhere.sock").connection_for_read() as connection:
        transport = connection.transport.Channel
        options = connection.transport_options
    names = ("unacked_restore_interval", "unacked_restore_throttle")
    assert [name for name in names if not hasattr(transport, name)] == [], "kombu calls them by other names"
    assert [celery_app.RESTORE_SECONDS, 1] == [options[name] for name in names]


def test_the_broker_is_asked_anew_every_few_seconds_and_one_list_is_one_queue() -> None:
    with celery_app.make("redis+socket:///nowhere.sock").connection_for_read() as connection:
        assert connection.transport.brpop_timeout == celery_app.POLL_SECONDS
        assert connection.transport_options["priority_steps"] == connection.transport.Channel.priority_steps[:1]


def test_no_task_may_take_longer_than_a_third_of_the_visibility_timeout() -> None:
    from tasks.delivery import deliver
    from tasks.scan import slice as scan_slices

    for seconds in (scan_slices.SLICE_SECONDS, deliver.SLICE_SECONDS):
        assert 3 * seconds < celery_app.VISIBILITY_TIMEOUT_SECONDS


def test_what_only_other_pools_would_need_is_set_as_well() -> None:
    conf = celery_app.make("redis://nowhere").conf
    assert conf.task_acks_late
    assert conf.task_reject_on_worker_lost
    assert conf.worker_soft_shutdown_timeout == celery_app.SOFT_SHUTDOWN_SECONDS
