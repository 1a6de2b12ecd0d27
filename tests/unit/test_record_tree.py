"""The tree of the record, against the recursive definitions of RFC 6962 written a second time."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from record import tree

#: The leaves and roots that implementations of RFC 6962 test themselves with.
KNOWN_LEAVES = [bytes.fromhex(each) for each in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
KNOWN_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
SIZES = [*range(1, 70), 255, 256, 257, 511, 512, 513, 1000, 1025]
LEAVES = [tree.leaf_hash(str(number).encode()) for number in range(1100)]
OTHER = hashlib.sha256(b"in no tree").digest()
fixed = settings(max_examples=60, database=None, derandomize=True, deadline=None)


def defined(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, over hashes of leaves."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    half = _half(len(leaves))
    return hashlib.sha256(b"\x01" + defined(leaves[:half]) + defined(leaves[half:])).digest()


def path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH of section 2.1.1."""
    if len(leaves) == 1:
        return []
    half = _half(len(leaves))
    if index < half:
        return [*path(index, leaves[:half]), defined(leaves[half:])]
    return [*path(index - half, leaves[half:]), defined(leaves[:half])]


def subproof(first: int, leaves: Sequence[bytes], is_whole: bool = True) -> list[bytes]:
    """SUBPROOF of section 2.1.2."""
    if first == len(leaves):
        return [] if is_whole else [defined(leaves)]
    half = _half(len(leaves))
    if first <= half:
        return [*subproof(first, leaves[:half], is_whole), defined(leaves[half:])]
    return [*subproof(first - half, leaves[half:], False), defined(leaves[:half])]


def _half(number: int) -> int:
    half = 1
    while half * 2 < number:
        half *= 2
    return half


class Stored:
    """Hashes of a tree as a database keeps them; it counts what is read."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self.all = leaves
        self.calls = self.hashes = 0

    def leaves(self, start: int, end: int) -> Sequence[bytes]:
        self._note(end - start)
        return self.all[start:end]

    def roots(self, level: int, start: int, end: int) -> Sequence[bytes]:
        self._note(end - start)
        width = 256**level
        return [defined(self.all[number * width : (number + 1) * width]) for number in range(start, end)]

    def _note(self, number: int) -> None:
        assert 0 < number <= 256
        self.calls += 1
        self.hashes += number


class Large:
    """A tree of any size, whose hashes follow from their places."""

    def __init__(self) -> None:
        self.calls = 0

    def leaves(self, start: int, end: int) -> Sequence[bytes]:
        return self.roots(0, start, end)

    def roots(self, level: int, start: int, end: int) -> Sequence[bytes]:
        assert end - start <= 256
        self.calls += 1
        return [hashlib.sha256(f"{level}/{number}".encode()).digest() for number in range(start, end)]


@pytest.mark.parametrize("size", range(9))
def test_the_roots_are_those_of_other_implementations(size: int) -> None:
    leaves = [tree.leaf_hash(each) for each in KNOWN_LEAVES[:size]]
    assert tree.root(Stored(leaves), size).hex() == KNOWN_ROOTS[size]


@pytest.mark.parametrize("size", SIZES)
def test_a_root_is_what_the_definition_says_however_it_is_computed(size: int) -> None:
    leaves = LEAVES[:size]
    growing = tree.Growing()
    growing.add(leaves)
    assert tree.root(Stored(leaves), size) == growing.root() == defined(leaves)


@pytest.mark.parametrize("size", SIZES)
def test_a_growing_tree_tells_the_parts_that_are_complete(size: int) -> None:
    growing = tree.Growing()
    growing.add(LEAVES[:size])
    whole = [(1, number, defined(LEAVES[number * 256 : (number + 1) * 256])) for number in range(size // 256)]
    assert growing.complete == whole


def test_a_growing_tree_tells_parts_of_parts() -> None:
    growing = tree.Growing.from_size(Large(), 65_535)
    growing.add([LEAVES[0]])
    assert [(level, number) for level, number, _ in growing.complete] == [(1, 255), (2, 0)]
    assert growing.complete[-1][2] == growing.root()


@fixed
@given(st.integers(0, 600), st.integers(0, 400))
def test_a_tree_that_goes_on_from_a_size_is_the_tree_from_the_beginning(size: int, more: int) -> None:
    growing = tree.Growing.from_size(Stored(LEAVES), size)
    growing.add(LEAVES[size : size + more])
    assert (growing.size, growing.root()) == (size + more, defined(LEAVES[: size + more]))


@fixed
@given(st.integers(1, 600), st.data())
def test_an_inclusion_proof_is_that_of_the_definition_and_holds_for_its_leaf_alone(
    size: int, data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, size - 1))
    leaves, expected = LEAVES[:size], defined(LEAVES[:size])
    proof = tree.inclusion(Stored(leaves), index, size)
    assert proof == path(index, leaves)
    assert tree.verify_inclusion(leaves[index], index, size, proof, expected)
    assert not tree.verify_inclusion(OTHER, index, size, proof, expected)
    assert not tree.verify_inclusion(leaves[index], index, size, [*proof, OTHER], expected)
    assert not proof or not tree.verify_inclusion(leaves[index], index, size, proof[:-1], expected)
    assert not tree.verify_inclusion(leaves[index], index, size, proof, OTHER)
    for number, each in enumerate(proof):
        other = bytes([each[0] ^ 1]) + each[1:]
        assert not tree.verify_inclusion(
            leaves[index], index, size, [*proof[:number], other, *proof[number + 1 :]], expected
        )
    assert size == 1 or not tree.verify_inclusion(leaves[index], (index + 1) % size, size, proof, expected)


@fixed
@given(st.integers(1, 600), st.data())
def test_a_consistency_proof_is_that_of_the_definition_and_holds_for_its_trees_alone(
    size: int, data: st.DataObject
) -> None:
    first = data.draw(st.integers(1, size))
    older, newer = defined(LEAVES[:first]), defined(LEAVES[:size])
    proof = tree.consistency(Stored(LEAVES), first, size)
    assert proof == subproof(first, LEAVES[:size])
    assert tree.verify_consistency(first, size, proof, older, newer)
    assert not tree.verify_consistency(first, size, [*proof, OTHER], older, newer)
    assert not proof or not tree.verify_consistency(first, size, proof[:-1], older, newer)
    assert not tree.verify_consistency(first, size, proof, OTHER, newer)
    assert not tree.verify_consistency(first, size, proof, older, OTHER)
    for number, each in enumerate(proof):
        other = bytes([each[0] ^ 1]) + each[1:]
        assert not tree.verify_consistency(first, size, [*proof[:number], other, *proof[number + 1 :]], older, newer)


def test_every_tree_begins_with_the_empty_one() -> None:
    assert tree.verify_consistency(0, 3, [], tree.EMPTY_ROOT, defined(LEAVES[:3]))
    assert not tree.verify_consistency(0, 3, [], LEAVES[0], defined(LEAVES[:3]))
    assert not tree.verify_consistency(4, 3, [], LEAVES[0], OTHER)


@pytest.mark.parametrize("size", [5_000_000, 16_777_216, 2**40 + 12345])
def test_a_proof_of_a_long_log_reads_little(size: int) -> None:
    for index in (0, size // 3, size - 1):
        large = Large()
        proof = tree.inclusion(large, index, size)
        assert len(proof) <= size.bit_length()
        assert large.calls <= 2 * size.bit_length()
    large = Large()
    assert len(tree.consistency(large, size // 3, size)) <= size.bit_length() + 1
    assert large.calls <= 3 * size.bit_length()


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_there_is_no_proof_for_a_leaf_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="has no leaf"):
        tree.inclusion(Stored(LEAVES), index, size)
    assert not tree.verify_inclusion(LEAVES[0], index, size, [], OTHER)
