"""The proof that one row is in the tree of a signed checkpoint, as a file (C2SP tlog-proof). Pure."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from record import checkpoints, notes, tree
from record.notes import Note, NoteError

_HEAD = "c2sp.org/tlog-proof@v1"
#: A tree has no more levels than a size has bits.
_MOST_HASHES = 64
_FORM = f"is no proof: it must have the lines {_HEAD} and index, its hashes, an empty line and a checkpoint"


@dataclass(frozen=True, slots=True)
class Proof:
    """Where the leaf is, the hashes that lead to the root, and the checkpoint that holds it."""

    index: int
    hashes: Sequence[bytes]
    checkpoint: Note

    def __str__(self) -> str:
        lines = "".join(f"{base64.b64encode(each).decode()}\n" for each in self.hashes)
        return f"{_HEAD}\nindex {self.index}\n{lines}\n{self.checkpoint}"

    def holds_for(self, leaf: bytes) -> bool:
        """Whether the row with this leaf data is in the checkpoint's tree; `checkpoints.opened` says who signed that.

        NoteError where the note is no checkpoint.
        """
        found = checkpoints.parse(self.checkpoint.text)
        return tree.verify_inclusion(tree.leaf_hash(leaf), self.index, found.size, self.hashes, found.root)


def parse(text: str) -> Proof:
    """A proof as it is written; NoteError where it is none. Data of somebody else's application in it is left out."""
    proof, mark, checkpoint = text.partition("\n\n")
    head, *lines = proof.split("\n")
    if lines and lines[0].startswith("extra "):
        lines.pop(0)
    if head != _HEAD or not mark or not lines or not lines[0].startswith("index "):
        raise NoteError(_FORM)
    if len(lines) > 1 + _MOST_HASHES:
        raise NoteError("is no proof: it has too many hashes")
    index = checkpoints.parse_number(lines[0].removeprefix("index "), what="is no proof: its index")
    hashes = [notes.from_base64(line, what="is no proof: a hash of it") for line in lines[1:]]
    if any(len(each) != tree.HASH_BYTES for each in hashes):
        raise NoteError("is no proof: a hash of it has another length")
    note = notes.parse(checkpoint)
    checkpoints.parse(note.text)
    return Proof(index, hashes, note)
