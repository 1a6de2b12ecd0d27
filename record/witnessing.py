"""What is said to a witness and by it: a checkpoint that grows out of an older one, and the cosignature for it.

Pure. C2SP tlog-witness (`add-checkpoint`) and tlog-cosignature, by Ed25519 or ML-DSA-44.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from record import checkpoints, notes
from record.notes import Note, NoteError, Signature

_ED25519, _ML_DSA_44 = 0x04, 0x06
_KEY_BYTES = {_ED25519: 32, _ML_DSA_44: 1312}
_TIME_BYTES = 8
#: Later times are none (tlog-cosignature).
_TIMES_END = 2**63
_LABEL = b"subtree/v1\n\0"


@dataclass(frozen=True, slots=True)
class WitnessKey:
    """The verifier key of a witness."""

    name: str
    public_key: bytes
    kind: int = _ED25519  #: the algorithm's number

    @classmethod
    def parse(cls, text: str) -> WitnessKey:
        """From `NAME+HASH+KEY`, where the key's first byte says that it cosigns; NoteError where it is none."""
        name, kind, public_key = notes.parse_key(text, sizes=_KEY_BYTES, what="witness, for Ed25519 or ML-DSA-44")
        return cls(name, public_key, kind)

    @property
    def key_id(self) -> bytes:
        return notes.key_id(self.name, self.kind, self.public_key)

    def __str__(self) -> str:
        return notes.key_text(self.name, kind=self.kind, public_key=self.public_key)

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
        is_right = 0 < at < _TIMES_END and self._verifies(signature, text, at)
        return at if is_right else None

    def _verifies(self, signature: bytes, text: str, at: int) -> bool:
        if self.kind == _ED25519:
            return notes.verifies(self.public_key, signature, cosigned_text(text, at).encode())
        try:
            message = cosigned_message(self.name, text, at)
            MLDSA44PublicKey.from_public_bytes(self.public_key).verify(signature, message)
        except (InvalidSignature, ValueError, OverflowError, UnsupportedAlgorithm):
            return False
        return True


def cosigned_text(text: str, at: int) -> str:
    """What a witness signs by Ed25519 for a checkpoint's text."""
    return f"cosignature/v1\ntime {at}\n{text}"


def cosigned_message(name: str, text: str, at: int) -> bytes:
    """What it signs by ML-DSA-44: its own name, the time, origin, the whole tree and its root."""
    found, cosigner = checkpoints.parse(text), name.encode()
    origin = found.origin.encode()
    sizes = (0).to_bytes(8) + found.size.to_bytes(8)
    return b"".join(
        (_LABEL, len(cosigner).to_bytes(), cosigner, at.to_bytes(8), len(origin).to_bytes(), origin, sizes, found.root)
    )


def request(*, old_size: int, proof: Sequence[bytes], checkpoint: Note) -> str:
    """The body of `add-checkpoint`."""
    lines = "".join(f"{base64.b64encode(each).decode()}\n" for each in proof)
    return f"old {old_size}\n{lines}\n{checkpoint}"


def answered(body: str) -> tuple[Signature, ...]:
    """The cosignatures of an answer; NoteError where it holds none."""
    if not body.endswith("\n"):
        raise NoteError("does not end with a line's end")
    return notes.signatures(body)
