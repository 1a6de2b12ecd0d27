"""The cookie of somebody who has shown a token once: signed, for twelve hours, and never longer than the token."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from web.access import Caller, Role, Token

COOKIE = "mirrorpoint"
LASTS = timedelta(hours=12)
#: Who came by the one-time link, where no tokens are configured.
LOCAL = Token("local", "", Role.OPERATE)


@dataclass(frozen=True, slots=True)
class Sessions:
    """Makes and reads cookies. `tokens`: those of the configuration; none: the one-time link gives the only role."""

    key: bytes = field(repr=False)
    tokens: Sequence[Token]

    def make(self, caller: Caller, *, now: datetime) -> str:
        """The cookie's value."""
        token = next(each for each in self._known() if each.name == caller.name)
        body = json.dumps([token.name, self._mark(token), int((now + LASTS).timestamp())]).encode()
        return f"{_text(body)}.{_text(self._sign(body))}"

    def read(self, value: str, *, now: datetime) -> Caller | None:
        """Whose it is; None where it is over, forged, or its token is not what it was."""
        try:
            body, signature = (_bytes(part) for part in value.split("."))
        except (ValueError, binascii.Error):
            return None
        if not hmac.compare_digest(signature, self._sign(body)):
            return None
        name, mark, until = json.loads(body)
        token = next((each for each in self._known() if each.name == name and self._mark(each) == mark), None)
        return None if token is None or until <= now.timestamp() else Caller(token.name, token.role)

    def _known(self) -> Sequence[Token]:
        return self.tokens or (LOCAL,)

    def _mark(self, token: Token) -> str:
        """Changes with the token and its role; nothing of the token can be learnt from it."""
        return self._sign(f"token {token.role} {token.secret}".encode()).hex()[:32]

    def _sign(self, body: bytes) -> bytes:
        return hmac.digest(self.key, body, hashlib.sha256)


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
