"""Strangers write into the mirror between any two statements of scans, while the source lives: the log tells it alone.

On PostgreSQL they come in between the statements of one transaction too. Two workers scan side by side in half of the
runs. `EXAMPLES` says how many seeds there are, `SEED` which is the first: the soak takes others each time.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from psycopg.errors import UniqueViolation

from storage.errors import DatabaseTrouble
from tasks.scan.slice import scan_slice
from tasks.scan.slice_end import Outcome
from tasks.services import Services
from tests import mirrored_world
from tests.integration import shop as shops
from tests.integration.lively_source import CATALOGUE, NAMES, LivelySource
from tests.integration.meddler import Meddler
from tests.integration.scripted_server import Reply, Request
from tests.integration.shop import Shop, mirrored, problems

FIRST = int(os.environ.get("SEED", "1"))
SEEDS = range(FIRST, FIRST + int(os.environ.get("EXAMPLES", "1")))
ROUNDS = 2
#: Who meets somebody else's transaction tries again so often. One who adds the very row that a scan adds on PostgreSQL,
#: ends it: the next one is right.
TRIES = 20


class Run:
    """One source and its mirror, and chance."""

    def __init__(self, shop: Shop, url: str, seed: int) -> None:
        self.rng = rng = random.Random(seed)
        self.source = LivelySource(rng)
        self.source.fill(rng.choice((2, 9)))
        tables = rng.choice((("things",), ("parts",), ("things", "parts"), NAMES))
        self.stranger = Meddler(url, tables, rng)
        self.lock = threading.RLock()  #: chance, source and stranger are one thread's at a time
        self.live_odds = self.meddle_odds = 0.0
        self.scans: list[str] = []
        shop.server.on("GET", "*", self.answer)
        shop.server.on("GET", "/things", self.answer)

    def answer(self, request: Request) -> Reply:
        with self.lock:
            while self.rng.random() < self.live_odds:
                self.source.live()
            return self.source.answer(request)

    def note(self, _text: str, _parameters: Any) -> None:
        """A statement of a scan is about to run."""
        with self.lock:
            if self.rng.random() < self.meddle_odds:
                self.stranger.meddle()

    def scan(self, services: Services, names: Sequence[str]) -> None:
        for name in names:
            end, tries = Outcome.AGAIN, 0
            while end is Outcome.AGAIN:
                with self.lock:
                    seconds = self.rng.choice((0, 0.02, 20, 20))
                try:
                    end = scan_slice(services, "shop", name, seconds=seconds).outcome
                except (DatabaseTrouble, UniqueViolation):  # as who scans tries again
                    tries += 1
                    if tries > TRIES or not self.meddle_odds:
                        raise
            self.scans.append(f"{name}: {end}")

    def quiet(self) -> None:
        self.live_odds = self.meddle_odds = 0.0
        self.stranger.leave()


@contextmanager
def meanwhile(work: Callable[[], None]) -> Iterator[None]:
    """Something is done in another thread; what breaks there breaks the test."""
    broken: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  # raised below
            broken.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    if broken:
        raise broken[0]


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_log_tells_what_the_source_did_and_nothing_of_strangers(
    shop: Shop, database_url: str, tmp_path: Path, seed: int, workers: int
) -> None:
    run = Run(shop, database_url, seed)
    rng = run.rng
    file = shops.configure(
        tmp_path, database=database_url, url=shop.server.url, page_size=rng.choice((3, 50)), catalogue=CATALOGUE
    )
    with closing(mirrored_world.services(file)) as services, closing(mirrored_world.services(file)) as others:
        for each in (services, others):
            each.database.watchers.append(run.note)
        run.meddle_odds = rng.choice((0, 0.02))
        run.scan(services, NAMES)
        run.quiet()
        run.scan(services, NAMES)
        for _ in range(ROUNDS):
            run.live_odds, run.meddle_odds = rng.choice((0.05, 0.3)), rng.choice((0.005, 0.03, 0.1))
            mine, theirs = rng.choices(NAMES, k=3), rng.sample(NAMES, 3)
            if workers == 2:
                with meanwhile(lambda names=theirs: run.scan(others, names)):  # type: ignore[misc]
                    run.scan(services, mine)
            else:
                run.scan(services, mine)
            run.quiet()
            for _ in range(2):
                run.scan(services, NAMES)
            wrong = run.source.told_wrong(mirrored_world.log(services))
            told = "\n".join([*wrong, *run.stranger.done, *run.scans])
            assert wrong == [], told
            for name in NAMES:
                assert mirrored(services, name) == run.source.records(name), told
            run.source.taken.clear()
        assert problems(services) == []
