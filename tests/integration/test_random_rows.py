"""Records are drawn from the mirror at random: living ones alone, each as likely as any other."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime

import pytest

from changes import fingerprint
from changes.records import Change, Id, Kind
from changes.resources import Resource
from storage import mirror, prepare, random_rows
from storage.engine import Database
from storage.mirror import MirrorRow

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SMALL, LARGE, EMPTY = (Resource(name, name, f"/{name}") for name in ("small", "large", "empty"))
NAMED = [("s", SMALL), ("s", EMPTY), ("s", LARGE), ("t", SMALL)]


@pytest.fixture
def filled(database: Database) -> Database:
    """Three, none, forty of which every fourth is deleted, and two of another source in the same table."""
    prepare.prepare(database, {"s": [SMALL, LARGE, EMPTY], "t": [SMALL]})
    with database.write() as session:
        for source, resource, number in (("s", SMALL, 3), ("s", LARGE, 40), ("t", SMALL, 2)):
            ids = [Id(f"p{key % 3}", f"{key:03}") for key in range(number)]
            rows = [MirrorRow(id_, b"{}", fingerprint.ERASED, 1, (), NOW, NOW) for id_ in ids]
            mirror.add(session, resource, source, rows)
            gone = [
                Change(source, resource.name, id_, 2, Kind.DELETED, ("",), {}, None, None, NOW, "scan")
                for id_ in ids[::4]
                if resource is LARGE
            ]
            mirror.mark_deleted(session, resource, source, gone)
    return database


def draw(database: Database, number: int, seed: int) -> list[tuple[str, str, Id]]:
    with database.read() as session:
        found = random_rows.draw(session, NAMED, number, rng=random.Random(seed))
    assert found.population == 35
    return [(each.source, each.resource.name, each.id) for each in found.records]


@pytest.mark.parametrize("number", [1, 2, 17, 34, 35, 36, 1000])
def test_so_many_are_drawn_as_are_wanted_or_there_and_none_twice(filled: Database, number: int) -> None:
    for seed in range(5):
        found = draw(filled, number, seed)
        assert len(found) == len(set(found)) == min(number, 35)
        assert found == sorted(
            found, key=lambda each: ([("s", "small"), ("s", "large"), ("t", "small")].index(each[:2]), each[2])
        )
        assert not [each for each in found if each[1] == "large" and int(each[2].key) % 4 == 0]


def test_the_same_seed_draws_the_same(filled: Database) -> None:
    assert draw(filled, 10, 7) == draw(filled, 10, 7)
    assert draw(filled, 10, 7) != draw(filled, 10, 8)


def test_each_is_as_likely_as_any_other(filled: Database) -> None:
    rounds, each_time = 700, 5
    counted = Counter(each for seed in range(rounds) for each in draw(filled, each_time, seed))
    expected = rounds * each_time / 35
    assert len(counted) == 35
    squares = sum((number - expected) ** 2 / expected for number in counted.values())
    assert squares < 65, "chi-square with 34 degrees of freedom: more than 65 comes once in a thousand times"


def test_an_empty_mirror_has_nothing_to_draw(database: Database) -> None:
    prepare.prepare(database, {"s": [SMALL]})
    with database.read() as session:
        assert random_rows.draw(session, [("s", SMALL)], 5, rng=random.Random(1)) == ([], 0)
        assert random_rows.draw(session, [], 5, rng=random.Random(1)) == ([], 0)
