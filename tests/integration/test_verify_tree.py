"""Checkpoints, hashes and heads: what was rewritten with all its digests is named as closely as they allow."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from changes.records import Change, Id, Kind
from record import checkpoints, note_files, notes, witnessing
from record.notes import SigningKey
from record.witnessing import WitnessKey
from storage import actions, change_log, log_rows, seals
from storage.engine import Database
from storage.seals import Log
from storage.tables import KeptRow
from tasks.record import sealing
from tasks.record.checks import whole
from tasks.record.checks.heads import Head
from tasks.record.checks.looks import Looks
from tasks.record.checks.outcome import Name, Outcome
from tasks.record.checks.whole import Record, Wanted
from tasks.signing import Signer
from tests.integration.test_tampering import digest_of

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
NAME = "example.com/mirrorpoint"
NO_HEAD = "no head was kept outside: a tail that was cut off, or a rewritten log, would not be seen"


def new_key(name: str = NAME) -> SigningKey:
    return SigningKey.from_pem(notes.new_pem(), name=name)


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer(NAME, (new_key(),))


def log(database: Database, first: int, number: int, *, now: datetime = NOW) -> None:
    changes = [
        Change("s", "things", Id("", str(key)), 1, Kind.CREATED, ("",), {}, {"id": key}, None, now, "scan")
        for key in range(first, first + number)
    ]
    with database.write() as session:
        change_log.append(session, changes)


def sealed(database: Database, signer: Signer | None, *sizes: int) -> None:
    """Changes, sealed at each of the sizes."""
    last = 0
    for size in sizes:
        log(database, last + 1, size - last)
        sealing.seal_all(database, signer, now=NOW)
        last = size


def look(database: Database, signer: Signer | None, *, keep: Sequence[str] = (), **wanted: Any) -> Outcome:
    with database.kept_open() as connection:
        return whole.verify(Looks(connection), Record({}, signer, keep), Wanted(**wanted))


def said(outcome: Outcome) -> dict[Name, list[str]]:
    """What each check has found."""
    return {check.name: [each.what for each in check.problems] for check in outcome.checks if not check.is_ok}


def alter(database: Database, *statements: str) -> None:
    with database.write() as session:
        for statement in statements:
            session.execute(statement)


def rewrite(database: Database, *seqs: int) -> None:
    """Somebody edits changes and knows how their digests are made."""
    for seq in seqs:
        alter(database, f"UPDATE mirrorpoint_change SET scan_id = 'other' WHERE seq = {seq}")
        with database.read() as session:
            (row,) = log_rows.by_number(session, Log.CHANGES, [seq])
        alter(database, f"UPDATE mirrorpoint_change SET digest = '{digest_of(row)}' WHERE seq = {seq}")


def seal_anew(database: Database, signer: Signer | None) -> None:
    """And makes all checkpoints and hashes anew, at the same sizes."""
    with database.read() as session:
        sizes = [seal.size for seal in seals.read(session, Log.CHANGES)]
    alter(database, "DELETE FROM mirrorpoint_seal", "DELETE FROM mirrorpoint_tile")
    for size in sizes:
        with database.write() as session:
            number = seals.size(session, Log.CHANGES)
            session.execute(f"UPDATE mirrorpoint_change SET seq = -seq WHERE seq > {size}")
            sealing.seal_next(session, Log.CHANGES, signer, now=NOW)
            session.execute(f"UPDATE mirrorpoint_change SET seq = -seq WHERE seq < {0}")
            assert seals.size(session, Log.CHANGES) == number


def head(database: Database, *, most: int | None = None, log: Log = Log.CHANGES) -> Head:
    with database.read() as session:
        seal = seals.last(session, log, most=most)
    assert seal is not None
    return Head(log, seal.size, bytes.fromhex(seal.root), f"the head of {seal.size:,} {log.value} in heads.log")


def note_of(database: Database, log: Log = Log.CHANGES, *, most: int | None = None) -> str:
    with database.read() as session:
        seal = seals.last(session, log, most=most)
    assert seal is not None
    assert seal.checkpoint is not None
    return seal.checkpoint


def test_a_sealed_log_is_green_and_an_unsealed_tail_is_told(database: Database, signer: Signer) -> None:
    empty = look(database, signer)
    assert (empty.is_ok, empty.changes, empty.unsealed) == (True, 0, 0)
    sealed(database, signer, 3, 4, 700, 70_000)
    log(database, 70_001, 12)
    found = look(database, signer)
    assert said(found) == {}
    # What was 70,000 changes was sealed in four pieces.
    assert [check.count for check in found.checks] == [0, 3 + 4, 70_012, 70_012, 3 + 4, 0, 0, 0]
    assert (found.changes, found.unsealed) == (70_012, 12)
    assert found.remarks[:2] == [NO_HEAD, "the last 12 changes are not sealed yet"]
    for part in ({"sample": 50}, {"since": NOW}, {"since": NOW + timedelta(days=1)}):
        assert said(look(database, signer, **part)) == {}


def test_each_altered_part_is_named_as_closely_as_the_stored_hashes_allow(database: Database, signer: Signer) -> None:
    sealed(database, signer, 100, 1000, 1500, 2000, 2400, 2600, 2700)
    rewrite(database, 300, 1700, 2399, 2650)
    assert said(look(database, signer)) == {
        Name.ROOTS: [
            "the stored hash of changes 257 to 512 is not that of their digests",
            "one of changes 257 to 512: the checkpoint of 1,000 was made over other digests",
            "the stored hash of changes 1,537 to 1,792 is not that of their digests",
            "one of changes 1,537 to 1,792: the checkpoint of 2,000 was made over other digests",
            "the stored hash of changes 2,305 to 2,560 is not that of their digests",
            "one of changes 2,601 to 2,700: the checkpoint of 2,700 was made over other digests",
        ]
    }
    found = look(database, signer)
    assert found.first_bad is not None
    assert (found.first_bad.seq, found.first_bad.last) == (257, 512)
    assert "1 checkpoint behind what was altered could not be compared" in found.remarks


def test_behind_a_missing_change_what_else_was_altered_is_found(database: Database, signer: Signer) -> None:
    sealed(database, signer, 300, 600, 1200, 1300)
    rewrite(database, 1290)
    alter(database, "DELETE FROM mirrorpoint_change WHERE seq IN (7, 8)")
    found = look(database, signer)
    assert said(found)[Name.NUMBERS][0] == "changes 7 to 8 are missing"
    assert said(found)[Name.ROOTS] == [
        "one of changes 1,201 to 1,300: the checkpoint of 1,300 was made over other digests"
    ]
    assert found.first_bad is not None
    assert found.first_bad.seq == 7
    # The stored hash of the part with the gap fits the checkpoint of 300, so the tree goes on from there.
    assert not any("could not be compared" in each for each in found.remarks)


def test_stored_hashes_that_were_edited_or_removed_are_named(database: Database, signer: Signer) -> None:
    sealed(database, signer, 700)
    alter(
        database,
        "UPDATE mirrorpoint_tile SET root = '00' WHERE number = 0 AND level = 1",
        "DELETE FROM mirrorpoint_tile WHERE number = 1",
    )
    assert said(look(database, signer)) == {
        Name.ROOTS: [
            "the stored hash of changes 1 to 256 is not that of their digests",
            "the stored hash of changes 257 to 512 is missing",
        ]
    }
    assert Name.ROOTS in said(look(database, signer, sample=5))


def test_a_checkpoint_of_another_root_or_without_its_rows_is_named(database: Database, signer: Signer) -> None:
    sealed(database, signer, 5, 9)
    with database.write() as session:
        note = str(signer.checkpoint(Log.CHANGES, 12, bytes(32)))
        seals.add(session, Log.CHANGES, seals.Seal(12, bytes(32).hex(), note, NOW))
    found = said(look(database, signer))
    assert found[Name.NUMBERS] == ["changes 10 to 12 are not there, though the checkpoint of 12 covers it"]


def test_a_cut_tail_is_named_where_it_is_sealed_and_else_by_a_head_alone(database: Database, signer: Signer) -> None:
    sealed(database, signer, 600, 1000)
    kept = head(database)
    alter(database, "DELETE FROM mirrorpoint_change WHERE seq > 990")
    assert said(look(database, signer))[Name.NUMBERS] == [
        "changes 991 to 1,000 are not there, though the checkpoint of 1,000 covers it"
    ]
    alter(database, "DELETE FROM mirrorpoint_seal WHERE size > 990")
    alone = look(database, signer)
    assert (said(alone), alone.unsealed) == ({}, 390)
    assert NO_HEAD in alone.remarks
    found = look(database, signer, heads=[kept])
    begin = "the head of 1,000 changes in heads.log is no beginning of this record"
    assert said(found) == {Name.HEADS: [f"{begin}: changes 991 to 1,000 are not there any more"]}
    assert found.first_bad is not None
    assert found.first_bad.seq == 991


def test_a_whole_rewrite_without_the_signing_key_is_named(database: Database, signer: Signer) -> None:
    sealed(database, signer, 300, 600)
    rewrite(database, 10)
    seal_anew(database, Signer(NAME, (new_key(),)))
    found = look(database, signer)
    assert said(found).keys() == {Name.SIGNATURES}
    assert "the last signed checkpoint of changes, that of 600, is signed with another key" in str(said(found))
    assert "2 checkpoints of changes are signed with another key" in found.remarks


def test_a_whole_rewrite_with_the_signing_key_is_named_by_a_kept_head_alone(database: Database, signer: Signer) -> None:
    sealed(database, signer, 100, 300, 600)
    early, kept = head(database, most=100), head(database)
    middle = head(database, most=300)
    rewrite(database, 150)
    seal_anew(database, signer)
    alone = look(database, signer)
    assert said(alone) == {}
    assert NO_HEAD in alone.remarks
    found = look(database, signer, heads=[kept, early, middle])
    begin, end = "changes in heads.log is no beginning of this record", "some were rewritten since, inserted or removed"
    assert said(found) == {
        Name.HEADS: [f"the head of {size} {begin}: of changes 101 to {size} {end}" for size in (300, 600)]
    }
    assert found.first_bad is not None
    assert found.first_bad.seq == 101
    for part in ({"sample": 5}, {"since": NOW + timedelta(days=1)}):
        assert said(look(database, signer, heads=[kept], **part)).keys() == {Name.HEADS}


def test_a_head_that_fits_is_told_how_far_it_reaches(database: Database, signer: Signer) -> None:
    sealed(database, signer, 300, 600)
    found = look(database, signer, heads=[head(database, most=300)])
    assert said(found) == {}
    assert found.checks[0].count == 1
    assert "the heads that are known outside do not cover the last 300 changes" in found.remarks
    assert NO_HEAD not in found.remarks


def test_a_checkpoint_that_somebody_else_has_signed_is_named(database: Database, signer: Signer) -> None:
    sealed(database, signer, 3, 6, 9)
    other = Signer(NAME, (new_key(),))
    with database.read() as session:
        middle = seals.last(session, Log.CHANGES, most=6)
    assert middle is not None
    forged = str(other.checkpoint(Log.CHANGES, 6, bytes.fromhex(middle.root)))
    with database.write() as session:
        session.execute(f"UPDATE mirrorpoint_seal SET checkpoint = '{forged}' WHERE size = 6")
    told = "the checkpoint of 6 changes is not signed with a configured key, though earlier ones are"
    assert said(look(database, signer))[Name.SIGNATURES][0].startswith(told)
    # A signature that says to be ours, under a text that we have not signed.
    ours, _, lines = note_of(database, most=3).rpartition("\n\n")
    with database.write() as session:
        wrong = ours.replace("\n3\n", "\n4\n") + "\n\n" + lines
        session.execute(f"UPDATE mirrorpoint_seal SET checkpoint = '{wrong}' WHERE size = 3")
    assert (
        f"the checkpoint of 3 changes was edited: the signature of {NAME} is wrong"
        in said(look(database, signer))[Name.SIGNATURES]
    )


def test_another_name_or_key_since_then_is_told_and_is_no_alteration(database: Database, signer: Signer) -> None:
    old = Signer("old.example.com/m", (new_key("old.example.com/m"),))
    sealed(database, old, 3, 6)
    renamed = Signer(NAME, old.keys)
    log(database, 7, 2)
    sealing.seal_all(database, renamed, now=NOW)
    found = look(database, renamed)
    assert said(found) == {}
    assert "2 checkpoints of changes are signed under another name" in found.remarks
    both = Signer(NAME, (*signer.keys, *renamed.keys))
    log(database, 9, 2)
    sealing.seal_all(database, both, now=NOW)
    log(database, 11, 2)
    sealing.seal_all(database, signer, now=NOW)
    found = look(database, signer)
    assert said(found) == {}
    assert "3 checkpoints of changes are signed with another key" in found.remarks


def test_without_a_key_roots_are_compared_and_it_is_said_that_nothing_is_signed(database: Database) -> None:
    sealed(database, None, 3, 6)
    found = look(database, None)
    assert said(found) == {}
    assert "no signature was verified: the configuration has no name or no signing key ([record])" in found.remarks
    rewrite(database, 5)
    assert said(look(database, None)).keys() == {Name.ROOTS}


def test_checkpoints_without_signatures_are_told(database: Database, signer: Signer) -> None:
    sealed(database, None, 3)
    log(database, 4, 2)
    sealing.seal_all(database, signer, now=NOW)
    found = look(database, signer)
    assert said(found) == {}
    assert "1 checkpoint of changes is not signed" in found.remarks


def test_actions_have_roots_and_heads_of_their_own(database: Database, signer: Signer) -> None:
    with database.write() as session:
        for _ in range(300):
            actions.intend(session, who="anna", how="command", what="approve", target="1", arguments={"n": 1}, now=NOW)
    sealing.seal_all(database, signer, now=NOW)
    kept = head(database, log=Log.ACTIONS)
    found = look(database, signer, heads=[kept])
    assert said(found) == {}
    assert (found.checks[0].count, found.checks[-1].count) == (1, 300)
    alter(database, "UPDATE mirrorpoint_action SET digest = '00' WHERE id = 7")
    found = look(database, signer, heads=[kept])
    assert said(found)[Name.ACTIONS] == [
        "action 7: what it says does not match its digest",
        "the stored hash of actions 1 to 256 is not that of their digests",
        "one of actions 1 to 256: the checkpoint of 300 was made over other digests",
    ]
    assert said(found)[Name.HEADS][0].startswith("the head of 300 actions in heads.log is no beginning of this record")
    alter(database, "DELETE FROM mirrorpoint_action WHERE id IN (50, 51)")
    assert said(look(database, signer))[Name.ACTIONS][0] == "actions 50 to 51 are missing"


def test_heads_in_files_are_compared_and_what_is_none_of_ours_is_told(
    database: Database, signer: Signer, tmp_path: Path
) -> None:
    file = tmp_path / "heads.log"
    sealed(database, signer, 300)
    keep = [f"file:{file}", f"file:{tmp_path / 'gone.log'}"]
    assert (
        f"{tmp_path / 'gone.log'} is not there: no head of it could be compared"
        in look(database, signer, keep=keep).remarks
    )
    stranger, former = Signer("stranger", (new_key("stranger"),)), Signer(NAME, (new_key(),))
    root = bytes.fromhex(head(database).root.hex())
    others = [stranger.checkpoint(Log.CHANGES, 7, bytes(32)), former.checkpoint(Log.CHANGES, 300, root)]
    note_files.append(file, [notes.parse(note_of(database)), *others])
    with file.open("a") as opened:
        opened.write(f"{NAME}\n9\n")
    found = look(database, signer, keep=keep)
    assert said(found) == {}
    for told in (
        "in heads.log 1 note is of another record",
        "in heads.log 1 note is signed under another key; they were compared all the same",
        "in heads.log 1 note is cut off or damaged",
    ):
        assert told in found.remarks
    assert NO_HEAD not in found.remarks
    rewrite(database, 5)
    seal_anew(database, signer)
    assert said(look(database, signer, keep=keep)).keys() == {Name.HEADS}


def test_receipts_of_witnesses_and_stamps_are_compared(database: Database, signer: Signer) -> None:
    sealed(database, signer, 300)
    private = Ed25519PrivateKey.generate()
    key = WitnessKey("witness.example.com", private.public_key().public_bytes_raw())
    note = notes.parse(note_of(database))
    signed = (7).to_bytes(8) + private.sign(witnessing.cosigned_text(note.text, 7).encode())
    cosigned = notes.Note(note.text, (*note.signatures, notes.Signature(key.name, key.key_id, signed)))
    token = base64.b64encode(b"0 \x04 " + hashlib.sha256(str(note).encode()).digest() + b"more").decode()
    keep(database, f"witness:https://w.example.com#{key}", str(cosigned))
    keep(database, "timestamp:https://t.example.com", token)
    found = look(database, signer)
    assert said(found) == {}
    assert found.checks[0].count == 1  # both say the same of one size
    assert any("`openssl ts -verify` says" in each for each in found.remarks)
    assert any("receipts that this database holds itself" in each for each in found.remarks)
    rewrite(database, 7)
    seal_anew(database, signer)
    stamped, witnessed = said(look(database, signer))[Name.HEADS]
    assert stamped.startswith("the receipt of timestamp:https://t.example.com for 300 changes was edited")
    assert witnessed.startswith("the head of 300 changes that https://w.example.com has cosigned is no beginning")


@pytest.mark.parametrize(
    ("receipt", "told"),
    [
        ("nothing", "it has no empty line"),
        ("its own", "it is not cosigned with the key of the witness"),
        ("of another size", "it is for another head"),
    ],
)
def test_a_receipt_that_was_edited_is_named(database: Database, signer: Signer, receipt: str, told: str) -> None:
    sealed(database, signer, 4, 8)
    key = WitnessKey("witness.example.com", Ed25519PrivateKey.generate().public_key().public_bytes_raw())
    texts = {"its own": note_of(database), "of another size": note_of(database, most=4)}
    keep(database, f"witness:https://w.example.com#{key}", texts.get(receipt, receipt), size=8)
    (problem,) = said(look(database, signer))[Name.HEADS]
    assert problem.startswith("the receipt of witness:https://w.example.com for 8 changes was edited: ")
    assert told in problem


def keep(database: Database, target: str, receipt: str, *, size: int = 300) -> None:
    with database.write() as session:
        session.objects.add(KeptRow(log="changes", size=size, target=target, at=NOW, receipt=receipt))


def test_a_stopped_verification_says_nothing(database: Database, signer: Signer) -> None:
    from tasks.record.checks.looks import StoppedError

    sealed(database, signer, 300)
    with database.kept_open() as connection:
        looks = Looks(connection)
        looks.stopping.set()
        with pytest.raises(StoppedError):
            whole.verify(looks, Record({}, signer), Wanted())


def test_checkpoints_can_be_read_again(signer: Signer) -> None:
    note = signer.checkpoint(Log.ACTIONS, 3, bytes(32))
    assert checkpoints.parse(note.text).origin == f"{NAME}/actions"
