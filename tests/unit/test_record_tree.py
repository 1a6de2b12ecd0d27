"""The tree of the record: its roots, and how it grows, against the definition of RFC 6962."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from record import tree
from tests.unit.merkle import LEAVES, MadeUp, Stored, TooFew, defined

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
SIZES = [*range(71), 255, 256, 257, 511, 512, 513, 1000, 65_535, 65_536, 65_793]
fixed = settings(max_examples=40, database=None, derandomize=True, deadline=None)


def complete(first: int, size: int) -> list[tuple[int, int, bytes]]:
    """The parts of 256 and 65,536 leaves that become complete between two sizes, as they must be told."""
    return [
        (level, number, defined(number * 256**level, (number + 1) * 256**level))
        for level in (1, 2)
        for number in range(first // 256**level, size // 256**level)
    ]


@pytest.mark.parametrize("size", range(9))
def test_the_roots_are_those_of_other_implementations(size: int) -> None:
    growing = tree.Growing()
    growing.add(map(tree.leaf_hash, KNOWN_LEAVES[:size]))

    assert growing.root().hex() == KNOWN_ROOTS[size]


def test_a_node_is_hashed_as_other_implementations_do() -> None:
    leaves = [tree.leaf_hash(each) for each in KNOWN_LEAVES[:2]]

    assert tree.node_hash(*leaves).hex() == KNOWN_ROOTS[2]
    assert tree.EMPTY_ROOT.hex() == KNOWN_ROOTS[0]


@pytest.mark.parametrize("size", SIZES)
def test_a_root_is_what_the_definition_says_however_it_is_computed(size: int) -> None:
    growing = tree.Growing()
    growing.add(LEAVES[:size])

    assert tree.root(Stored(size), size) == growing.root() == defined(0, size)
    assert tree.Growing.from_size(Stored(size), size).root() == defined(0, size)
    assert (growing.size, sorted(growing.complete)) == (size, complete(0, size))


@fixed
@given(st.integers(0, 600), st.lists(st.integers(0, 400), max_size=5))
def test_a_tree_that_goes_on_in_pieces_is_the_tree_from_the_beginning(size: int, pieces: list[int]) -> None:
    growing = tree.Growing.from_size(Stored(size), size)
    for piece in pieces:
        growing.add(LEAVES[growing.size : growing.size + piece])

    assert growing.size == size + sum(pieces)
    assert growing.root() == defined(0, growing.size)
    assert growing.complete == complete(size, growing.size)


def test_a_growing_tree_tells_parts_of_parts() -> None:
    growing = tree.Growing.from_size(Stored(65_535), 65_535)
    growing.add(LEAVES[65_535:65_537])

    assert growing.complete == [(1, 255, defined(65_280, 65_536)), (2, 0, defined(0, 65_536))]
    assert growing.root() == defined(0, 65_537)


@pytest.mark.parametrize("size", [5_000_000, 2**24 - 1, 2**24, 2**40 + 12_345, 2**63 - 1])
def test_the_root_of_a_long_log_reads_little(size: int) -> None:
    stored = MadeUp(size)
    tree.root(stored, size)

    assert stored.calls <= size.bit_length()
    assert stored.hashes <= 256 * (1 + size.bit_length() // 8)


@pytest.mark.parametrize("size", [1, 100, 256, 300, 65_536])
def test_a_hash_that_is_missing_is_not_left_out(size: int) -> None:
    with pytest.raises(ValueError, match="hashes of level"):
        tree.root(TooFew(size), size)
    with pytest.raises(ValueError, match="hashes of level"):
        tree.Growing.from_size(TooFew(size), size)


def test_no_tree_has_fewer_leaves_than_none() -> None:
    with pytest.raises(ValueError, match="no tree has -1 leaves"):
        tree.root(Stored(3), -1)
