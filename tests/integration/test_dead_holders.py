"""What a killed process held is free at once on its own machine, and only there; on both databases."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from storage import budgets, leases, outbox
from storage.engine import Database
from tasks import dead_holders, process_names
from tasks.services import Services
from tasks.shared_limits import DatabaseLimitStore
from tests import waiting

#: Takes a permit, the lease of a scan and a delivery, says its name and waits to be killed.
HOLDER = """
import sys, time
from datetime import UTC, datetime
from storage import leases, outbox
from storage.engine import Database
from tasks import process_names
from tasks.shared_limits import DatabaseLimitStore

database, now = Database(sys.argv[1]), lambda: datetime.now(UTC)
assert DatabaseLimitStore(database, now=now).acquire_permit("shop", "slice", limit=1, lease_seconds=600) == 0
name = process_names.own()
with database.write() as session:
    assert leases.acquire(session, "scan:shop/goods", holder=name, now=now(), seconds=600) == 1
    outbox.owe(session, [outbox.Owed(1, "A", "shop/goods/1")], now=now())
    options = dict(lease_seconds=600, limit=9, per_point={"A": 9}, at_once=9)
    assert len(outbox.lease_due(session, now=now(), holder=name, **options)) == 1
database.dispose()
print(name, flush=True)
time.sleep(600)
"""


@contextmanager
def holder(url: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with subprocess.Popen([sys.executable, "-c", HOLDER, url], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


@pytest.fixture
def ours(services: Services, database: Database) -> Services:
    return replace(services, database=database)


def free_now(database: Database) -> tuple[bool, bool, bool]:
    """Whether permit, lease and delivery can be had; they are given back at once."""
    now = datetime.now(UTC)
    limits = DatabaseLimitStore(database, now=lambda: now)
    number = limits.acquire_permit("shop", "next", limit=1, lease_seconds=600)
    if number is not None:
        limits.release_permit("shop", number, "next")
    with database.write() as session:
        fence = leases.acquire(session, "scan:shop/goods", holder="next", now=now, seconds=600)
        leased = outbox.lease_due(session, now=now, lease_seconds=600, limit=9, per_point={"A": 9}, at_once=9)
    return number is not None, fence is not None, bool(leased)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody can know who is dead")
def test_what_a_killed_process_held_is_free_at_once(ours: Services, database: Database, database_url: str) -> None:
    with holder(database_url) as (process, name):
        assert dead_holders.free(ours.database, now=ours.now()) == 0
        assert free_now(database) == (False, False, False)
        process.kill()
        process.wait()
        assert process_names.is_certainly_dead(name)
        assert dead_holders.free(ours.database, now=ours.now()) == 3
    with database.read() as session:  # it looks as if its time were over, so that the crash counts
        later = datetime.now(UTC) + timedelta(seconds=1)
        assert leases.left_behind(session, "scan:shop/goods", now=later, seconds=60) == 1
    assert free_now(database) == (True, True, True)
    assert dead_holders.free(ours.database, now=ours.now()) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody can know who is dead")
@pytest.mark.parametrize("position", [0, 3, 4])
def test_who_is_of_another_machine_boot_or_pid_namespace_counts_as_alive(position: int) -> None:
    with subprocess.Popen([sys.executable, "-c", "pass"]) as gone:
        gone.wait()
    parts = process_names.own().split(":")
    parts[1] = str(gone.pid)
    waiting.until(lambda: not waiting.is_alive(gone.pid))
    assert process_names.is_certainly_dead(":".join(parts))
    parts[position] = "9"
    assert not process_names.is_certainly_dead(":".join(parts))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody can know who is dead")
def test_another_process_of_the_same_number_is_not_taken_for_the_one_that_is_dead() -> None:
    own = process_names.own()
    host, pid, started, *space = own.split(":")
    assert not process_names.is_certainly_dead(own)
    assert not process_names.is_certainly_dead(f"{own}/a slice of it")
    assert process_names.is_certainly_dead(":".join([host, pid, str(int(started) - 1), *space]))


@pytest.mark.parametrize("name", ["", "host:12", "housekeeping", "a:b:c:d:e", "host:12:1:2:3/x"])
def test_a_name_that_says_too_little_counts_as_alive(name: str) -> None:
    assert not process_names.is_certainly_dead(name)


def test_a_budget_names_its_process(database: Database) -> None:
    now = datetime.now(UTC)
    DatabaseLimitStore(database, now=lambda: now).acquire_permit("shop", "slice", limit=1, lease_seconds=60)
    with database.write() as session:
        assert budgets.renew_permit(
            session, "shop", 0, holder=f"{process_names.own()}/slice", lease_seconds=60, now=now
        )
