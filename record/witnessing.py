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
#: Later times are none (tlog-cosignature).
_TIMES_END = 2**63


@dataclass(frozen=True, slots=True)
class WitnessKey:
    """The verifier key of a witness."""

    name: str
    public_key: bytes

    @classmethod
    def parse(cls, text: str) -> WitnessKey:
        """From `NAME+HASH+KEY`, where the key's first byte says that it cosigns; NoteError where it is none."""
        return cls(*notes.parse_key(text, kind=_COSIGNATURE_V1, what="witness"))

    @property
    def key_id(self) -> bytes:
        return notes.key_id(self.name, _COSIGNATURE_V1, self.public_key)

    def __str__(self) -> str:
        return notes.key_text(self.name, kind=_COSIGNATURE_V1, public_key=self.public_key)

    def cosigned_at(self, note: Note) -> int | None:
        """When the witness first saw the checkpoint, in seconds since 1970.

        None where the note has no cosignature of it, or one of them is wrong.
        """
        times = [
            self._time_of(each, note.text)
            for each in note.signatures
            if (each.name, each.key_id) == (self.name, self.key_id)
        ]
        right = [at for at in times if at is not None]
        return min(right) if right and len(right) == len(times) else None

    def _time_of(self, found: Signature, text: str) -> int | None:
        """The time of a cosignature that is right; one without a time says nothing of when."""
        at, signature = int.from_bytes(found.value[:_TIME_BYTES]), found.value[_TIME_BYTES:]
        is_right = 0 < at < _TIMES_END and notes.verifies(self.public_key, signature, cosigned_text(text, at).encode())
        return at if is_right else None


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
