"""What every store of limits promises, whether it is in memory or what all processes share in a database."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage.engine import Database
from tasks.shared_limits import DatabaseLimitStore
from tests.integration.conftest import Templates
from upstream.limit_store import LimitStore, LocalLimitStore


@dataclass
class Stores:
    """One and the same store, as two who use it see it."""

    one: LimitStore
    two: LimitStore
    time: list[float]

    def sleep(self, seconds: float) -> None:
        self.time[0] += seconds


@pytest.fixture(params=["in memory", "sqlite", "postgresql"])
def stores(request: pytest.FixtureRequest, templates: Templates, tmp_path: Path) -> Iterator[Stores]:
    time = [1_800_000_000.0]
    if request.param == "in memory":
        local = LocalLimitStore(clock=lambda: time[0])
        yield Stores(local, local, time)
        return
    with templates.copy(request.param, into=tmp_path / "shared.db") as url:
        database = Database(url)
        one, two = (DatabaseLimitStore(database, now=lambda: datetime.fromtimestamp(time[0], UTC)) for _ in range(2))
        yield Stores(one, two, time)
        database.dispose()


def test_start_times_follow_each_other_whoever_reserves_them(stores: Stores) -> None:
    starts = [
        *stores.one.reserve("shop", n=3, spacing_seconds=10),
        *stores.two.reserve("shop", n=2, spacing_seconds=10),
        *stores.one.reserve("shop", n=1, spacing_seconds=10),
    ]
    assert starts[0] == stores.time[0]
    assert [later - earlier for earlier, later in itertools.pairwise(starts)] == pytest.approx([10] * 5, abs=1e-5)
    assert stores.one.reserve("another", n=1, spacing_seconds=10) == [stores.time[0]]
    stores.sleep(1000)
    assert stores.two.reserve("shop", n=1, spacing_seconds=10) == [stores.time[0]]


def test_a_pause_holds_for_all_and_is_never_shortened(stores: Stores) -> None:
    until = stores.time[0] + 100
    assert stores.two.paused_until("shop") == 0.0
    stores.one.pause("shop", until)
    stores.two.pause("shop", until - 50)
    assert stores.two.paused_until("shop") == pytest.approx(until, abs=1e-5)
    assert stores.two.reserve("shop", n=1, spacing_seconds=1)[0] == pytest.approx(until, abs=1e-5)


def test_no_more_permits_are_given_than_there_are(stores: Stores) -> None:
    numbers = [stores.one.acquire_permit("shop", name, limit=2, lease_seconds=60) for name in ("a", "b", "c")]
    assert numbers == [0, 1, None]
    stores.one.release_permit("shop", 0, "a")
    assert stores.two.acquire_permit("shop", "c", limit=2, lease_seconds=60) == 0
    assert stores.two.acquire_permit("another", "c", limit=2, lease_seconds=60) == 0


def test_a_permit_lasts_as_long_as_it_is_renewed_and_its_next_holder_keeps_it(stores: Stores) -> None:
    assert stores.one.acquire_permit("shop", "a", limit=1, lease_seconds=60) == 0
    stores.sleep(59)
    assert stores.one.renew_permit("shop", 0, "a", lease_seconds=60)
    stores.sleep(59)
    assert stores.two.acquire_permit("shop", "b", limit=1, lease_seconds=60) is None
    stores.sleep(2)
    assert stores.two.acquire_permit("shop", "b", limit=1, lease_seconds=60) == 0
    assert not stores.one.renew_permit("shop", 0, "a", lease_seconds=60)
    stores.one.release_permit("shop", 0, "a")
    assert stores.one.acquire_permit("shop", "a", limit=1, lease_seconds=60) is None


def test_who_waits_goes_before_those_who_only_ask_and_holds_nobody_up_once_he_has_gone(stores: Stores) -> None:
    one, two = stores.one, stores.two
    assert two.acquire_permit("shop", "scan", limit=1, lease_seconds=60) == 0
    assert one.acquire_permit("shop", "person", limit=1, lease_seconds=60, waits=True) is None
    assert two.is_waited_for("shop")
    assert not two.is_waited_for("another")
    two.release_permit("shop", 0, "scan")
    assert two.acquire_permit("shop", "scan", limit=1, lease_seconds=60) is None
    assert one.acquire_permit("shop", "person", limit=1, lease_seconds=60, waits=True) == 0
    assert not two.is_waited_for("shop")

    assert one.acquire_permit("shop", "another person", limit=1, lease_seconds=60, waits=True) is None
    one.release_permit("shop", 0, "person")
    stores.sleep(4)
    assert two.acquire_permit("shop", "scan", limit=1, lease_seconds=60) == 0
