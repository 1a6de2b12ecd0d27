"""Who may do what: roles, the tokens that give them, and what a request says of its sender; used by guard.py.

A token of the configuration gives a role. A point's own local token lets it read the feed, and nothing else.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple


class Role(IntEnum):
    """Each includes those before it."""

    METRICS = 1
    READ = 2
    OPERATE = 3


@dataclass(frozen=True, slots=True)
class Token:
    """A token of the configuration."""

    name: str
    secret: str = field(repr=False)
    role: Role


class Caller(NamedTuple):
    """Who sends a request: somebody with a role, or a point."""

    name: str  #: the token's name, `local` for the one-time link, or the point's code
    role: Role | None = None  #: None: a point
    point: str | None = None  #: its code
    sealed: str | None = None  #: of a point: its local token, as the database keeps it

    def may(self, role: Role) -> bool:
        return self.role is not None and self.role >= role


#: Whoever may read what is open on loopback where no tokens are configured.
NOBODY = Caller("nobody", Role.METRICS)


class Credentials(NamedTuple):
    """What an Authorization header holds: a token, and with Basic the name beside it."""

    token: str
    name: str | None = None


def credentials(header: str) -> Credentials | None:
    """Out of `Bearer TOKEN` or `Basic base64(NAME:TOKEN)`; None for anything else."""
    scheme, _, rest = header.strip().partition(" ")
    if scheme.lower() == "bearer" and rest.strip():
        return Credentials(rest.strip())
    if is_basic(header):
        try:
            text = base64.b64decode(rest.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return None
        name, mark, token = text.partition(":")
        return Credentials(token, name) if mark and token else None
    return None


def is_basic(header: str) -> bool:
    """Whether a browser may send it by itself: it keeps what somebody has typed into its own window."""
    return header.strip().partition(" ")[0].lower() == "basic"


def caller_with(tokens: Sequence[Token], given: Credentials) -> Caller | None:
    """The one that the token belongs to; takes equally long whether and where it differs.

    With Basic the name may be the token's, or empty.
    """
    found = None
    for token in tokens:
        fits = hmac.compare_digest(_digest(token.secret), _digest(given.token))
        if fits and given.name in {None, "", token.name}:
            found = Caller(token.name, token.role)
    return found


def _digest(text: str) -> bytes:
    """Of one length, so that not even the token's length is told by the time."""
    return hashlib.sha256(text.encode()).digest()
