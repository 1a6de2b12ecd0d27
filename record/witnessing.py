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
_LABEL = b"subtree/v1\n\0"


@dataclass(frozen=True, slots=True)
class WitnessKey:
    """The verifier key of a witness."""

    name: str
    public_key: bytes
    kind: int = _ED25519  #: the algorithm's number

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
        if not mark or not decoded or len(decoded) - 1 != _KEY_BYTES.get(decoded[0]):
            raise NoteError("is no verifier key of a witness (NAME+HASH+KEY, for Ed25519 or ML-DSA-44 cosignatures)")
        found = cls(name, decoded[1:], decoded[0])
        if id_text.lower() != found.key_id.hex():
            raise NoteError("the witness key's hash does not fit its name and key")
        return found

    @property
    def key_id(self) -> bytes:
        return notes.key_id(self.name, self.kind, self.public_key)

    def __str__(self) -> str:
        key = base64.b64encode(bytes([self.kind]) + self.public_key).decode()
        return f"{self.name}+{self.key_id.hex()}+{key}"

    def cosigned_at(self, note: Note) -> int | None:
        """When the witness saw the checkpoint, in seconds since 1970; None where no cosignature of it is right."""
        for each in note.signatures:
            if (each.name, each.key_id) == (self.name, self.key_id) and len(each.value) > _TIME_BYTES:
                at = int.from_bytes(each.value[:_TIME_BYTES])
                if self._verifies(each.value[_TIME_BYTES:], note.text, at):
                    return at
        return None

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
