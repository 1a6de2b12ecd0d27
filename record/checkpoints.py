"""Checkpoints: what a log's tree comes to at one of its sizes, as a text that is signed (C2SP tlog-checkpoint)."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from record.notes import NoteError

_HASH_BYTES = 32


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The tree of the log `origin` at `size` leaves."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The text of the note: origin, size and root, a line each."""
        lines = (self.origin, str(self.size), base64.b64encode(self.root).decode(), *self.extensions)
        return "".join(f"{line}\n" for line in lines)


def parse(text: str) -> Checkpoint:
    """A checkpoint out of a note's text; NoteError where it is none."""
    lines = text.split("\n")
    if len(lines) < 4 or lines.pop() != "" or "" in lines:
        raise NoteError("is no checkpoint: it must have the lines origin, size and root, each with its end")
    origin, size, encoded, *extensions = lines
    if not (size.isascii() and size.isdecimal()) or (size != "0" and size.startswith("0")):
        raise NoteError(f"is no checkpoint: its second line {size!r} is no size")
    try:
        root = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        root = b""
    if len(root) != _HASH_BYTES:
        raise NoteError("is no checkpoint: its third line is no root")
    return Checkpoint(origin, int(size), root, tuple(extensions))
