"""A scan brings the mirror to what the source has, tells each difference once, and deletes only what is confirmed gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import serving
from sandbox.api import Api
from tasks.scan_resource import Outcome
from tasks.services import Services
from tests import mirrored_world as world_tests
from tests.mirrored_world import World, kinds, last_seq, log, scan, scan_all


@pytest.fixture
def world() -> Iterator[World]:
    with serving.start(Api()) as running:
        opened = World(running.url)
        yield opened
        opened.close()


@pytest.fixture
def services(world: World, empty_url: str, tmp_path: Path) -> Iterator[Services]:
    file = world_tests.configure(tmp_path, database=empty_url, sandbox=world.url, page_size=20)
    built = world_tests.services(file)
    yield built
    for source in built.sources.values():
        source.client.close()
    built.database.dispose()


def test_every_resource_is_mirrored_exactly_and_a_second_scan_finds_nothing(services: Services, world: World) -> None:
    ends = scan_all(services)

    assert {Outcome.ENDED} == {end.outcome for end in ends.values()}
    world_tests.assert_equal(services, world)
    world_tests.assert_equal(services, world, source="platform")
    assert {"snapshot"} == set(kinds(log(services)))
    before = last_seq(services)

    scan_all(services)

    assert before == last_seq(services)
