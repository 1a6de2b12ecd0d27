"""Random changes of the sandbox under a plan, in a time that we let pass: each is seen within its promise."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from changes.cadence.terms import Budget, Promise
from changes.notices import Notice
from changes.resources import Class
from storage import scans
from tasks.scan.head_state import HeadState
from tests import mirrored_world
from tests.integration.passing_time import PassingTime
from tests.mirrored_world import World
from upstream.heads import Way

SOURCE = "backoffice"
#: Rows, and a member to change. Set-up and traffic; documents refuse the sort that is assumed, transactions obey it.
LISTS = {
    "products": (25, "caption"),
    "tags": (40, "caption"),
    "clients": (150, "city"),
    "transactions": (160, "currencyCode"),
    "documents": (120, "file"),
}
TRAFFIC_SECONDS = 600.0
BUDGET = Budget(20, promise_seconds={Class.SET_UP: 60.0, Class.TRAFFIC: TRAFFIC_SECONDS})
CHANGES, APART = 220, timedelta(seconds=8)
#: No longer than the clock takes from one look to the next.
STEP_SECONDS = 2.0
PROMISES = {"create": Promise.CREATED, "update": Promise.UPDATED, "delete": Promise.DELETED}
HEADS = ("clients", "transactions")


@dataclass(frozen=True, slots=True)
class Happened:
    """A change of the source, each of another record."""

    at: datetime
    resource: str
    key: str
    kind: str  #: as the log tells it
    promised: timedelta


class Source:
    """Changes at random what the sandbox has."""

    def __init__(self, time: PassingTime, world: World) -> None:
        self._time, self._world, self._rng = time, world, random.Random(7)
        self._created_at = datetime.now(UTC)
        self._untouched = {name: [row["key"] for row in self._rows(name)] for name in LISTS}

    def change(self) -> Happened:
        op = self._rng.choice(["create", "create", "update", "update", "delete"])
        (name,) = self._rng.choices(list(LISTS), weights=[rows for rows, _ in LISTS.values()])
        key = self._rng.choice(self._untouched[name])
        document = {LISTS[name][1]: f"changed {self._rng.random()}"}
        if op == "create":
            # Stamps count seconds. All of this takes few, and rows with one stamp come in any order.
            self._created_at += timedelta(seconds=1)
            stamp = self._created_at.isoformat(timespec="seconds")
            key = self._world.change(_path(name), op, document={"createTime": stamp})[0]["key"]
        else:
            self._untouched[name].remove(key)
            self._world.change(_path(name), op, key=key, **({"document": document} if op == "update" else {}))
        promised = self._time.stored(name).planned.promises[PROMISES[op]]
        return Happened(self._time.moment, name, key, f"{op}d", timedelta(seconds=promised))

    def _rows(self, name: str) -> list[dict[str, str]]:
        found: list[dict[str, str]] = self._world.ask("rows", path=_path(name))["rows"]
        return [row for row in found if row["document"].get("status") != "new"]  # type: ignore[attr-defined]


def _path(name: str) -> str:
    return f"/api/v2/{name}"


@pytest.fixture
def dialect() -> str:
    return "sqlite"


@pytest.fixture
def time(world: World, mirror_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PassingTime]:
    world.tell("reset", {"counts": {_path(name): rows for name, (rows, _) in LISTS.items()}})
    file = mirrored_world.configure(tmp_path, database=mirror_url, sandbox=world.url, page_size=20)
    with closing(mirrored_world.services(file)) as built:
        passing = PassingTime(built, SOURCE, monkeypatch)
        passing.answer_seconds = 0.05
        passing.schedule(BUDGET, **dict.fromkeys(LISTS, "auto"))
        yield passing


def test_each_of_some_hundred_changes_is_seen_within_its_promise(time: PassingTime, world: World) -> None:
    time.pass_by(timedelta(minutes=2), step_seconds=STEP_SECONDS)
    time.moment += timedelta(hours=1)  # nothing runs, so a plan is due that knows which heads have worked
    time.pass_by(timedelta(minutes=2), step_seconds=STEP_SECONDS)
    told_before = len(time.notices())
    seq, source = mirrored_world.last_seq(time.services), Source(time, world)
    happened = []
    for _ in range(CHANGES):
        happened.append(source.change())
        time.pass_by(APART, step_seconds=STEP_SECONDS)
    time.pass_by(timedelta(seconds=TRAFFIC_SECONDS), step_seconds=STEP_SECONDS)

    told = mirrored_world.log(time.services, after=seq)
    assert Counter((one.resource, one.key, one.kind) for one in happened) == Counter(
        (one.resource, one.key, one.kind) for one in told
    ), "each is told once, and nothing else"
    seen = {(one.resource, one.key): one.observed_at for one in told}
    delays = [(seen[one.resource, one.key] - one.at, one) for one in happened]
    assert [] == [(delay, one) for delay, one in delays if delay > one.promised]
    for resource in (time.services.sources[SOURCE].catalogue.resources[name] for name in LISTS):
        assert world.truth(resource) == mirrored_world.mirrored(time.services, resource)

    by_heads = {one.promised for _, one in delays if one.kind == "created" and one.resource in HEADS}
    assert max(by_heads) < timedelta(seconds=TRAFFIC_SECONDS) / 2
    assert (Way.NEWEST, Way.NONE) == (way_of(time, "transactions"), way_of(time, "documents"))
    broken, since = Notice.PROMISE_BROKEN, time.notices()[told_before:]
    assert [] == [each.data for each in since if each.type == broken]
    told_of = Counter(each.type for each in time.notices())
    assert told_of[broken] == told_of[Notice.PROMISE_KEPT], "what the hour without scans broke is kept again"


def way_of(time: PassingTime, name: str) -> Way | None:
    with time.services.database.read() as session:
        return HeadState.from_json(scans.resource_state(session, SOURCE, name).head).way
