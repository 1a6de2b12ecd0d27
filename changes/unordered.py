"""Lists whose order means nothing, such as tags: brought into one order before anything is compared.

Used by fingerprint and diff; the document keeps the order in which it came.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import groupby

from changes import pointers
from changes.records import Json

#: Paths that are followed one after the other.
Passes = tuple[pointers.Paths, ...]


@lru_cache(maxsize=1024)
def passes(unordered: tuple[str, ...]) -> Passes:
    """The pointers by their depth, the deepest first: what is inside of a list is in order before the list is."""
    deepest_first = sorted(unordered, key=_depth, reverse=True)
    return tuple(pointers.compiled(tuple(alike)) for _, alike in groupby(deepest_first, _depth))


def settled(value: Json, passes: Passes, form: Callable[[Json], bytes]) -> Json:
    """The value with these lists sorted by the canonical forms of their elements; the original is untouched."""

    def in_order(_: str, found: Json) -> Json:
        return sorted(found, key=form) if isinstance(found, list) else found

    for paths in passes:
        value = pointers.rewritten(value, paths, in_order, is_strict=False)
    return value


def _depth(pointer: str) -> int:
    return len(pointers.split(pointer))
