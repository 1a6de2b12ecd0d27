"""Strategies for JSON values, and what the tests of `changes` share; imported by the tests beside it."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from changes.records import Change, Id, Kind
from changes.resources import Resource

#: The same examples in each run, and nothing written: a unit test is no place for luck.
fixed = settings(max_examples=40, database=None, derandomize=True)

#: Text as databases hold it, without NUL and half characters.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)
members = st.one_of(st.sampled_from(["id", "name", "a/b", "m~n", "~1", "", "0", "*"]), texts)
numbers = st.one_of(
    st.integers(-3, 3),
    st.integers(-(2**70), 2**70),
    # What is larger and has no fraction is the integer that its text names, not the one that the double is.
    st.floats(min_value=-(2.0**53), max_value=2.0**53),
    st.sampled_from([1.0, -0.0, 1e3, 1e16, 1e22, 0.1]),
)
scalars = st.one_of(st.none(), st.booleans(), numbers, texts, st.sampled_from(["1", "1.0", "v1.0", "e+", "\\u0000"]))
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(members, inner, max_size=4),
    max_leaves=12,
)
documents = st.dictionaries(members, values, max_size=5)

THEN = datetime(2026, 11, 21, 23, 55, tzinfo=UTC)
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def resource(name: str = "products", **parts: Any) -> Resource:
    """A resource as a catalogue gives it."""
    return Resource(name=name, title=name.capitalize(), path=f"/api/v2/{name}", **parts)


def change(**parts: Any) -> Change:
    """The update of a product, or what the parts make of it."""
    usual: dict[str, Any] = {
        "source": "backoffice",
        "resource": "products",
        "id": Id("", "42"),
        "version": 3,
        "kind": Kind.UPDATED,
        "changed": ("/status",),
        "previous": {"/status": "enabled"},
        "document": {"id": 42, "status": "disabled"},
        "observed_after": THEN,
        "observed_at": NOW,
        "scan_id": "scan-1",
    }
    return Change(**{**usual, **parts})


def shuffled(value: Any, chance: random.Random) -> Any:
    """The same value with its members in another order and its integers as floats where a float is exact."""
    if isinstance(value, dict):
        names = list(value)
        chance.shuffle(names)
        return {name: shuffled(value[name], chance) for name in names}
    if isinstance(value, list):
        return [shuffled(element, chance) for element in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53:
        return chance.choice([value, float(value)])
    return value
