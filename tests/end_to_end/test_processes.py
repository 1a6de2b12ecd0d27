"""`run`, `worker` and `clock` as real processes: stopped, killed, doubled; nothing is lost, nothing left behind."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psycopg
import pytest

from tests import postgres, waiting
from worker import embedded

CONFIG = """
[storage]
url = "{storage}"
[broker]
url = "{broker}"
[sources.backoffice]
catalogue = "backoffice"
base_url = "{api}"
auth = {{ method = "bearer", token = "env:BACKOFFICE_TOKEN" }}
limits = {{ requests_per_second = 200 }}
schedule = {{ "*" = "off", products = "{schedule}", product_currencies = "{schedule}" }}
"""


#: Takes a permit, and the lease of the scan where it is free; says the permit's number and waits to be killed.
HOLDER = """
import sys, time
from datetime import UTC, datetime
from storage import leases
from storage.engine import Database
from tasks import process_names
from tasks.shared_limits import DatabaseLimitStore

database, now = Database(sys.argv[1]), lambda: datetime.now(UTC)
limits = DatabaseLimitStore(database, now=now)
number = limits.acquire_permit("backoffice", "slice", limit=2, lease_seconds=600, waits=True)
with database.write() as session:
    leases.acquire(session, "scan:backoffice/products", holder=process_names.own(), now=now(), seconds=600)
print(number, flush=True)
time.sleep(600)
"""


class Api(NamedTuple):
    """A sandbox, signed in to once: it lets nobody sign in more than five times a minute."""

    url: str
    token: str


class Home:
    """A folder with a configuration, and the processes that were started in it."""

    def __init__(self, folder: Path, api: Api) -> None:
        self.folder = folder
        self.api = api
        self.database = folder / "mirror.db"
        self.has_page = False  #: whether `run` serves it; to start it takes a second
        self._started: list[subprocess.Popen[bytes]] = []
        self.configure()
        (folder / "mirrorpoint.key").write_text("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n")

    def configure(self, *, storage: str = "", broker: str = "embedded", schedule: str = "1s") -> None:
        storage = storage or f"sqlite:///{self.database}"
        text = CONFIG.format(storage=storage, broker=broker, api=self.api.url, schedule=schedule)
        (self.folder / "mirrorpoint.toml").write_text(text)

    @property
    def place(self) -> embedded.Place:
        return embedded.place(self.database.parent / ".mirrorpoint" / self.database.name)

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "worker", *words], stdout=log, stderr=log, cwd=self.folder, env=self.environ()
            )
        self._started.append(process)
        return process

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "worker", *words]
        return subprocess.run(
            command, capture_output=True, text=True, cwd=self.folder, env=self.environ(), timeout=60, check=False
        )

    def log(self) -> list[dict[str, Any]]:
        file = self.folder / "log"
        lines = file.read_text().splitlines() if file.exists() else []
        return [json.loads(line) for line in lines if line.startswith("{")]

    def said(self, event: str, **members: object) -> list[dict[str, Any]]:
        return [line for line in self.log() if line["event"] == event and members.items() <= line.items()]

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        if not self.database.exists():
            return []
        with closing(sqlite3.connect(self.database, timeout=30)) as connection:
            try:
                return connection.execute(sql).fetchall()
            except sqlite3.OperationalError as error:
                if "no such table" in str(error):
                    return []
                raise

    def complete_scans(self, resource: str = "products") -> int:
        chosen = f"SELECT id FROM mirrorpoint_scan WHERE resource = '{resource}' AND state = 'complete'"
        return len(self.query(chosen))

    def end_all(self) -> None:
        for process in self._started:
            if process.poll() is None:
                process.terminate()
        for process in self._started:
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def adopt(self, process: subprocess.Popen[bytes]) -> None:
        """It is ended with the others."""
        self._started.append(process)

    def environ(self) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith("MIRRORPOINT_")}
        root = str(Path(__file__).parents[2])
        # A free port: another test may have the usual one.
        ours["MIRRORPOINT_SERVE__LISTEN"] = "127.0.0.1:0" if self.has_page else "off"
        return ours | {"BACKOFFICE_TOKEN": self.api.token, "PYTHONPATH": root, "PYTHONUNBUFFERED": "1"}


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    command = [sys.executable, "-m", "sandbox", "api", "--die-with-parent"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        answer = httpx.post(f"{url}/api/v2/signin", json={"email": "mirror@example.com", "password": "sandbox"})
        yield Api(url, answer.json()["accessToken"]["token"])
        process.terminate()


@pytest.fixture
def home(tmp_path: Path, api: Api) -> Iterator[Home]:
    made = Home(tmp_path, api)
    yield made
    made.end_all()


def tail(home: Home) -> Callable[[], str]:
    return lambda: "\n".join((home.folder / "log").read_text().splitlines()[-15:])


def run_and_scan(home: Home, scans: int = 1) -> subprocess.Popen[bytes]:
    """`run`, when it has done so many scans."""
    process = home.start("run")
    waiting.until(lambda: home.complete_scans() >= scans, seconds=60, what=tail(home))
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_run_does_everything_and_ends_when_it_is_asked_to_and_leaves_nothing(
    home: Home, number: signal.Signals
) -> None:
    home.has_page = True
    process = run_and_scan(home)
    waiting.until(lambda: home.complete_scans("product_currencies") >= 1, seconds=60, what=tail(home))
    children = waiting.descendants(process.pid)
    assert len(children) == 5, children  # broker, clock, two workers, page
    process.send_signal(number)
    assert process.wait(40) == (130 if number == signal.SIGINT else 0)
    assert [pid for pid in children if waiting.is_alive(pid)] == []
    assert not home.place.socket.exists()
    assert home.query("SELECT name FROM mirrorpoint_lease WHERE name LIKE 'scan:%' AND expires_at IS NOT NULL") == []


def test_the_first_scans_of_a_resource_and_of_its_children_follow_each_other_at_once(home: Home) -> None:
    home.configure(schedule="1h")
    run_and_scan(home)
    waiting.until(lambda: home.complete_scans("product_currencies") >= 1, seconds=30, what=tail(home))


def test_a_run_that_is_killed_leaves_no_broker_and_no_worker(home: Home) -> None:
    home.has_page = True
    process = run_and_scan(home)
    children = waiting.descendants(process.pid)
    process.kill()
    process.wait()
    waiting.until(lambda: not [pid for pid in children if waiting.is_alive(pid)], seconds=40, what=str(children))
    scans = home.complete_scans()
    again = home.start("run")
    waiting.until(lambda: home.complete_scans() > scans, seconds=90, what=tail(home))
    again.terminate()
    assert again.wait(40) == 0


@pytest.mark.parametrize("child", ["scan", "clock"])
def test_a_child_that_is_killed_is_started_again(home: Home, child: str) -> None:
    run_and_scan(home)
    os.kill(home.said("child_started", child=child)[0]["pid"], signal.SIGKILL)
    waiting.until(lambda: len(home.said("child_started", child=child)) == 2, what=tail(home))
    assert home.said("child_ended", child=child)[0]["exit_code"] == -signal.SIGKILL
    scans = home.complete_scans()
    waiting.until(lambda: home.complete_scans() > scans + 1, seconds=90, what=tail(home))


def test_a_broker_that_is_killed_is_started_again_and_scans_go_on(home: Home) -> None:
    process = run_and_scan(home)
    (broker,) = [pid for pid, words in waiting.descendants(process.pid).items() if "unixsocket" in words]
    os.kill(broker, signal.SIGKILL)
    waiting.until(lambda: home.said("broker_ended"), what=tail(home))
    waiting.until(lambda: embedded.answers(home.place), what=tail(home))
    scans = home.complete_scans()
    waiting.until(lambda: home.complete_scans() > scans + 1, seconds=60, what=tail(home))


def test_a_broker_whose_socket_was_removed_is_reached_again(home: Home) -> None:
    """As a cleaner of temporary files does it."""
    run_and_scan(home)
    home.place.socket.unlink()
    waiting.until(lambda: home.said("broker_cut_off"), what=tail(home))
    waiting.until(lambda: embedded.answers(home.place), what=tail(home))
    scans = home.complete_scans()
    waiting.until(lambda: home.complete_scans() > scans + 1, seconds=60, what=tail(home))


def test_files_in_the_current_folder_are_never_taken_for_modules(home: Home) -> None:
    home.has_page = True
    for name in ("tasks.py", "storage.py", "redis.py", "secrets.py", "worker/__init__.py"):
        file = home.folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"raise SystemExit('{name} was run')\n")
    with (home.folder / "log").open("ab") as log:
        program = Path(sys.executable).with_name("mirrorpoint")
        environ = {name: value for name, value in home.environ().items() if name != "PYTHONPATH"}
        process = subprocess.Popen([program, "run"], stdout=log, stderr=log, cwd=home.folder, env=environ)
    home.adopt(process)
    waiting.until(lambda: home.complete_scans() >= 1, seconds=90, what=tail(home))
    assert "was run" not in (home.folder / "log").read_text()
    (up,) = home.said("up")
    assert (up["children"], up["lists"]) == (["clock", "scan", "deliver", "serve"], 2)


def test_what_two_killed_processes_held_keeps_no_run_waiting(home: Home) -> None:
    """All permits of the source, for ten minutes."""
    file = home.folder / "mirrorpoint.toml"
    file.write_text(file.read_text().replace("requests_per_second = 200", "requests_per_second = 200, concurrency = 2"))
    assert home.call("sync", "products").returncode == 0
    for number in range(2):
        with subprocess.Popen(
            [sys.executable, "-c", HOLDER, f"sqlite:///{home.database}"],
            stdout=subprocess.PIPE,
            env=home.environ(),
            cwd=home.folder,
        ) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"%d\n" % number
            holder.kill()
    scans = home.complete_scans()
    home.start("run")
    waiting.until(lambda: home.complete_scans() > scans, seconds=60, what=tail(home))
    assert home.said("dead_processes_freed", processes=2)


def test_a_second_run_says_that_there_is_one(home: Home) -> None:
    first = run_and_scan(home)
    second = home.call("run")
    assert second.returncode == 2
    assert f"already running here (process {first.pid})" in second.stderr
    assert "Traceback" not in second.stderr
    assert first.poll() is None
    assert embedded.answers(home.place)


@pytest.mark.parametrize("words", [["worker"], ["worker", "--queues", "scan"], ["clock"]])
def test_worker_and_clock_need_a_broker_that_runs(home: Home, words: list[str]) -> None:
    told = home.call(*words)
    assert told.returncode == 2
    assert "mirrorpoint run" in told.stderr
    assert "redis://" in told.stderr
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["worker", "--queues", "scna"], 'did you mean "scan"?'),
        (["worker", "--queues", ","], "scan,deliver"),
        (["worker", "--threads", "3"], "--queues"),
    ],
)
def test_a_wrong_option_is_told_in_a_line(home: Home, words: list[str], expected: str) -> None:
    told = home.call(*words)
    assert told.returncode == 2
    assert expected in told.stderr
    assert "Traceback" not in told.stderr


def test_a_second_clock_and_more_workers_beside_run_do_no_harm(home: Home) -> None:
    run_and_scan(home)
    home.start("clock")
    home.start("worker", "--queues", "scan")
    waiting.until(lambda: len(home.said("ready", process="clock")) == 2, what=tail(home))
    waiting.until(lambda: len(home.said("ready", process="scan")) == 2, what=tail(home))
    scans = home.complete_scans()
    waiting.until(lambda: home.complete_scans() > scans + 4, seconds=60, what=tail(home))
    slots = "SELECT slot_at FROM mirrorpoint_slot WHERE resource = 'products'"
    assert home.query(f"{slots} GROUP BY slot_at HAVING count(*) > 1") == []
    ended = "FROM mirrorpoint_scan WHERE resource = 'products' AND ended_at IS NOT NULL ORDER BY started_at"
    times = home.query(f"SELECT started_at, ended_at {ended}")
    assert [one for one, following in itertools.pairwise(times) if following[0] < one[1]] == []
    assert home.query("SELECT key FROM products GROUP BY key HAVING max(version) > 1") == []


def test_wake_ups_that_are_lost_with_the_broker_are_made_good(home: Home) -> None:
    """Clock and worker on a server of their own; it loses all that it had while no worker was there."""
    home.configure(broker=home.place.url, schedule="1h")
    with embedded.Broker(home.place) as broker:
        home.start("clock")
        waiting.until(lambda: home.query("SELECT 1 FROM mirrorpoint_slot"), seconds=60, what=tail(home))
        broker.stop()
        shutil.rmtree(home.place.folder / "broker")
        broker.start()
        home.start("worker", "--queues", "scan")
        waiting.until(lambda: home.complete_scans() == 1, seconds=60, what=tail(home))
        home.end_all()


def test_the_processes_of_the_compose_file_work_together_on_postgresql(
    home: Home, postgres_server: postgres.Server
) -> None:
    url = postgres_server.create()
    with embedded.Broker(home.place), psycopg.connect(url, autocommit=True) as connection:
        home.configure(broker=home.place.url, storage=url.replace("postgresql://", "postgresql+psycopg://"))
        processes = [home.start("clock"), home.start("worker"), home.start("worker")]

        def scanned() -> set[str]:
            if connection.execute("SELECT to_regclass('mirrorpoint_scan')").fetchone() == (None,):
                return set()
            found = connection.execute("SELECT resource FROM mirrorpoint_scan WHERE state = 'complete'")
            return {row[0] for row in found}

        waiting.until(lambda: scanned() == {"products", "product_currencies"}, seconds=90, what=tail(home))
        answer = home.call("status", "--json")
        assert answer.returncode == 0, answer.stderr
        resources = {row["resource"]: row for row in json.loads(answer.stdout)["resources"]}
        assert resources["products"]["rows"]
        assert resources["product_currencies"]["last_complete_at"]
        for process in processes:
            process.terminate()
        assert [process.wait(40) for process in processes] == [0, 0, 0]
    postgres_server.drop(url)
