"""What is said to a witness and by it: a checkpoint that grows out of an older one, and the cosignature for it.

Pure. C2SP tlog-witness (`add-checkpoint`) and tlog-cosignature (`cosignature/v1`).
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from record import notes
from record.notes import Note, NoteError, Signature

_COSIGNATURE_V1 = 0x04
_TIME_BYTES = 8


@dataclass(frozen=True, slots=True)
class WitnessKey:
    """The verifier key of a witness."""

    name: str
    public_key: bytes

    @classmethod
    def parse(cls, text: str) -> WitnessKey:
        """From `NAME+HASH+KEY`, where the key's first byte says that it cosigns."""
        name, _, rest = text.strip().partition("+")
        id_text, mark, key_text = rest.partition("+")
        notes.check_name(name)
        try:
            decoded = base64.b64decode(key_text, validate=True)
        except ValueError:
            decoded = b""
        if not mark or len(decoded) != 33 or decoded[0] != _COSIGNATURE_V1:
            raise NoteError("is no verifier key of a witness (NAME+HASH+KEY, for Ed25519 cosignatures)")
        found = cls(name, decoded[1:])
        if id_text.lower() != found.key_id.hex():
            raise NoteError("the witness key's hash does not fit its name and key")
        return found

    @property
    def key_id(self) -> bytes:
        return notes.key_id(self.name, _COSIGNATURE_V1, self.public_key)

    def __str__(self) -> str:
        key = base64.b64encode(bytes([_COSIGNATURE_V1]) + self.public_key).decode()
        return f"{self.name}+{self.key_id.hex()}+{key}"

    def cosigned_at(self, note: Note) -> int | None:
        """When the witness saw the checkpoint, in seconds since 1970; None where no cosignature of it is right."""
        for each in note.signatures:
            if (each.name, each.key_id) == (self.name, self.key_id) and len(each.value) > _TIME_BYTES:
                at = int.from_bytes(each.value[:_TIME_BYTES])
                if notes.verifies(self.public_key, each.value[_TIME_BYTES:], cosigned_text(note.text, at).encode()):
                    return at
        return None


def cosigned_text(text: str, at: int) -> str:
    """What a witness signs for a checkpoint's text."""
    return f"cosignature/v1\ntime {at}\n{text}"


def request(*, old_size: int, proof: Sequence[bytes], checkpoint: Note) -> str:
    """The body of `add-checkpoint`."""
    lines = "".join(f"{base64.b64encode(each).decode()}\n" for each in proof)
    return f"old {old_size}\n{lines}\n{checkpoint}"


def answered(body: str) -> tuple[Signature, ...]:
    """The cosignatures of an answer; NoteError where it holds none."""
    if not body.endswith("\n"):
        raise NoteError("does not end with a line's end")
    return notes.signatures(body)
