"""Proofs that one row is in a log, in the form of the specification (C2SP tlog-proof)."""

from __future__ import annotations

import base64

import pytest

from record import checkpoints, notes, proofs, tree
from record.checkpoints import Checkpoint
from record.notes import NoteError
from record.proofs import Proof
from tests.unit.merkle import Stored, defined
from tests.unit.signing import CHECKPOINT_TEXT, LOG_LINE, NAME, key

CHECKPOINT = f"{CHECKPOINT_TEXT}\n{LOG_LINE}"
#: tlog-proof: the first lines of its example, whose checkpoint is shortened there.
HASHES = """gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=
EKNzoDWG8LGC0Yp9o+sv3qllpMP9uHQ9B20KNL+Q1zs=
RoopEkOdqkYqMB4MJXrbt/hMjOxsVn0IrWjpz1ZMMes=
AHCioX9nLjsrse6YhjRRmk1WUEirVOLLRoOQ6vfO5vk=
"""
HEAD = "c2sp.org/tlog-proof@v1\n"
EXTRA = "extra YWdlLXYxLjIuMS1kYXJ3aW4tYXJtNjQudGFyLmd6kYXJ3aW4tYXJ\n"
EXAMPLE = f"{HEAD}index 73894\n{HASHES}\n{CHECKPOINT}"
ONE_HASH = HASHES.split("\n", 1)[0] + "\n"


def proof_of(index: int, size: int) -> Proof:
    note = notes.signed(str(Checkpoint(NAME, size, defined(0, size))), [key()])
    return Proof(index, tree.inclusion(Stored(size), index, size), note)


def test_the_example_of_the_form_is_read_and_written_again() -> None:
    found = proofs.parse(EXAMPLE)

    assert (found.index, len(found.hashes), str(found.checkpoint)) == (73_894, 5, CHECKPOINT)
    assert found.hashes[0] == base64.b64decode("gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=")
    assert str(found) == EXAMPLE


def test_data_of_other_applications_is_passed_over() -> None:
    assert proofs.parse(EXAMPLE.replace(HEAD, HEAD + EXTRA)) == proofs.parse(EXAMPLE)


def test_a_proof_may_have_a_hash_for_each_bit_of_an_index() -> None:
    assert len(proofs.parse(EXAMPLE.replace(ONE_HASH, ONE_HASH * 60)).hashes) == 64


@pytest.mark.parametrize(("index", "size"), [(0, 1), (0, 5), (4, 5), (299, 300)])
def test_a_proof_says_that_its_row_is_in_the_tree_and_no_other_row(index: int, size: int) -> None:
    proof = proof_of(index, size)

    assert proofs.parse(str(proof)) == proof
    assert proof.holds_for(str(index).encode())
    assert not proof.holds_for(str(index + 1).encode())
    assert checkpoints.opened(proof.checkpoint, [key().verifier]).size == size


def test_no_line_of_a_proof_can_be_another() -> None:
    """Whatever line is changed, the proof is refused, or does not hold, or its checkpoint is not signed."""
    lines = str(proof_of(2, 5)).split("\n")
    for number, line in enumerate(lines):
        for other in (line[:-1] + ("0" if line.endswith("1") else "1"), "", line + line, line[1:]):
            text = "\n".join([*lines[:number], other, *lines[number + 1 :]])
            if other == line:
                continue
            try:
                found = proofs.parse(text)
                checkpoints.opened(found.checkpoint, [key().verifier])
            except NoteError:
                continue
            assert not found.holds_for(b"2"), text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "must have the lines"),
        (HEAD, "must have the lines"),
        (HEAD + "index 73894", "must have the lines"),
        (CHECKPOINT, "must have the lines"),
        (EXAMPLE.replace("@v1", "@v2"), "must have the lines"),
        (EXAMPLE.replace(HEAD, HEAD + "\n"), "must have the lines"),
        (EXAMPLE.replace("index 73894\n", ""), "must have the lines"),
        (EXAMPLE.replace("index 73894\n", "index 73894\n" + EXTRA), "not base64"),
        (EXAMPLE.replace(HEAD, HEAD + EXTRA + EXTRA), "must have the lines"),
        (EXAMPLE.replace("index", "Index"), "must have the lines"),
        (EXAMPLE.replace("73894", ""), "whole number"),
        (EXAMPLE.replace("73894", "x"), "whole number"),
        (EXAMPLE.replace("73894", "073894"), "whole number"),
        (EXAMPLE.replace("73894", "-1"), "whole number"),
        (EXAMPLE.replace("73894", "9" * 5_000), "whole number"),
        (EXAMPLE.replace("PlQ=", "PlR="), "not base64"),
        (EXAMPLE.replace("PlQ=\n", "PlQ=\r\n"), "not base64"),
        (EXAMPLE.replace(ONE_HASH, "AAAA\n"), "another length"),
        (EXAMPLE.replace(ONE_HASH, ONE_HASH * 61), "too many"),
        (EXAMPLE.replace("\n\n", "\n", 1), "not base64"),
        (EXAMPLE.replace(LOG_LINE, ""), "no empty line"),
        (EXAMPLE.replace("20852163", "020852163"), "is no checkpoint"),
    ],
)  # fmt: skip
def test_what_is_no_proof_is_refused(text: str, why: str) -> None:
    with pytest.raises(NoteError, match=why):
        proofs.parse(text)
