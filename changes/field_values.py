"""The values that one field of a record has had, version by version; called by `history --field`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from changes import fields, versions
from changes.records import Json
from changes.versions import ABSENT, ERASED, Missing, Version


class FieldValue(NamedTuple):
    """A value, and the version with which it came."""

    value: Json | Missing
    version: Version


def of(seen: Iterable[Version], pointer: str) -> Iterator[FieldValue]:
    """Each value that differs from the one before, the oldest first; versions that left the field alone are left out.

    While the record was deleted, the field was absent. An erased version counts where it is known to have changed the
    field: to what, nobody knows any more.
    """
    last: FieldValue | None = None
    for version in seen:
        new = versions.value(version.content, pointer)
        if last is None or _differs(last.value, new, version, pointer):
            last = FieldValue(new, version)
            yield last


def are_all_absent(values: Iterable[FieldValue]) -> bool:
    """Whether the record never had the field, as far as the log can say."""
    return all(each.value is ABSENT for each in values)


def _differs(old: Json | Missing, new: Json | Missing, version: Version, pointer: str) -> bool:
    if new is ERASED:
        return fields.touches(version.changed, pointer)
    return not fields.are_same(old, new)
