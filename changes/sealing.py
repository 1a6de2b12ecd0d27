"""Makes secrets unreadable: sealed where only their change matters, encrypted where they are used later.

Called by the scan on every secret member of a document, and by storage for the tokens of points and sources.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
from collections.abc import Callable

from changes import fingerprint
from changes.records import Json

_KEY_BYTES = 32
_SEALED = re.compile(r"sealed:[0-9a-f]{32}")
_CURE = "a seal key is 32 bytes in url-safe base64 (44 characters); `mirrorpoint init` writes one"


class SealKeyError(Exception):
    """The seal key is not the one that this text was encrypted with."""


class Vault:
    """Seals, encrypts and signs with keys derived from one, so that no use weakens another."""

    __slots__ = ("_box", "_seal_key", "cookie_key")

    def __init__(self, key: bytes) -> None:
        # Imported here: it takes longer than all else in this room, and most commands never seal anything.
        from cryptography.fernet import Fernet
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        if len(key) != _KEY_BYTES:
            raise ValueError(f"the seal key has {len(key)} bytes: {_CURE}")

        def derived(use: bytes) -> bytes:
            return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=b"mirrorpoint " + use).derive(key)

        self._seal_key = derived(b"seal")
        self.cookie_key = derived(b"cookie")  #: signs the cookies of the page
        self._box = Fernet(base64.urlsafe_b64encode(derived(b"encrypt")))

    def __repr__(self) -> str:
        return "Vault(…)"

    def seal(self, value: Json) -> Json:
        """`sealed:` and 32 hexadecimal digits, equal for equal values; null, "" and what is sealed stay as they are."""
        if value is None or value == "" or is_sealed(value):
            return value
        return "sealed:" + hmac.digest(self._seal_key, fingerprint.canonical(value), hashlib.sha256).hex()[:32]

    def encrypt(self, text: str) -> str:
        """A text that `decrypt` reads back; another one each time."""
        return self._box.encrypt(text.encode()).decode("ascii")

    def decrypt(self, text: str) -> str:
        """What `encrypt` was given; `SealKeyError` where the key does not fit or the text was altered."""
        from cryptography.fernet import InvalidToken

        try:
            return self._box.decrypt(text.encode()).decode()
        except InvalidToken:
            raise SealKeyError(
                "a secret in the database was encrypted with another seal key: "
                "put the former key back where `storage.seal_key` points, or enter the secret again"
            ) from None


#: What `Vault.seal` is to those who only pass it on.
Seal = Callable[[Json], Json]


def is_sealed(value: Json) -> bool:
    """Whether it is what `Vault.seal` writes."""
    return isinstance(value, str) and _SEALED.fullmatch(value) is not None


def new_key() -> str:
    """A fresh seal key as it stands in its file."""
    return base64.urlsafe_b64encode(os.urandom(_KEY_BYTES)).decode("ascii")


def check_value(key: bytes) -> str:
    """By this a database knows its key again; nothing of the key can be learnt from it."""
    return hmac.digest(key, b"mirrorpoint seal key check", hashlib.sha256).hex()


def read_key(text: str) -> bytes:
    """The 32 bytes of a key as it stands in its file; `ValueError` with the cure."""
    try:
        key = base64.b64decode(text.strip().encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise ValueError(f"the seal key is not url-safe base64: {_CURE}") from None
    if len(key) != _KEY_BYTES:
        raise ValueError(f"the seal key has {len(key)} bytes: {_CURE}")
    return key
