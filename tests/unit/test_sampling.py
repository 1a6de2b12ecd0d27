"""What a sample says of all: the bound is the one of the binomial distribution."""

from __future__ import annotations

import math

import pytest

from record import sampling


def at_most(wrong: int, drawn: int, share: float) -> float:
    return sum(math.comb(drawn, each) * share**each * (1 - share) ** (drawn - each) for each in range(wrong + 1))


@pytest.mark.parametrize("drawn", [1, 2, 10, 59, 200, 1000])
def test_with_none_wrong_it_is_the_rule_of_three(drawn: int) -> None:
    assert sampling.largest_share(0, drawn) == pytest.approx(1 - 0.05 ** (1 / drawn), abs=1e-9)
    assert sampling.largest_share(0, drawn) < 3 / drawn


@pytest.mark.parametrize(("wrong", "drawn"), [(1, 10), (3, 200), (5, 20), (19, 20), (100, 300)])
def test_were_the_share_larger_so_few_would_be_wrong_in_5_of_100_samples(wrong: int, drawn: int) -> None:
    share = sampling.largest_share(wrong, drawn)
    assert at_most(wrong, drawn, share) == pytest.approx(0.05, abs=1e-9)
    assert share > wrong / drawn


def test_all_or_nothing_says_nothing_of_the_rest() -> None:
    assert sampling.largest_share(0, 0) == 1.0
    assert sampling.largest_share(7, 7) == 1.0


def test_large_samples_are_reckoned_as_well() -> None:
    assert sampling.largest_share(0, 1_000_000) == pytest.approx(2.9957e-6, rel=1e-3)
    assert sampling.largest_share(500, 100_000) == pytest.approx(0.005386, rel=1e-3)


@pytest.mark.parametrize(("wrong", "drawn"), [(-1, 5), (6, 5)])
def test_more_than_were_drawn_cannot_be_wrong(wrong: int, drawn: int) -> None:
    with pytest.raises(ValueError, match="cannot be wrong"):
        sampling.largest_share(wrong, drawn)
