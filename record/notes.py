"""Signed notes: a text and under it the lines of whoever signed it (C2SP signed-note), with Ed25519 keys.

Pure. A verifier key is `NAME+HASH+KEY`: the name, four bytes that tell keys of one name apart, and the public key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_ED25519 = 0x01
_ID_BYTES = 4
_KEY_BYTES = 32
#: What a line of a signature begins with.
_DASH = "\u2014 "
#: Control characters but for the line's end, and halves of characters, which have no form in UTF-8.
_NOT_TEXT = re.compile("[\x00-\x09\x0b-\x1f\ud800-\udfff]")
#: Longer notes are refused before anything is computed.
_MOST_CHARACTERS, _MOST_SIGNATURES = 1_000_000, 100


class NoteError(ValueError):
    """A note or a key that is none; says why."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A line under a note."""

    name: str
    key_id: bytes
    value: bytes

    @property
    def line(self) -> str:
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + self.value).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text that ends with a line's end, and the signatures under it."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        return f"{self.text}\n" + "".join(each.line for each in self.signatures)


class Several(NamedTuple):
    """What stands in a file of notes."""

    notes: list[Note]
    broken: list[str]  #: what is none, such as one that was cut off while it was written


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """Says whether a text was signed with the key of that name."""

    name: str
    public_key: bytes  #: 32 bytes

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """From `NAME+HASH+KEY`; NoteError where it is none."""
        name, _, public_key = parse_key(text, sizes={_ED25519: _KEY_BYTES}, what="log, for Ed25519")
        return cls(name, public_key)

    @property
    def key_id(self) -> bytes:
        return key_id(self.name, _ED25519, self.public_key)

    def __str__(self) -> str:
        return key_text(self.name, kind=_ED25519, public_key=self.public_key)

    def signatures_in(self, note: Note) -> list[Signature]:
        """Those that say that they are this key's."""
        return [each for each in note.signatures if (each.name, each.key_id) == (self.name, self.key_id)]

    def has_signed(self, note: Note) -> bool:
        """Whether the note has signatures of this key, and all of them are right."""
        own = self.signatures_in(note)
        return bool(own) and all(verifies(self.public_key, each.value, note.text.encode()) for each in own)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """Signs under a name."""

    name: str
    _private: Ed25519PrivateKey

    @classmethod
    def from_pem(cls, pem: str, *, name: str) -> SigningKey:
        """From PKCS#8 PEM; NoteError where it is none or of another kind."""
        check_name(name)
        try:
            key = serialization.load_pem_private_key(pem.encode(), password=None)
        except TypeError:
            raise NoteError("is locked with a password, and must not be") from None
        except (ValueError, UnsupportedAlgorithm):
            raise NoteError("is no private key in PKCS#8 PEM form") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise NoteError("is a private key, but no Ed25519 one")
        return cls(name, key)

    @property
    def verifier(self) -> VerifierKey:
        raw = self._private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return VerifierKey(self.name, raw)

    def under(self, name: str) -> SigningKey:
        """The same key under another name; its id is another one."""
        check_name(name)
        return SigningKey(name, self._private)

    def sign(self, text: str) -> Signature:
        verifier = self.verifier
        return Signature(verifier.name, verifier.key_id, self._private.sign(text.encode()))


def new_pem() -> str:
    """A new private key, as `init` writes it."""
    return (
        Ed25519PrivateKey.generate()
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        .decode()
    )


def signed(text: str, keys: Iterable[SigningKey]) -> Note:
    """The text, which ends with a line's end, signed by all the keys; NoteError where `parse` would not read it."""
    if not text.endswith("\n"):
        raise NoteError("the text of a note must end with a line's end")
    _check_text(text)
    note = Note(text, tuple(key.sign(text) for key in keys))
    if not note.signatures:
        raise NoteError("a note must be signed by somebody")
    parse(str(note))  # with its signatures it may be too long
    return note


def parse(note: str) -> Note:
    """A note as it is written. Signatures are not verified: see `VerifierKey.has_signed`."""
    _check_text(note)
    text, mark, lines = note.rpartition("\n\n")
    if not mark or not lines.endswith("\n"):
        raise NoteError("has no empty line between its text and its signatures, or does not end with a line's end")
    found = signatures(lines)
    return Note(text + "\n", found)


def read_all(text: str) -> Several:
    """Notes that stand one after the other, as `note_files` writes them; an empty line between them may be missing.

    The text of each is taken to have no empty line, which is so of checkpoints: else one that was cut off would become
    a part of the next.
    """
    found = Several([], [])
    body, lines, has_gap = list[str](), list[str](), False

    def end() -> None:
        nonlocal body, lines, has_gap
        written = "\n".join([*body, *([""] if has_gap else []), *lines]) + "\n"
        try:
            found.notes.append(parse(written))
        except NoteError:
            if body or lines:
                found.broken.append(written.strip("\n"))
        body, lines, has_gap = [], [], False

    for line in text.replace("\r\n", "\n").split("\n"):
        if line.startswith(_DASH):
            lines.append(line)
        elif not line and not lines:
            has_gap = bool(body)
        elif not line:
            end()
        else:
            if lines or has_gap:
                end()
            body.append(line)
    end()
    return found


def signatures(lines: str) -> tuple[Signature, ...]:
    """Lines of signatures, as they stand under a note and as a witness answers."""
    found = []
    for line in lines.removesuffix("\n").split("\n"):
        name, _, value = line.removeprefix(_DASH).partition(" ")
        if not line.startswith(_DASH) or not name or not value:
            raise NoteError(f"has a line that is no signature: {line[:80]!r}")
        check_name(name)
        decoded = from_base64(value, what="has a signature that")
        if len(decoded) <= _ID_BYTES:
            raise NoteError("has a signature that is too short")
        found.append(Signature(name, decoded[:_ID_BYTES], decoded[_ID_BYTES:]))
        if len(found) > _MOST_SIGNATURES:
            raise NoteError("has too many signatures")
    return tuple(found)


def parse_key(text: str, *, sizes: Mapping[int, int], what: str) -> tuple[str, int, bytes]:
    """Name, kind and public key of a verifier key; NoteError tells `what` it should have been of.

    `sizes`: the kinds that it may be of, each with the bytes of its keys.
    """
    name, _, rest = text.strip().partition("+")
    id_text, mark, encoded = rest.partition("+")
    if not mark:
        raise NoteError("is no verifier key: that is NAME+HASH+KEY")
    check_name(name)
    decoded = from_base64(encoded, what="is no verifier key: its KEY")
    if not decoded or len(decoded) - 1 != sizes.get(decoded[0]):
        raise NoteError(f"is no verifier key of a {what}")
    kind, public_key = decoded[0], decoded[1:]
    if id_text.lower() != key_id(name, kind, public_key).hex():
        raise NoteError("is no verifier key: its hash does not fit its name and key")
    return name, kind, public_key


def key_text(name: str, *, kind: int, public_key: bytes) -> str:
    """The verifier key that `parse_key` reads."""
    encoded = base64.b64encode(bytes([kind]) + public_key).decode()
    return f"{name}+{key_id(name, kind, public_key).hex()}+{encoded}"


def key_id(name: str, kind: int, public_key: bytes) -> bytes:
    """Four bytes that tell the keys of one name apart; `kind` is the algorithm's number in signed-note."""
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public_key).digest()[:_ID_BYTES]


def check_name(name: str) -> None:
    """NoteError where a key may not be called that."""
    if not name or "+" in name or _NOT_TEXT.search(name) or any(map(str.isspace, name)):
        raise NoteError(f'"{name}" cannot be the name of a key: it must not be empty nor hold spaces or "+"')


def verifies(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the Ed25519 signature is right."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def signed_by(note: Note, keys: Sequence[VerifierKey]) -> list[VerifierKey]:
    """Those of the keys that have signed it; NoteError where a signature of one of them is wrong.

    Signatures of other keys say nothing, right or wrong.
    """
    there = [key for key in keys if key.signatures_in(note)]
    for key in there:
        if not key.has_signed(note):
            raise NoteError(f"has a wrong signature of {key.name}")
    return there


def _check_text(text: str) -> None:
    if len(text) > _MOST_CHARACTERS:
        raise NoteError("is too long for a note")
    if _NOT_TEXT.search(text):
        raise NoteError("holds control characters, or halves of characters")


def from_base64(text: str, *, what: str) -> bytes:
    """Base64 in its one form; NoteError where it is none. Python itself lets the last bits of the text be anything."""
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    if not decoded or base64.b64encode(decoded).decode() != text:
        raise NoteError(f"{what} is not base64")
    return decoded
