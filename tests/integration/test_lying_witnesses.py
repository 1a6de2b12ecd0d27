"""Witnesses that lie: nothing is kept that cannot be read again, and the record does not look altered by it."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest

from record import notes
from storage.engine import Database
from storage.seals import Log
from tasks.record.checks import whole
from tasks.record.checks.looks import Looks
from tasks.record.checks.whole import Record, Wanted
from tests.integration.archive import Archive
from tests.witness_server import Said, WitnessServer

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)


@pytest.fixture
def witness() -> Iterator[WitnessServer]:
    with WitnessServer() as running:
        yield running


@pytest.fixture
def archive(database: Database, witness: WitnessServer) -> Archive:
    """Its witness has no key in the configuration, so what it says is believed."""
    made = Archive(database, f"witness:{witness.url}")
    for log in Log:
        witness.trusts(made.signer.origin(log), str(made.signer.verifiers(log)[0]))
    made.change(3)
    return made


def line(number: int, name: str = "w.example") -> str:
    """A line of a signature that nobody can verify."""
    return f"— {name} {base64.b64encode(number.to_bytes(4) + bytes(64)).decode()}\n"


def kept(archive: Archive, witness: WitnessServer, answer: str) -> str | None:
    """What is told of it; what was kept can be read, and nothing looks altered."""
    witness.answers = [Said(200, answer.encode())]
    archive.keep()
    row = archive.rows()[-1]
    if row.receipt is not None:
        notes.parse(row.receipt)
    services = archive.services
    with services.database.kept_open() as connection:
        record = Record({}, services.record.signer, services.record.keep)
        found = whole.verify(Looks(connection), record, Wanted())
    assert [each.what for each in found.problems] == []
    return row.error


def test_so_many_signatures_that_no_note_can_hold_them_are_not_kept(archive: Archive, witness: WitnessServer) -> None:
    answer = "".join(map(line, range(100)))
    assert kept(archive, witness, answer) == "the head with its answer under it has too many signatures"


def test_a_signature_under_our_own_name_is_not_kept(archive: Archive, witness: WitnessServer) -> None:
    key = archive.signer.verifiers(Log.CHANGES)[0]
    ours = f"— {key.name} {base64.b64encode(key.key_id + bytes(64)).decode()}\n"
    assert kept(archive, witness, ours) == "its answer holds no signature of its own"
    archive.now += archive.services.record.keep_every
    assert kept(archive, witness, ours + line(1)) is None
    receipt = notes.parse(archive.rows()[-1].receipt or "")
    assert key.has_signed(receipt), "each signature of ours is right"
    assert [each.name for each in receipt.signatures] == [key.name, "w.example"]


def test_its_words_are_told_in_a_line_that_no_terminal_obeys(archive: Archive, witness: WitnessServer) -> None:
    archive.set(keep=(f"witness:{witness.url}#{witness.key}",))
    told = kept(archive, witness, line(1, "\x9b31mred\x7f")) or ""
    assert told.endswith("is wrong (signed by 31mred )")
    archive.now += archive.services.record.keep_every
    told = kept(archive, witness, line(1, "n" * 200_000)) or ""
    assert (len(told), told[-1]) == (501, "…")
