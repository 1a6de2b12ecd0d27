"""Fields with an old and a new value, and which of them a person means who names one field.

Called by whoever compares two versions of a record or tells what one of them changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from changes import diff, pointers, versions
from changes.records import Json
from changes.versions import ABSENT, Missing, Version


class Field(NamedTuple):
    """A field that differs; the empty pointer is the whole record."""

    pointer: str
    old: Json | Missing
    new: Json | Missing


def changed_in(version: Version) -> Iterator[Field]:
    """What this version changed."""
    return (Field(pointer, version.old(pointer), version.new(pointer)) for pointer in version.changed)


def within(fields: Iterable[Field], pointer: str) -> Iterator[Field]:
    """Those of the fields that are the one named or lie below it; of one above it, what that means for the one named.

    A record that came brings the field with it, and a list that differs may differ in one of its elements.
    """
    for field in fields:
        if is_at_or_below(field.pointer, pointer):
            yield field
        elif is_at_or_below(pointer, field.pointer):
            rest = pointer[len(field.pointer) :]
            old, new = versions.value(field.old, rest), versions.value(field.new, rest)
            if not are_same(old, new):
                yield Field(pointer, old, new)


def is_at_or_below(pointer: str, other: str) -> bool:
    """Whether the pointer is the other one or leads further in."""
    return pointer == other or pointer.startswith(f"{other}/")


def touches(changed: Iterable[str], pointer: str) -> bool:
    """Whether one of the changed fields is this one, or lies below or above it."""
    return any(is_at_or_below(each, pointer) or is_at_or_below(pointer, each) for each in changed)


def are_same(a: Json | Missing, b: Json | Missing) -> bool:
    """Whether the two values are known to be equal: of what was erased nobody knows that any more."""
    if isinstance(a, Missing) or isinstance(b, Missing):
        return a is b and a is ABSENT
    return not diff.differences(a, b)[0]


def names(content: Json | Missing) -> Iterator[str]:
    """The pointers of all fields, those inside objects too: what a person may have meant."""
    if isinstance(content, dict):
        for name, inner in content.items():
            here = f"/{pointers.escape(name)}"
            yield here
            yield from (f"{here}{below}" for below in names(inner))
