"""Processes that are killed at each of their commits, and at any moment: nothing is lost, nothing told twice."""

from __future__ import annotations

import os
import random
import signal
import time

from tests import mirrored_world
from tests.end_to_end import crashing, journal
from tests.end_to_end.crashing import Office, Where
from tests.mirrored_world import expected_changes, last_seq, log, told_changes

#: More commits than any step makes.
ENOUGH = 500
HEAD_KILLS = 30


def test_a_scan_that_is_killed_at_any_commit_goes_on_and_tells_each_difference_once(office: Office) -> None:
    office.scan()
    ever, die_at, has_died = office.truth(), 0, True
    while has_died:
        die_at += 1
        before, seq = office.truth(), last_seq(office.services)
        office.change(seed=die_at)
        after = office.truth()

        # Before one commit is behind the last one, as far as the database goes.
        has_died = crashing.has_died(
            office, crashing.scan_everything, at=die_at, where=(Where.BEFORE, Where.AFTER)[die_at % 2]
        )
        office.let_leases_run_out()
        office.scan()

        told = told_changes(log(office.services, after=seq))
        assert expected_changes(before, after, ever=ever) == set(told), die_at
        assert len(told) == len(set(told)), die_at
        mirrored_world.assert_equal(office.services, office.world)
        for name, rows in after.items():
            ever[name] |= rows
    assert die_at > 20
    crashing.check_log(office)
    office.deliver()
    crashing.check_received(office)


def test_head_scans_and_full_scans_that_are_killed_at_any_commit_tell_each_difference_once(office: Office) -> None:
    office.scan()
    ever, die_at, kills = office.truth(), 0, 0
    while kills < HEAD_KILLS:
        die_at += 1
        before, seq = office.truth(), last_seq(office.services)
        office.change(seed=7000 + kills)
        after = office.truth()
        where = (Where.BEFORE, Where.AFTER)[kills % 2]
        has_died = crashing.has_died(office, crashing.look_and_scan, at=die_at, where=where)
        kills, die_at = kills + has_died, die_at if has_died else 0
        office.let_leases_run_out()
        if kills % 3 == 0:
            crashing.look_and_scan(office.services)
        office.scan()

        told = told_changes(log(office.services, after=seq))
        assert expected_changes(before, after, ever=ever) == set(told), kills
        assert len(told) == len(set(told)), kills
        mirrored_world.assert_equal(office.services, office.world)
        for name, rows in after.items():
            ever[name] |= rows
    crashing.check_log(office)


def test_deliveries_whose_process_is_killed_at_any_commit_arrive_in_order_with_their_one_id(office: Office) -> None:
    office.scan()
    kills, versions = 0, 0
    for die_at in range(1, ENOUGH):
        lived = 0
        for where in (Where.BEFORE, Where.AFTER):
            for _ in range(3):
                versions += 1
                for key in ("1", "2", "3"):
                    office.world.change("/api/v2/tags", "update", key=key, document={"name": f"the {versions}th"})
                mirrored_world.scan(office.services, "tags")
            has_died = crashing.has_died(office, crashing.deliver_everything, at=die_at, where=where)
            office.let_leases_run_out()
            office.deliver()
            kills, lived = kills + has_died, lived + (not has_died)
        if lived == 2:
            break
    assert kills > 6
    assert len(office.received()) > 3 * versions, "no process was killed between sending and writing that down"
    crashing.check_log(office)
    crashing.check_received(office)


def test_clock_and_housekeeping_that_are_killed_at_any_commit_leave_one_chain_of_seals(office: Office) -> None:
    kills = 0
    for die_at in range(1, ENOUGH):
        lived = 0
        for where in (Where.BEFORE, Where.AFTER):
            office.change(seed=1000 * die_at + lived, count=3)
            office.scan()
            has_died = crashing.has_died(office, crashing.keep_house, at=die_at, where=where)
            kills, lived = kills + has_died, lived + (not has_died)
        if lived == 2:
            break
    crashing.keep_house(office.services)
    assert kills > 4
    crashing.check_seals(office)


def test_processes_that_are_killed_at_any_moment_lose_nothing_and_tell_nothing_twice(office: Office) -> None:
    rng = random.Random(1)
    office.scan()
    start, seq, place = office.truth(), last_seq(office.services), len(office.journal())
    known = {(change.resource, journal.Id(change.parent_key, change.key)) for change in log(office.services)}
    for number in range(50):
        office.change(seed=number, count=2)
        children = [crashing.begin(office, crashing.work_for_ever) for _ in range(2)]
        time.sleep(rng.uniform(0.05, 0.6))  # the moment is what is tried here
        office.change(seed=1000 + number, count=2)
        for child in children:
            os.kill(child.pid, signal.SIGKILL)
            child.join()
        office.let_leases_run_out()
    for _ in range(2):  # the first ends scans that may have passed by what has changed since
        office.scan()
    office.deliver()
    crashing.keep_house(office.services)

    mirrored_world.assert_equal(office.services, office.world)
    tales = journal.Tales(office.services, start=start, effects=office.journal(after=place))
    tales.check(log(office.services, after=seq), ever=known)
    crashing.check_log(office)
    crashing.check_received(office)
    crashing.check_seals(office)
