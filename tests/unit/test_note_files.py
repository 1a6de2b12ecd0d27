"""Files of notes as text: wherever the last note was cut off, those before it and behind it are read, and no other."""

from __future__ import annotations

import pytest

from record import note_files, notes
from record.checkpoints import Checkpoint
from record.notes import Note, SigningKey

NAME = "example.com/mirrorpoint"
KEYS = [SigningKey.from_pem(notes.new_pem(), name=NAME) for _ in range(2)]


def head(size: int) -> Note:
    return notes.signed(str(Checkpoint(NAME, size, bytes([size]) * 32)), KEYS)


ONE, TWO, THREE = head(1), head(2), head(3)


def written(*several: Note) -> bytes:
    return "".join(f"{note}\n" for note in several).encode()


def read(text: bytes) -> notes.Several:
    return notes.read_all(text.decode("utf-8", "replace"))


def test_notes_that_stand_one_after_the_other_are_read_in_their_order() -> None:
    assert read(written(ONE, TWO, THREE)) == ([ONE, TWO, THREE], [])
    assert read(b"") == ([], [])


@pytest.mark.parametrize(
    "text",
    [
        f"{ONE}{TWO}",  # as `cat` puts two files together
        f"{ONE}\n\n\n{TWO}\n\n",
        f"\n{ONE}\n{TWO}".replace("\n", "\r\n"),
        f"{ONE}\n{str(TWO).rstrip()}",
    ],
    ids=["no empty line", "several empty lines", "line ends of Windows", "no last line end"],
)
def test_line_ends_around_notes_do_not_matter(text: str) -> None:
    assert notes.read_all(text) == ([ONE, TWO], [])


def test_what_is_no_note_is_told_and_hides_no_other() -> None:
    found = notes.read_all(f"our heads\n\n{ONE}\n— nobody\n\n{TWO}\na text without signatures\n")
    assert found == ([ONE, TWO], ["our heads", "— nobody", "a text without signatures"])


def test_wherever_a_note_was_cut_off_the_next_one_stands_by_itself() -> None:
    for cut in range(1, len(written(TWO))):
        before = written(ONE) + written(TWO)[:cut]
        after = before + note_files.completion(before) + written(THREE)
        found = read(after)
        assert after.startswith(before), "nothing is deleted"
        assert (found.notes[0], found.notes[-1]) == (ONE, THREE), cut
        # One that lacks the last of two signatures is what the first key has signed.
        assert {note.text for note in found.notes} <= {ONE.text, TWO.text, THREE.text}
        assert all(KEYS[0].verifier.has_signed(note) for note in found.notes)
        assert len(found.notes) == 3 or found.broken, cut


def test_a_note_that_was_cut_off_is_noticed() -> None:
    for cut in range(1, len(written(TWO)) - 1):
        assert not note_files.is_finished(written(ONE) + written(TWO)[:cut]), cut


def test_a_repair_that_was_cut_off_is_repaired_as_well() -> None:
    for cut in range(1, len(note_files.CUT_OFF.encode()) + 2):
        before = written(ONE) + written(TWO)[:40]
        torn = before + note_files.completion(before)[:cut]
        found = read(torn + note_files.completion(torn) + written(THREE))
        assert found.notes == [ONE, THREE], cut


def test_nothing_is_put_between_whole_notes() -> None:
    assert (note_files.completion(b""), note_files.is_finished(b"")) == (b"", True)
    assert (note_files.completion(written(ONE)), note_files.is_finished(written(ONE))) == (b"", True)
