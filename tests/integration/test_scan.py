"""A scan brings the mirror to what the source has, and tells each difference once."""

from __future__ import annotations

from tasks.scan.slice_end import Outcome
from tasks.services import Services
from tests import mirrored_world as world_tests
from tests.mirrored_world import World, kinds, last_seq, log, scan_all


def test_every_resource_is_mirrored_exactly_and_a_second_scan_finds_nothing(services: Services, world: World) -> None:
    ends = scan_all(services)

    assert {Outcome.ENDED} == {end.outcome for end in ends.values()}
    world_tests.assert_equal(services, world)
    world_tests.assert_equal(services, world, source="platform")
    assert {"snapshot"} == set(kinds(log(services)))
    before = last_seq(services)

    scan_all(services)

    assert before == last_seq(services)


def test_hundreds_of_random_changes_are_told_each_once_and_nothing_else(services: Services, world: World) -> None:
    scan_all(services)
    before, seq = world_tests.truth_of(services, world), last_seq(services)
    world.tell("random", {"count": 300, "seed": 1})
    after = world_tests.truth_of(services, world)

    scan_all(services)
    scan_all(services)  # without a path of its own a record is gone when two scans did not have it

    told = world_tests.told_changes(log(services, after=seq))
    assert world_tests.expected_changes(before, after, ever=before) == set(told)
    assert len(told) == len(set(told)) > 200
    world_tests.assert_equal(services, world)
