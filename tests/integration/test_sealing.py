"""Logs are sealed: their trees grow, each size that was written down has its root, and nothing hides a gap."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from changes.records import Change, Id, Kind
from record import checkpoints, notes, tree
from record.notes import SigningKey
from storage import actions, change_log, history, seals
from storage.engine import Database
from storage.seals import Log
from tasks.record import sealing
from tasks.record.log_hashes import LogBrokenError, LogHashes
from tasks.signing import Signer

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
NAME = "example.com/mirrorpoint"


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer(NAME, (SigningKey.from_pem(notes.new_pem(), name=NAME),))


def log(database: Database, first: int, number: int) -> None:
    changes = [
        Change("s", "products", Id("", str(key)), 1, Kind.CREATED, ("",), {}, {"id": key}, None, NOW, "scan")
        for key in range(first, first + number)
    ]
    with database.write() as session:
        change_log.append(session, changes)


def roots(database: Database) -> dict[int, str]:
    """The root that a tree over the digests has at each size."""
    with database.read() as session:
        digests = [row.digest for row in history.read(session, limit=10_000)]
    growing, found = tree.Growing(), {}
    for digest in digests:
        growing.add([tree.leaf_hash(digest.encode())])
        found[growing.size] = growing.root().hex()
    return found


def sealed(database: Database, which: Log = Log.CHANGES) -> list[seals.Seal]:
    with database.read() as session:
        return seals.read(session, which)


def test_an_empty_log_needs_no_seal(database: Database, signer: Signer) -> None:
    sealing.seal_all(database, signer, now=NOW)
    assert sealed(database) == []


def test_each_checkpoint_is_the_root_of_all_changes_until_then_and_is_signed(
    database: Database, signer: Signer
) -> None:
    for first, number in ((1, 3), (4, 1), (5, 700)):
        log(database, first, number)
        sealing.seal_all(database, signer, now=NOW)
        sealing.seal_all(database, signer, now=NOW)
    expected, found = roots(database), sealed(database)
    assert [(seal.size, seal.root) for seal in found] == [(size, expected[size]) for size in (3, 4, 704)]
    (verifier,) = signer.verifiers(Log.CHANGES)
    for seal in found:
        note = notes.parse(seal.checkpoint or "")
        assert verifier.has_signed(note)
        assert checkpoints.parse(note.text) == checkpoints.Checkpoint(NAME, seal.size, bytes.fromhex(seal.root))


def test_a_proof_is_computed_from_what_is_stored(database: Database, signer: Signer) -> None:
    log(database, 1, 1000)
    sealing.seal_all(database, signer, now=NOW)
    expected = roots(database)
    with database.read() as session:
        hashes = LogHashes(session, Log.CHANGES)
        leaf = tree.leaf_hash(history.read(session, after_seq=699, limit=1)[0].digest.encode())
        proof = tree.inclusion(hashes, 699, 1000)
        assert tree.verify_inclusion(leaf, 699, 1000, proof, bytes.fromhex(expected[1000]))
        older = tree.consistency(hashes, 300, 1000)
        known = bytes.fromhex(expected[300]), bytes.fromhex(expected[1000])
        assert tree.verify_consistency(300, 1000, older, *known)


def test_actions_have_a_tree_and_a_name_of_their_own(database: Database, signer: Signer) -> None:
    with database.write() as session:
        intent = actions.intend(session, who="anna", how="command", what="approve", target="1", arguments={}, now=NOW)
        actions.conclude(session, intent, outcome="done", now=NOW)
    sealing.seal_all(database, signer, now=NOW)
    (seal,) = sealed(database, Log.ACTIONS)
    note = notes.parse(seal.checkpoint or "")
    assert (seal.size, checkpoints.parse(note.text).origin) == (2, f"{NAME}/actions")
    assert signer.verifiers(Log.ACTIONS)[0].has_signed(note)
    assert sealed(database) == []


def test_without_a_key_roots_are_kept_and_the_last_is_signed_once_there_is_one(
    database: Database, signer: Signer
) -> None:
    log(database, 1, 2)
    sealing.seal_all(database, None, now=NOW)
    (unsigned,) = sealed(database)
    assert (unsigned.root, unsigned.checkpoint) == (roots(database)[2], None)
    sealing.seal_all(database, signer, now=NOW)
    (signed,) = sealed(database)
    assert (signed.root, notes.parse(signed.checkpoint or "").text.split("\n")[1]) == (unsigned.root, "2")


def test_a_long_log_is_sealed_in_pieces(database: Database, signer: Signer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "AT_A_TIME", 100)
    log(database, 1, 250)
    sealing.seal_all(database, signer, now=NOW)
    assert [seal.size for seal in sealed(database)] == [100, 200, 250]


def test_nothing_is_sealed_behind_a_gap(database: Database, signer: Signer) -> None:
    log(database, 1, 5)
    sealing.seal_all(database, signer, now=NOW)
    log(database, 6, 5)
    with database.write() as session:
        session.execute("DELETE FROM mirrorpoint_change WHERE seq = 8")
    with pytest.raises(LogBrokenError, match="number 8 is missing"):
        sealing.seal_all(database, signer, now=NOW)
    assert [seal.size for seal in sealed(database)] == [5]


def test_several_who_seal_at_the_same_time_do_no_harm(database: Database, signer: Signer) -> None:
    log(database, 1, 300)
    problems: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(5):
                sealing.seal_all(database, signer, now=NOW)
        except BaseException as problem:  # noqa: BLE001  # whatever it is, the test shall show it
            problems.append(problem)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(10):
        log(database, 301 + number, 1)
    for thread in threads:
        thread.join()
    sealing.seal_all(database, signer, now=NOW)
    expected = roots(database)
    assert problems == []
    assert {seal.size: seal.root for seal in sealed(database)}.items() <= expected.items()
    assert sealed(database)[-1].size == 310


def test_what_is_not_sealed_yet_is_known_by_one_statement(database: Database, signer: Signer) -> None:
    def unsealed(*, signs: bool) -> list[Log]:
        with database.read() as session:
            return seals.unsealed(session, signs=signs)

    assert unsealed(signs=True) == []
    log(database, 1, 3)
    assert unsealed(signs=False) == [Log.CHANGES]
    sealing.seal_all(database, None, now=NOW)
    assert (unsealed(signs=False), unsealed(signs=True)) == ([], [Log.CHANGES])
    sealing.seal_all(database, signer, now=NOW)
    assert unsealed(signs=True) == []
    with database.write() as session:
        actions.intend(session, who="anna", how="command", what="approve", target="1", arguments={}, now=NOW)
    assert unsealed(signs=True) == [Log.ACTIONS]


def test_what_is_sealed_to_its_end_is_left_alone(
    database: Database, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    log(database, 1, 3)
    sealing.seal_all(database, signer, now=NOW)

    def refuse() -> None:
        raise AssertionError("nothing is to be written")

    monkeypatch.setattr(database, "write", refuse)
    sealing.seal_all(database, signer, now=NOW)
