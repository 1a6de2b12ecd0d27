"""One list of the world: its rows as JSON bytes, in any order asked for; the world owns them, the APIs read pages."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import NamedTuple

import orjson

from sandbox.endpoints.endpoint import Endpoint, Shape
from sandbox.fields import Json


class Where(NamedTuple):
    """One filter: `sign` is =, >= or <=; the wanted values are texts."""

    member: str  #: a path with dots
    sign: str
    values: tuple[str, ...]


class Order(NamedTuple):
    """A sort: the member, and which way."""

    member: str
    is_descending: bool


#: Reads the values of a filter from a row's children; handed in, since a table knows no other table.
Lookup = Callable[[str, str], list[Json]]


class Table:
    """Rows by key. Only bytes are kept: a hundred thousand rows stay small, and a page is a join."""

    def __init__(self, endpoint: Endpoint, parents: tuple[str, ...], lookup: Lookup) -> None:
        self.endpoint = endpoint
        self.parents = parents
        self.rows: dict[str, bytes] = {}
        self.gone: dict[str, bytes] = {}  #: the deleted ones as they last were
        self.hidden: dict[str, int] = {}  #: key -> status that its own path answers
        self.vanished: set[str] = set()  #: keys that a reader has seen go
        self.oddities: list[bytes] = []  #: planted text, served as rows behind the true ones
        self.highest = 0
        self._lookup = lookup
        self._exact: set[str] = set()  # keys of rows whose integers orjson cannot read
        sort = endpoint.default_sort
        self._columns: dict[str, dict[str, tuple[int, Json]]] = {sort: {}} if sort else {}
        self._views: dict[object, list[bytes]] = {}

    def key_of(self, document: Json) -> str:
        if self.endpoint.shape is Shape.OBJECT:
            return self.parents[-1]
        return document if isinstance(document, str) else self.endpoint.key_of(document)

    def text(self, key: str) -> bytes | None:
        """The row as it travels; None where there is none or it is hidden."""
        return None if key in self.hidden else self.rows.get(key)

    def document(self, key: str) -> Json:
        """The row; None where there is none or it is hidden."""
        return None if self.text(key) is None else self.read(key)

    def read(self, key: str) -> Json:
        """The row, hidden or not, or what it was when it was deleted."""
        text = self.rows[key] if key in self.rows else self.gone[key]
        return json.loads(text) if key in self._exact else orjson.loads(text)

    def shown(self) -> Iterable[str]:
        return (key for key in self.rows if key not in self.hidden) if self.hidden else self.rows

    def living(self) -> Iterable[str]:
        """Those shown but for rows that say themselves that they are deleted."""
        gone = self.endpoint.gone
        return (key for key in self.shown() if not self.read(key)[gone]) if gone else self.shown()

    def put(self, key: str, document: Json, *, is_first: bool = False) -> None:
        try:
            row = orjson.dumps(document)
            self._exact.discard(key)
        except TypeError:  # integers beyond 64 bits, which tests plant
            row = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
            self._exact.add(key)
        if is_first:
            self.rows = {key: row, **self.rows}
        else:
            self.rows[key] = row
        self.gone.pop(key, None)
        for member, column in self._columns.items():
            column[key] = _sortable(_member(document, member))
        if key.isdigit():
            self.highest = max(self.highest, int(key))
        if self.endpoint.hidden is not None:
            member, value = self.endpoint.hidden
            if document.get(member) == value:
                self.hidden[key] = 404
            else:
                self.hidden.pop(key, None)
        self._views.clear()

    def drop(self, key: str) -> None:
        self.gone[key] = self.rows.pop(key)
        self.hidden.pop(key, None)
        for column in self._columns.values():
            column.pop(key, None)
        self._views.clear()

    def hide(self, key: str, *, status: int) -> None:
        self.hidden[key] = status
        self._views.clear()

    def show(self, key: str) -> None:
        self.hidden.pop(key, None)
        self._views.clear()

    def plant(self, texts: list[str]) -> None:
        """Instead of what was planted before; nothing checks that it is JSON."""
        self.oddities = [text.encode() for text in texts]
        self._views.clear()

    def view(self, order: Order | tuple[Order, ...] | None = None, where: tuple[Where, ...] = ()) -> list[bytes]:
        """All rows that fit, in that order; not to be changed by the caller."""
        wanted = (order, where)
        if wanted not in self._views:
            keys = list(self.shown())
            if where:
                keys = [key for key in keys if all(self.fits(key, one) for one in where)]
            orders = (order,) if isinstance(order, Order) else order or ()
            for one in reversed(orders):  # sorting keeps what stood in order, so the first comes last
                keys.sort(key=self._column(one.member).__getitem__, reverse=one.is_descending)
            self._views[wanted] = [self.rows[key] for key in keys] + self.oddities
        return self._views[wanted]

    def _column(self, member: str) -> dict[str, tuple[int, Json]]:
        if member not in self._columns:
            self._columns[member] = {key: _sortable(_member(self.read(key), member)) for key in self.rows}
        return self._columns[member]

    def fits(self, key: str, where: Where) -> bool:
        if where.member.startswith("/"):
            found = self._lookup(key, where.member)
        else:
            value = _member(self.read(key), where.member)
            found = value if isinstance(value, list) else [value]
        if where.sign == "=":
            return any(text in where.values for value in found for text in texts(value))
        stamps = [value for value in found if isinstance(value, str)]
        if where.sign == ">=":
            return any(value >= where.values[0] for value in stamps)
        return any(value <= where.values[0] for value in stamps)


def verbatim(row: bytes) -> Json:
    """The row, numbers with a point and what is no number as they are written; `orjson.dumps` writes them so again."""
    return json.loads(row, parse_float=orjson.Fragment, parse_constant=orjson.Fragment, parse_int=_whole)


def _whole(text: str) -> int | orjson.Fragment:
    return int(text) if len(text) < 19 else orjson.Fragment(text)  # orjson writes none beyond 64 bits


def _member(document: Json, path: str) -> Json:
    for name in path.split("."):
        document = document.get(name) if isinstance(document, dict) else None
    return document


def _sortable(value: Json) -> tuple[int, Json]:
    """Nulls first, then numbers, then texts; anything else by its JSON."""
    if value is None:
        return 0, 0
    if isinstance(value, int | float):
        return 1, value
    return 2, value if isinstance(value, str) else json.dumps(value)


def texts(value: Json) -> tuple[str, ...]:
    """How a value may be written in a filter; the documents write flags both ways."""
    if value in (True, 1) and not isinstance(value, float):
        return "true", "1"
    if value in (False, 0) and not isinstance(value, float):
        return "false", "0"
    return (str(value),)
