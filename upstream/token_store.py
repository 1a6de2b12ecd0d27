"""What all processes share about a source's sign-in; implemented over the database by who wires, in memory here.

Called by sign_in.py. Tokens are in clear at this door, encrypted by the store that keeps them.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

SIGN_INS_KEPT = 30


@dataclass(frozen=True, slots=True)
class Kept:
    """The tokens of a sign-in."""

    access: str = field(repr=False)
    refresh: str | None = field(repr=False)
    expires_at: float  #: seconds since the epoch; not used any more from then on, a little before the source says so


@dataclass(frozen=True, slots=True)
class Refusal:
    """That credentials have been refused, so that others need not try them."""

    at: float  #: seconds since the epoch
    reason: str


class TokenStore(Protocol):
    """`name` is the source and an account of it in one text, such as `backoffice:5f1d0c2b9a77`."""

    def load(self, name: str) -> Kept | None: ...

    def save(self, name: str, kept: Kept) -> None: ...

    def exclusive(self, name: str) -> AbstractContextManager[object]:
        """Held by one caller of one process at a time, for as long as a sign-in may take."""

    def sign_in_times(self, name: str) -> Sequence[float]:
        """When sign-ins were tried, of the last hour the last 30; seconds since the epoch."""

    def note_sign_in(self, name: str, at: float) -> None: ...

    def refusal(self, name: str) -> Refusal | None:
        """The last one."""

    def note_refusal(self, name: str, refusal: Refusal) -> None: ...


class LocalTokenStore:
    """A store for a single process, held in memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, Kept] = {}
        self._times: dict[str, list[float]] = {}
        self._refusals: dict[str, Refusal] = {}

    def load(self, name: str) -> Kept | None:
        return self._kept.get(name)

    def save(self, name: str, kept: Kept) -> None:
        self._kept[name] = kept

    def exclusive(self, name: str) -> AbstractContextManager[object]:  # noqa: ARG002
        return self._lock

    def sign_in_times(self, name: str) -> Sequence[float]:
        return tuple(self._times.get(name, ()))

    def note_sign_in(self, name: str, at: float) -> None:
        self._times[name] = [*self._times.get(name, ()), at][-SIGN_INS_KEPT:]

    def refusal(self, name: str) -> Refusal | None:
        return self._refusals.get(name)

    def note_refusal(self, name: str, refusal: Refusal) -> None:
        self._refusals[name] = refusal
