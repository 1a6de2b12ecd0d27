"""Proofs of inclusion and consistency: those of RFC 6962, for their own trees, and for nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from record import tree
from tests.unit.merkle import LEAVES, OTHER, MadeUp, Stored, TooFew, defined, flipped, path, subproof
from tests.unit.test_record_tree import KNOWN_LEAVES, KNOWN_ROOTS

#: What implementations of RFC 6962 test themselves with, over the eight known leaves: index and size, or two sizes.
KNOWN_INCLUSIONS: dict[tuple[int, int], list[str]] = {
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
}
KNOWN_CONSISTENCIES: dict[tuple[int, int], list[str]] = {
    (1, 1): [],
    (1, 8): KNOWN_INCLUSIONS[0, 8],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
#: Sizes at which the way of reading changes.
EDGES = [255, 256, 257, 511, 512, 513, 1000, 65_535, 65_536, 65_537, 65_792]
fixed = settings(max_examples=40, database=None, derandomize=True, deadline=None)


class Known:
    """The known leaves."""

    def leaves(self, start: int, end: int) -> Sequence[bytes]:
        return [tree.leaf_hash(each) for each in KNOWN_LEAVES[start:end]]

    def roots(self, level: int, start: int, end: int) -> Sequence[bytes]:
        raise AssertionError(f"eight leaves have no part of level {level}: {start} to {end}")


@pytest.mark.parametrize(("index", "size"), KNOWN_INCLUSIONS)
def test_inclusion_proofs_are_those_of_other_implementations(index: int, size: int) -> None:
    proof = [bytes.fromhex(each) for each in KNOWN_INCLUSIONS[index, size]]
    leaf, expected = tree.leaf_hash(KNOWN_LEAVES[index]), bytes.fromhex(KNOWN_ROOTS[size])

    assert tree.inclusion(Known(), index, size) == proof
    assert tree.verify_inclusion(leaf, index, size, proof, expected)


@pytest.mark.parametrize(("first", "second"), KNOWN_CONSISTENCIES)
def test_consistency_proofs_are_those_of_other_implementations(first: int, second: int) -> None:
    proof = [bytes.fromhex(each) for each in KNOWN_CONSISTENCIES[first, second]]
    older, newer = bytes.fromhex(KNOWN_ROOTS[first]), bytes.fromhex(KNOWN_ROOTS[second])

    assert tree.consistency(Known(), first, second) == proof
    assert tree.verify_consistency(first, second, proof, older, newer)


def test_every_leaf_of_a_small_tree_has_the_proof_of_the_definition() -> None:
    for size in range(1, 71):
        for index in range(size):
            proof = tree.inclusion(Stored(size), index, size)
            assert proof == path(index, 0, size), (index, size)
            assert tree.verify_inclusion(LEAVES[index], index, size, proof, defined(0, size))


def test_every_beginning_of_a_small_tree_has_the_proof_of_the_definition() -> None:
    for size in range(1, 71):
        for first in range(1, size + 1):
            proof = tree.consistency(Stored(size), first, size)
            assert proof == subproof(first, 0, size)
            assert tree.verify_consistency(first, size, proof, defined(0, first), defined(0, size))


@pytest.mark.parametrize("size", EDGES)
def test_proofs_over_stored_parts_are_those_of_the_definition(size: int) -> None:
    for index in {0, 1, 255, 256, size // 2, size - 2, size - 1} & set(range(size)):
        proof = tree.inclusion(Stored(size), index, size)
        assert proof == path(index, 0, size)
        assert tree.verify_inclusion(LEAVES[index], index, size, proof, defined(0, size))
        proof = tree.consistency(Stored(size), index + 1, size)
        assert proof == subproof(index + 1, 0, size)
        assert tree.verify_consistency(index + 1, size, proof, defined(0, index + 1), defined(0, size))


@fixed
@given(st.integers(1, 700), st.data())
def test_an_inclusion_proof_holds_for_its_leaf_place_and_tree_alone(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof, expected = tree.inclusion(Stored(size), index, size), defined(0, size)
    assert proof == path(index, 0, size)

    def holds(proof: Sequence[bytes], *, leaf: bytes = LEAVES[index], at: int = index, root: bytes = expected) -> bool:
        return tree.verify_inclusion(leaf, at, size, proof, root)

    assert holds(proof)
    assert not holds(proof, leaf=OTHER)
    assert not holds(proof, root=OTHER)
    assert not holds([*proof, OTHER])
    assert not holds([OTHER, *proof])
    assert not proof or not holds(proof[:-1])
    assert not proof or not holds(proof[1:])
    other = data.draw(st.integers(-1, size + 1))
    assert holds(proof, at=other) is (other == index)


@fixed
@given(st.integers(1, 700), st.data())
def test_a_consistency_proof_holds_for_its_two_trees_alone(size: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(1, size))
    older, newer = defined(0, first), defined(0, size)
    proof = tree.consistency(Stored(size), first, size)
    assert proof == subproof(first, 0, size)

    def holds(proof: Sequence[bytes], *, older: bytes = older, newer: bytes = newer) -> bool:
        return tree.verify_consistency(first, size, proof, older, newer)

    assert holds(proof)
    assert not holds(proof, older=OTHER)
    assert not holds(proof, newer=OTHER)
    assert not holds([*proof, OTHER])
    assert not holds([OTHER, *proof])
    assert not proof or not holds(proof[:-1])
    assert not proof or not holds(proof[1:])
    other = data.draw(st.integers(1, 700))
    assert tree.verify_consistency(other, size, proof, older, newer) is (other == first)


@pytest.mark.parametrize(("place", "size"), [(4, 13), (12, 13), (0, 8)])
def test_every_bit_of_a_proof_matters(place: int, size: int) -> None:
    inclusion, consistency = tree.inclusion(Stored(size), place, size), tree.consistency(Stored(size), place + 1, size)
    older, newer = defined(0, place + 1), defined(0, size)
    for number, bit in ((number, bit) for number in range(len(inclusion)) for bit in range(256)):
        changed = [*inclusion]
        changed[number] = flipped(changed[number], bit)
        assert not tree.verify_inclusion(LEAVES[place], place, size, changed, newer)
    for number, bit in ((number, bit) for number in range(len(consistency)) for bit in range(256)):
        changed = [*consistency]
        changed[number] = flipped(changed[number], bit)
        assert not tree.verify_consistency(place + 1, size, changed, older, newer)


def test_what_is_no_hash_proves_nothing() -> None:
    """The bytes of two hashes side by side are those of two others, cut at another place."""
    inner = tree.leaf_hash(b"a") + tree.leaf_hash(b"b")
    top = tree.node_hash(inner[:32], inner[32:])

    assert tree.verify_inclusion(inner[:32], 0, 2, [inner[32:]], top)
    for cut in (0, 31, 33, 64):
        assert not tree.verify_inclusion(inner[:cut], 0, 2, [inner[cut:]], top)
    assert not tree.verify_inclusion(b"", 0, 1, [], b"")
    assert not tree.verify_consistency(1, 1, [], b"", b"")
    assert not tree.verify_consistency(1, 2, [inner[31:]], inner[:31], top)


@pytest.mark.parametrize("size", [1, 2, 3, 8, 13, 33])
def test_an_inclusion_proof_has_one_length_whatever_root_it_would_lead_to(size: int) -> None:
    """Who gives the root as well could else pass off a part of the tree as the whole of it."""
    for index in range(size):
        proof = tree.inclusion(Stored(size), index, size)
        hashes, roots = [*proof, OTHER], [LEAVES[index]]
        for number in range(len(hashes) + 1):
            given = hashes[:number]
            leads = [root for root in roots if tree.verify_inclusion(LEAVES[index], index, size, given, root)]
            assert leads == ([defined(0, size)] if number == len(proof) else [])
            for each in hashes[number : number + 1]:
                roots = [node for root in roots for node in (tree.node_hash(root, each), tree.node_hash(each, root))]


def test_a_consistency_proof_has_one_length_whatever_roots_it_would_lead_to() -> None:
    short = tree.consistency(Stored(5), 2, 5)[:1]
    assert not tree.verify_consistency(2, 5, short, defined(0, 2), defined(0, 4))
    assert not tree.verify_consistency(3, 5, [], defined(0, 3), defined(0, 5))
    long = [*tree.consistency(Stored(5), 3, 5), OTHER]
    larger = [tree.node_hash(OTHER, defined(0, size)) for size in (3, 5)]
    assert not tree.verify_consistency(3, 5, long, *larger)


def test_every_tree_begins_with_the_empty_one_and_the_empty_one_has_one_root() -> None:
    assert tree.consistency(Stored(3), 0, 3) == []
    assert tree.verify_consistency(0, 3, [], tree.EMPTY_ROOT, defined(0, 3))
    assert tree.verify_consistency(0, 0, [], tree.EMPTY_ROOT, tree.EMPTY_ROOT)
    assert not tree.verify_consistency(0, 0, [], tree.EMPTY_ROOT, OTHER)
    assert not tree.verify_consistency(0, 0, [], OTHER, OTHER)
    assert not tree.verify_consistency(0, 3, [], LEAVES[0], defined(0, 3))
    assert not tree.verify_consistency(0, 3, [OTHER], tree.EMPTY_ROOT, defined(0, 3))


@pytest.mark.parametrize("size", [5_000_000, 2**24, 2**40 + 12_345, 2**63 - 1])
def test_a_proof_of_a_long_log_reads_little(size: int) -> None:
    for index in (0, size // 3, size - 1):
        stored = MadeUp(size)
        assert len(tree.inclusion(stored, index, size)) <= size.bit_length()
        assert stored.calls <= 2 * size.bit_length()
        assert stored.hashes <= 256 * size.bit_length()
        stored = MadeUp(size)
        assert len(tree.consistency(stored, index + 1, size)) <= size.bit_length() + 1
        assert stored.calls <= 2 * size.bit_length()
        assert stored.hashes <= 256 * size.bit_length()


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_there_is_no_proof_for_a_leaf_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="has no leaf"):
        tree.inclusion(Stored(3), index, size)
    assert not tree.verify_inclusion(LEAVES[0], index, size, [], OTHER)


@pytest.mark.parametrize(("first", "second"), [(-1, 3), (4, 3)])
def test_no_tree_begins_with_a_longer_one(first: int, second: int) -> None:
    with pytest.raises(ValueError, match="can be the beginning"):
        tree.consistency(Stored(4), first, second)
    assert not tree.verify_consistency(first, second, [], OTHER, OTHER)


def test_no_proof_is_made_where_a_hash_is_missing() -> None:
    with pytest.raises(ValueError, match="hashes of level"):
        tree.inclusion(TooFew(300), 5, 300)
    with pytest.raises(ValueError, match="hashes of level"):
        tree.consistency(TooFew(300), 5, 300)
