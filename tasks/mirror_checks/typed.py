"""The typed columns of a mirrored table: whether they hold what the documents say; used by compared.py.

Most columns hold a member as it is. Those are compared in one go, without conversion.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

import orjson

from changes import fingerprint, members
from changes.conversions import CONVERSIONS
from changes.records import Json
from changes.resources import ColumnType, Resource
from storage import driver_values, mirror, mirror_sql

#: A member of one of these kinds stands in its column as it is, if it has the column's type.
_AS_IT_IS = {ColumnType.TEXT: str, ColumnType.INTEGER: int, ColumnType.NUMBER: float}
_MOST_ACCEPTED = 1000
_Read = Callable[[Any], Any]


class Typed:
    """The columns of one table, in the catalogue's order."""

    def __init__(self, resource: Resource, dialect: str) -> None:
        self._resource, self._dialect = resource, dialect
        texts = mirror_sql.texts_for(resource, dialect)
        self.names = [name for name, _ in texts.typed]
        self._kinds = [kind for _, kind in texts.typed]
        self._written = mirror.columns_of(resource, dialect)
        plain = [
            (place, member)
            for place, (member, kind) in enumerate(resource.columns.items())
            if kind in _AS_IT_IS and not members.is_pointer(member)
        ]
        self._plain = [member for _, member in plain]
        self._plain_types = [_AS_IT_IS[self._kinds[place]] for place, _ in plain]
        self._accepted: set[tuple[type, ...]] = set()
        self._plain_places = _getter([place for place, _ in plain])
        others = [place for place in range(len(self._kinds)) if place not in dict(plain)]
        self._others = [(place, *self._other(place)) for place in others]
        # SQLite holds JSON as text, mostly several columns of a table: they are written here without a way round.
        is_text = [dialect == "sqlite" and self._kinds[place] is ColumnType.JSON for place, *_ in self._others]
        self._texts = [each[:2] for each, is_one in zip(self._others, is_text, strict=True) if is_one]
        self._converted = [each for each, is_one in zip(self._others, is_text, strict=True) if not is_one]
        self._has_pointers = any(members.is_pointer(member) for _, member, _ in self._others)

    def are_right(self, value: Json, own: tuple[Any, ...]) -> bool:
        """Whether the columns hold what the document says; `own` as the driver gives them."""
        if not isinstance(value, dict):
            return self.expected(value) == self.own(own)
        there, should = self._plain_places(own), tuple(map(value.get, self._plain))
        found = tuple(map(type, there))
        if there != should or found != tuple(map(type, should)) or not self._are_accepted(found):
            return self.expected(value) == self.own(own)
        if self._has_pointers:
            value = {member: members.value(value, member) for _, member, _ in self._others}
        get = value.get
        try:
            for place, member in self._texts:
                one = get(member)
                if own[place] != (None if one is None else orjson.dumps(one, option=orjson.OPT_SORT_KEYS).decode()):
                    return False
        except TypeError:  # it has what orjson cannot write
            return self.expected(value) == self.own(own)
        for place, member, convert in self._converted:
            one = get(member)
            try:
                if own[place] != (None if one is None else convert(one)):
                    return False
            except ValueError:  # it does not fit its column, which is empty then
                if own[place] is not None:
                    return False
        return True

    def _are_accepted(self, found: tuple[type, ...]) -> bool:
        """Whether each is of its column's type, or empty: a column of integers holds no text, even if it says one."""
        if found in self._accepted:
            return True
        is_right = all(each in (wanted, type(None)) for each, wanted in zip(found, self._plain_types, strict=True))
        if is_right and len(self._accepted) < _MOST_ACCEPTED:
            self._accepted.add(found)
        return is_right

    def expected(self, value: Json) -> list[object]:
        """What the columns should hold, as the driver would be given it."""
        return self._written(value)[0]

    def own(self, own: Sequence[Any]) -> list[object]:
        """What they hold, in the same form."""
        values = list(own)
        if self._dialect != "sqlite":
            for place, kind in enumerate(self._kinds):
                if kind is ColumnType.JSON and values[place] is not None:
                    values[place] = fingerprint.canonical(values[place]).decode()
        return values

    def _other(self, place: int) -> tuple[str, _Read]:
        """A member, and how it is put into the form in which its column is read."""
        member, kind = list(self._resource.columns.items())[place]
        convert = CONVERSIONS[kind]
        if self._dialect != "sqlite":
            return member, convert
        if kind is ColumnType.TIME:
            return member, lambda found: driver_values.sqlite_time(convert(found))  # type: ignore[arg-type]  # a time
        return member, driver_values.part_text if kind is ColumnType.JSON else convert


def _getter(places: Sequence[int]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    if len(places) > 1:
        found: Callable[[tuple[Any, ...]], tuple[Any, ...]] = itemgetter(*places)
        return found
    return lambda own: tuple(own[place] for place in places)
