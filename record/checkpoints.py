"""Checkpoints: what a log's tree comes to at one of its sizes, as a text that is signed (C2SP tlog-checkpoint).

Pure. Made by whoever seals a log; read by all who verify one.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from record import notes
from record.notes import Note, NoteError, VerifierKey
from record.tree import HASH_BYTES

#: No log has more rows. Others read sizes as integers of 64 bits.
_LARGEST_SIZE = 2**63 - 1
_FORM = "is no checkpoint: it must have the lines origin, size and root, each with its end"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The tree of the log `origin` at `size` leaves; NoteError where a member could not be written on its line."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if any(not line or "\n" in line for line in (self.origin, *self.extensions)):
            raise NoteError(_FORM)
        if not 0 <= self.size <= _LARGEST_SIZE:
            raise NoteError(f"is no checkpoint: no log has {self.size} rows")
        if len(self.root) != HASH_BYTES:
            raise NoteError("is no checkpoint: its root is no hash")

    def __str__(self) -> str:
        """The text of the note: origin, size and root, a line each."""
        lines = (self.origin, str(self.size), base64.b64encode(self.root).decode(), *self.extensions)
        return "".join(f"{line}\n" for line in lines)


def parse(text: str) -> Checkpoint:
    """A checkpoint out of a note's text; NoteError where it is none."""
    lines = text.split("\n")
    if len(lines) < 4 or lines.pop() != "":
        raise NoteError(_FORM)
    origin, size, root, *extensions = lines
    return Checkpoint(
        origin,
        parse_number(size, what="is no checkpoint: its second line"),
        notes.from_base64(root, what="is no checkpoint: its third line"),
        tuple(extensions),
    )


def opened(note: Note, keys: Sequence[VerifierKey]) -> Checkpoint:
    """The checkpoint of the note, where one of the keys has signed it under the name of its log.

    NoteError where none has, where such a signature is wrong, or where the text is no checkpoint. The key of another
    log says nothing, even if it is the same one: its name is the origin of that other log.
    """
    found = parse(note.text)
    if not notes.signed_by(note, [key for key in keys if key.name == found.origin]):
        raise NoteError(f"is not signed by a known key of {found.origin}")
    return found


def parse_number(text: str, *, what: str) -> int:
    """A whole number in its one form, as sizes and indexes are written; NoteError where it is none."""
    is_number = text.isascii() and text.isdecimal() and (text == "0" or not text.startswith("0"))
    if not is_number or len(text) > len(str(_LARGEST_SIZE)) or int(text) > _LARGEST_SIZE:
        raise NoteError(f"{what} {text[:40]!r} is no whole number")
    return int(text)
