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

from changes import bodies
from changes.records import Json
from changes.resources import Resource, Shape

_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ELEMENTS = msgspec.json.Decoder(list[msgspec.Raw])

MARK_BYTES = 16


@dataclass(frozen=True, slots=True)
class Slices:
    """The rows of one answer, unread."""

    rows: Sequence[msgspec.Raw]
    total: int | None  #: how many rows the source says there are in all
    has_long_integers: bool  #: somewhere in them, so that they are read with more care

    def read(self, place: int) -> Json:
        """The JSON of one row: what `bodies.parse` would have made of it in its body."""
        row = bytes(self.rows[place])
        if not self.has_long_integers:
            try:
                return orjson.loads(row)
            except orjson.JSONDecodeError:
                pass
        return bodies.parse(row)

    def marks(self, *, key: bytes) -> list[bytes]:
        """16 bytes for each row, equal for equal bytes; without `key` nobody can try out what a row may have held."""
        return [sha256(b"".join((key, row))).digest()[:MARK_BYTES] for row in self.rows]


def cut(resource: Resource, body: bytes) -> Slices | None:
    """None where this is no plain list in plain JSON: `bodies.parse` and `rows_of` know what it is, or is not."""
    if resource.shape is not Shape.LIST:
        return None
    try:
        if body.lstrip()[:1] != b"{":
            rows = _ELEMENTS.decode(body) if "$" in resource.envelope.rows else None
            return None if rows is None else Slices(rows, None, bodies.has_long_integer(body))
        members = _MEMBERS.decode(body)
        for name in resource.envelope.rows:
            if name in members and bytes(members[name])[:1] == b"[":
                told = {each: bodies.parse(bytes(members[each])) for each in resource.envelope.total if each in members}
                rows, total = _ELEMENTS.decode(members[name]), bodies.total_of(resource, told)
                return Slices(rows, total, bodies.has_long_integer(body))
    except (msgspec.DecodeError, RecursionError, ValueError):
        pass  # ValueError: text that is no UTF-8
    return None
