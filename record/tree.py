"""The Merkle tree of RFC 6962 over a log: its root, and proofs that one row, or an older tree, is in it.

Pure. Where hashes are stored is somebody else's matter (`Hashes`): of the leaves those of a complete part are read only
where a proof ends in it, everything above from the roots of parts of 256 leaves, of 256 such parts, and so on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

#: The root of a tree without leaves.
EMPTY_ROOT = hashlib.sha256(b"").digest()
HASH_BYTES = 32
#: Two to this power are the leaves of a part of level 1.
LEVEL_BITS = 8
_PART = 1 << LEVEL_BITS


class Hashes(Protocol):
    """Where the hashes of a tree are."""

    def leaves(self, start: int, end: int) -> Sequence[bytes]:
        """The hashes of the leaves `start` to `end`, exclusive."""
        ...

    def roots(self, level: int, start: int, end: int) -> Sequence[bytes]:
        """The roots of the complete parts `start` to `end`, exclusive, of 256 ** `level` leaves each; `level` >= 1."""
        ...


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(hashes: Hashes, size: int) -> bytes:
    """The root of the first `size` leaves."""
    if size < 0:
        raise ValueError(f"no tree has {size} leaves")
    return _range(hashes, 0, size) if size else EMPTY_ROOT


def inclusion(hashes: Hashes, index: int, size: int) -> list[bytes]:
    """The proof that leaf `index` is in the tree of `size` leaves (RFC 6962, section 2.1.1)."""
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    proof, start, end = list[bytes](), 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(_range(hashes, middle, end))
            end = middle
        else:
            proof.append(_range(hashes, start, middle))
            start = middle
    return proof[::-1]


def consistency(hashes: Hashes, first: int, second: int) -> list[bytes]:
    """The proof that the tree of `first` leaves is the beginning of that of `second` (RFC 6962, section 2.1.2).

    Every tree begins with the empty one; of that the proof is empty too, as witnesses ask for it.
    """
    if not 0 <= first <= second:
        raise ValueError(f"no tree of {first} leaves can be the beginning of one of {second}")
    if first == 0:
        return []
    proof, start, end, is_whole = list[bytes](), 0, second, True
    while first != end:
        middle = start + _split(end - start)
        if first <= middle:
            proof.append(_range(hashes, middle, end))
            end = middle
        else:
            proof.append(_range(hashes, start, middle))
            start, is_whole = middle, False
    if not is_whole:
        proof.append(_range(hashes, start, end))
    return proof[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected: bytes) -> bool:
    """Whether the proof leads from the leaf's hash to the root (RFC 9162, section 2.1.3.2)."""
    if not 0 <= index < size or not _are_hashes(leaf, *proof, expected):
        return False
    at, last, found = index, size - 1, leaf
    for each in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = node_hash(each, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, each)
        at, last = at >> 1, last >> 1
    return last == 0 and found == expected


def verify_consistency(first: int, second: int, proof: Sequence[bytes], first_root: bytes, second_root: bytes) -> bool:
    """Whether the proof leads from the older root to the newer one (RFC 9162, section 2.1.4.2)."""
    if not 0 <= first <= second or not _are_hashes(*proof, first_root, second_root):
        return False
    if first == 0 and first_root != EMPTY_ROOT:
        return False
    if first == second:
        return not proof and first_root == second_root
    if first == 0:
        return not proof
    path = list(proof)
    if first & (first - 1) == 0:
        path.insert(0, first_root)
    if not path:
        return False
    at, last = first - 1, second - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    older = newer = path[0]
    for each in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            older, newer = node_hash(each, older), node_hash(each, newer)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            newer = node_hash(newer, each)
        at, last = at >> 1, last >> 1
    return last == 0 and older == first_root and newer == second_root


@dataclass(slots=True)
class Growing:
    """A tree that leaves are added to; it holds the roots of its complete parts alone, at most one of each height."""

    size: int = 0
    complete: list[tuple[int, int, bytes]] = field(default_factory=list)
    """Level, number and root of the parts of 256 ** level leaves that were completed; for the caller to take."""
    _stack: list[tuple[int, bytes]] = field(default_factory=list)

    @classmethod
    def from_size(cls, hashes: Hashes, size: int) -> Growing:
        """The tree of the first `size` leaves, to go on from."""
        growing, start = cls(size), 0
        for height in range(size.bit_length() - 1, -1, -1):
            if size >> height & 1:
                growing._stack.append((height, _range(hashes, start, start + (1 << height))))
                start += 1 << height
        return growing

    def add(self, leaves: Iterable[bytes]) -> None:
        """Add leaves by their hashes, in order."""
        waiting = list(leaves)
        at = 0
        while at < len(waiting):
            # Where a part of level 1 begins and all its leaves are here, it is joined in one go.
            if not self.size % _PART and len(waiting) - at >= _PART:
                self._push(LEVEL_BITS, _joined(waiting[at : at + _PART]))
                at += _PART
            else:
                self._push(0, waiting[at])
                at += 1

    def _push(self, height: int, found: bytes) -> None:
        """Add a complete part of that height behind all others, and join what becomes complete by it."""
        self.size += 1 << height
        rest = self.size >> height
        while True:
            if height and height % LEVEL_BITS == 0:
                self.complete.append((height // LEVEL_BITS, rest - 1, found))
            if rest & 1:
                break
            found = node_hash(self._stack.pop()[1], found)
            height, rest = height + 1, rest >> 1
        self._stack.append((height, found))

    def root(self) -> bytes:
        """The root of what there is by now."""
        if not self._stack:
            return EMPTY_ROOT
        *others, (_, found) = self._stack
        for _, left in reversed(others):
            found = node_hash(left, found)
        return found


def _range(hashes: Hashes, start: int, end: int) -> bytes:
    """The root of the leaves `start` to `end`, a part as RFC 6962 splits a tree."""
    number = end - start
    if number & (number - 1) == 0:
        level = (number.bit_length() - 1) // LEVEL_BITS
        width = LEVEL_BITS * level
        return _joined(_read(hashes, level, start >> width, end >> width))
    if number < _PART:
        return _joined(_read(hashes, 0, start, end))
    middle = start + _split(number)
    return node_hash(_range(hashes, start, middle), _range(hashes, middle, end))


def _read(hashes: Hashes, level: int, start: int, end: int) -> Sequence[bytes]:
    """Hashes that are stored; of one too few a root would come that looks like any other, and a signature under it."""
    found = hashes.roots(level, start, end) if level else hashes.leaves(start, end)
    if len(found) != end - start:
        raise ValueError(f"{len(found)} hashes of level {level} were given from {start} on, and not {end - start}")
    return found


def _are_hashes(*given: bytes) -> bool:
    """Whether each has the length of a hash: two that are joined could else be cut at another place."""
    return all(len(each) == HASH_BYTES for each in given)


def _joined(hashes: Sequence[bytes]) -> bytes:
    """The root over hashes that stand side by side."""
    found, sha256 = list(hashes), hashlib.sha256
    while len(found) > 1:
        odd = found[-1:] if len(found) & 1 else []
        pairs = zip(found[::2], found[1::2], strict=False)
        found = [sha256(b"\x01" + left + right).digest() for left, right in pairs] + odd
    return found[0]


def _split(number: int) -> int:
    """The largest power of two below the number."""
    return 1 << (number - 1).bit_length() - 1
