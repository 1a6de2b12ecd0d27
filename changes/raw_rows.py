"""Cuts the body of a list into the bytes of its rows without reading them; used by the client for flat lists.

Most rows of most pages are byte for byte those of the last scan. Whoever has remembered what such bytes were need not
read them again, which is what costs most of an unchanged page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import msgspec
import orjson

from changes import bodies, members, numbers, pointers
from changes.records import Json
from changes.resources import Resource, Shape

_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ELEMENTS = msgspec.json.Decoder(list[msgspec.Raw])

MARK_BYTES = 16


@dataclass(slots=True)
class Slices:
    """The rows of one answer, unread."""

    rows: Sequence[msgspec.Raw]
    all: msgspec.Raw | bytes  #: the list with all of them, as it stands in the body
    total: int | None  #: how many rows the source says there are in all
    body: bytes
    has_long_numbers: bool | None = None  #: somewhere in the body: rows are read with more care; looked for when needed

    def read(self, place: int) -> Json:
        """The JSON of one row: what `bodies.parse` would have made of it in its body."""
        row = bytes(self.rows[place])
        if self.has_long_numbers is None:
            self.has_long_numbers = numbers.are_long(self.body)
        if not self.has_long_numbers:
            try:
                return orjson.loads(row)
            except orjson.JSONDecodeError:
                pass
        return bodies.parse(row)

    def marks(self, *, key: bytes) -> list[bytes]:
        """16 bytes for each row, equal for equal bytes; without `key` nobody can try out what a row may have held."""
        return [sha256(b"".join((key, row))).digest()[:MARK_BYTES] for row in self.rows]

    def mark(self, *, key: bytes) -> bytes:
        """The same for all rows at once, and what stands between them."""
        hashed = sha256(key)
        hashed.update(self.all)
        return hashed.digest()[:MARK_BYTES]


def cut(resource: Resource, body: bytes) -> Slices | None:
    """None where this is no plain list in plain JSON: `bodies.parse` and `rows_of` know what it is, or is not."""
    if resource.shape is not Shape.LIST:
        return None
    rows, total = resource.envelope.rows, resource.envelope.total
    try:
        if body.lstrip()[:1] != b"{":
            is_bare = "$" in rows and not any(map(members.is_pointer, rows))
            return Slices(_ELEMENTS.decode(body), body, None, body) if is_bare else None
        own = _MEMBERS.decode(body)
        for name in rows:
            found = _at(own, name)
            if found is not None and bytes(found)[:1] == b"[":
                told = (_at(own, each) for each in total)
                totals = (None if each is None else bodies.parse(bytes(each)) for each in told)
                count = next((number for each in totals if (number := bodies.count(each)) is not None), None)
                elements = _ELEMENTS.decode(found)
                may_be_error = not elements and not own.keys().isdisjoint(bodies.TELLING_ERRORS)
                return None if may_be_error else Slices(elements, found, count, body)
    except (msgspec.DecodeError, RecursionError, ValueError):
        pass  # ValueError: text that is no UTF-8
    return None


def _at(own: dict[str, msgspec.Raw], name: str) -> msgspec.Raw | None:
    """The bytes that the name leads to; `DecodeError` where it leads through something else than an object."""
    if not members.is_pointer(name):
        return own.get(name)
    first, *steps = pointers.split(name)
    found = own.get(first)
    for step in steps:
        found = None if found is None else _MEMBERS.decode(found).get(step)
    return found
