"""The definitions of RFC 6962, section 2.1, as they stand there, and hashes that are stored; for the tests beside it.

It shares no line with `record.tree`, which is measured by it.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence

#: The hashes of the leaves of the trees that are tried.
LEAVES = [hashlib.sha256(b"\x00" + str(number).encode()).digest() for number in range(66_000)]
#: The hash of nothing that is in a tree.
OTHER = hashlib.sha256(b"in no tree").digest()


@functools.cache
def defined(start: int, end: int) -> bytes:
    """MTH of the leaves `start` to `end`."""
    if start == end:
        return hashlib.sha256().digest()
    if end - start == 1:
        return LEAVES[start]
    middle = start + half(end - start)
    return hashlib.sha256(b"\x01" + defined(start, middle) + defined(middle, end)).digest()


def path(index: int, start: int, end: int) -> list[bytes]:
    """PATH of section 2.1.1; the index counts from `start`."""
    if end - start == 1:
        return []
    split = half(end - start)
    middle = start + split
    if index < split:
        return [*path(index, start, middle), defined(middle, end)]
    return [*path(index - split, middle, end), defined(start, middle)]


def subproof(first: int, start: int, end: int, *, is_whole: bool = True) -> list[bytes]:
    """SUBPROOF of section 2.1.2."""
    if first == end - start:
        return [] if is_whole else [defined(start, end)]
    split = half(end - start)
    middle = start + split
    if first <= split:
        return [*subproof(first, start, middle, is_whole=is_whole), defined(middle, end)]
    return [*subproof(first - split, middle, end, is_whole=False), defined(start, middle)]


def half(number: int) -> int:
    """The largest power of two below the number."""
    found = 1
    while found * 2 < number:
        found *= 2
    return found


class Stored:
    """Hashes of a tree as a database keeps them; it counts what is read, and refuses what is not complete."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.calls = self.hashes = 0

    def leaves(self, start: int, end: int) -> Sequence[bytes]:
        return self._read(0, start, end)

    def roots(self, level: int, start: int, end: int) -> Sequence[bytes]:
        assert level >= 1
        return self._read(level, start, end)

    def _read(self, level: int, start: int, end: int) -> Sequence[bytes]:
        width = 256**level
        assert 0 <= start < end <= start + 256
        assert end * width <= self.size
        self.calls += 1
        self.hashes += end - start
        return [self.hash(level, number) for number in range(start, end)]

    def hash(self, level: int, number: int) -> bytes:
        return defined(number * 256**level, (number + 1) * 256**level)


class MadeUp(Stored):
    """A tree of any size, whose hashes follow from their places and not from each other."""

    def hash(self, level: int, number: int) -> bytes:
        return hashlib.sha256(f"{level}/{number}".encode()).digest()


class TooFew(Stored):
    """The last hash is missing, each time."""

    def _read(self, level: int, start: int, end: int) -> Sequence[bytes]:
        return super()._read(level, start, end)[:-1]


def flipped(value: bytes, bit: int) -> bytes:
    """The value with another bit."""
    return (int.from_bytes(value) ^ 1 << bit).to_bytes(len(value))
