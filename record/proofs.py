"""The proof that one row is in the tree of a signed checkpoint, as a file (C2SP tlog-proof). Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

from record import checkpoints, notes, tree
from record.notes import Note, NoteError

_HEAD = "c2sp.org/tlog-proof@v1"


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
        """Whether the row with this leaf data is in the checkpoint's tree; who signed that is another question."""
        found = checkpoints.parse(self.checkpoint.text)
        return tree.verify_inclusion(tree.leaf_hash(leaf), self.index, found.size, self.hashes, found.root)


def parse(text: str) -> Proof:
    """A proof as it is written; NoteError where it is none."""
    head, _, rest = text.partition("\n")
    proof, mark, checkpoint = rest.partition("\n\n")
    lines = proof.split("\n")
    if lines[0].startswith("extra "):  # data of somebody else's application
        lines.pop(0)
    word, _, index = (lines or [""])[0].partition(" ")
    if head != _HEAD or not mark or word != "index" or not (index.isascii() and index.isdecimal()):
        raise NoteError(f"is no proof: it must begin with {_HEAD} and the line of its index")
    try:
        hashes = [base64.b64decode(line, validate=True) for line in lines[1:]]
    except (binascii.Error, ValueError):
        raise NoteError("is no proof: a hash is not base64") from None
    return Proof(int(index), hashes, notes.parse(checkpoint))
