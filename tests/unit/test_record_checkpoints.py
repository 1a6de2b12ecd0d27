"""Checkpoints, in the form of the specification (C2SP tlog-checkpoint)."""

from __future__ import annotations

import base64

import pytest

from record import checkpoints, notes
from record.checkpoints import Checkpoint
from record.notes import NoteError
from record.tree import EMPTY_ROOT
from tests.unit.signing import CHECKPOINT_TEXT, LOG_LINE, NAME, ORIGIN, ROOT, SIZE, WITNESS_LINE, key, line

A_ROOT = base64.b64encode(bytes(32)).decode()


def test_the_example_of_the_form_is_read_and_written_again() -> None:
    note = notes.parse(f"{CHECKPOINT_TEXT}\n{LOG_LINE}{WITNESS_LINE}")
    found = checkpoints.parse(note.text)

    assert found == Checkpoint(ORIGIN, SIZE, ROOT)
    assert str(found) == CHECKPOINT_TEXT
    assert [each.name for each in note.signatures] == [ORIGIN, "witness.example.com/w1"]


@pytest.mark.parametrize("size", [0, 1, 2**63 - 1])
def test_the_smallest_and_the_largest_log_have_checkpoints(size: int) -> None:
    found = Checkpoint(NAME, size, EMPTY_ROOT)

    assert str(found).split("\n")[1] == str(size)
    assert checkpoints.parse(str(found)) == found


def test_lines_that_others_have_added_are_kept() -> None:
    text = f"{CHECKPOINT_TEXT}one more\nand another\n"

    assert checkpoints.parse(text).extensions == ("one more", "and another")
    assert str(checkpoints.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "origin, size and root"),
        ("a\n1\n", "origin, size and root"),
        (f"a\n1\n{A_ROOT}", "origin, size and root"),
        (f"\n1\n{A_ROOT}\n", "origin, size and root"),
        (f"a\n1\n{A_ROOT}\n\n", "origin, size and root"),
        (f"a\n1\n{A_ROOT}\n\nmore\n", "origin, size and root"),
        (f"a\n01\n{A_ROOT}\n", "second line"),
        (f"a\n00\n{A_ROOT}\n", "second line"),
        (f"a\n-1\n{A_ROOT}\n", "second line"),
        (f"a\n+1\n{A_ROOT}\n", "second line"),
        (f"a\n 1\n{A_ROOT}\n", "second line"),
        (f"a\n1_0\n{A_ROOT}\n", "second line"),
        (f"a\n\u0661\n{A_ROOT}\n", "second line"),
        (f"a\n1.0\n{A_ROOT}\n", "second line"),
        (f"a\n\n{A_ROOT}\n", "second line"),
        (f"a\n{2**63}\n{A_ROOT}\n", "second line"),
        (f"a\n{'9' * 5_000}\n{A_ROOT}\n", "second line"),  # Python itself refuses to read such a number
        ("a\n1\nAAAA\n", "root is no hash"),
        ("a\n1\n!\n", "third line"),
        ("a\n1\n\n", "third line"),
        (f"a\n1\n{A_ROOT[:-2]}B=\n", "third line"),
        (f"a\n1\n{A_ROOT} \n", "third line"),
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str, why: str) -> None:
    with pytest.raises(NoteError, match=why):
        checkpoints.parse(text)


@pytest.mark.parametrize(
    ("origin", "size", "root", "extensions"),
    [
        ("", 1, EMPTY_ROOT, ()),
        ("a\n2", 1, EMPTY_ROOT, ()),
        ("a", -1, EMPTY_ROOT, ()),
        ("a", 2**63, EMPTY_ROOT, ()),
        ("a", 1, b"", ()),
        ("a", 1, EMPTY_ROOT + b"x", ()),
        ("a", 1, EMPTY_ROOT, ("",)),
        ("a", 1, EMPTY_ROOT, ("b\nc",)),
    ],
)
def test_no_checkpoint_is_made_that_would_be_read_as_another(
    origin: str, size: int, root: bytes, extensions: tuple[str, ...]
) -> None:
    with pytest.raises(NoteError, match="is no checkpoint"):
        Checkpoint(origin, size, root, extensions)


def test_a_checkpoint_counts_where_a_known_key_of_its_log_has_signed_it() -> None:
    made = Checkpoint(NAME, 3, bytes(32))
    note = notes.signed(str(made), [key("one"), key("two")])

    assert checkpoints.opened(note, [key("one").verifier]) == made
    assert checkpoints.opened(note, [key("two").verifier, key(name="example.com/another").verifier]) == made
    with pytest.raises(NoteError, match=f"not signed by a known key of {NAME}"):
        checkpoints.opened(note, [])


def test_the_key_of_another_log_does_not_speak_for_this_one() -> None:
    """The same key signs the changes and the actions, under two names: neither may stand for the other."""
    actions = key(name=f"{NAME}/actions")
    note = notes.signed(str(Checkpoint(NAME, 3, bytes(32))), [actions])

    assert actions.verifier.has_signed(note)
    with pytest.raises(NoteError, match=f"not signed by a known key of {NAME}"):
        checkpoints.opened(note, [key().verifier, actions.verifier])


def test_a_wrong_signature_or_another_text_is_no_checkpoint_that_counts() -> None:
    note = notes.signed(str(Checkpoint(NAME, 3, bytes(32))), [key("one")])
    spoilt = notes.parse(str(note) + line(NAME, key("two").verifier.key_id + bytes(64)))

    with pytest.raises(NoteError, match="wrong signature"):
        checkpoints.opened(spoilt, [key("one").verifier, key("two").verifier])
    with pytest.raises(NoteError, match="wrong signature"):
        checkpoints.opened(notes.parse(str(note).replace("\n3\n", "\n4\n")), [key("one").verifier])
    with pytest.raises(NoteError, match="is no checkpoint"):
        checkpoints.opened(notes.signed(f"{NAME}\nsomething else\n", [key()]), [key().verifier])
