"""Reads JSON in which single values are none, so that each of them costs its row and not the list.

The last resort of bodies.py. Only what cannot hide a row is passed over: a value or a text that JSON does not have, a
value that is missing, a comma behind the last one. Where brackets, quotes and commas do not fit together, nobody can
tell any more which rows are there, and the whole is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from enum import Enum, auto

from changes.fingerprint import Unholdable
from changes.records import Json

#: A text, a sign of the structure, or anything else up to the next of them.
_PIECE = re.compile(r'\s*(?:("(?:[^"\\]|\\.)*")|([\[\]{},:])|([^\s"\[\]{},:]+))', re.DOTALL)
_BLANK = re.compile(r"\s*")
_TEXT, _SIGN = 1, 2

_BAD_TEXT = "holds a text that cannot be read"
_BAD_VALUE = "holds a value that JSON does not have"


class _Expected(Enum):
    FIRST = auto()  #: what a list or an object begins with, or its end
    NAME = auto()
    COLON = auto()
    VALUE = auto()
    END = auto()  #: a comma or a bracket


def read(text: str, load: Callable[[str], Json]) -> Json:
    """The value, with `Unholdable` for each that is none; `JSONDecodeError` where that is not all that is wrong.

    `load` reads one text or value, and raises `JSONDecodeError` where it is none.
    """
    reader = _Reader(load)
    at = 0
    while not reader.is_done:
        found = _PIECE.match(text, at)
        if found is None:
            is_text = text.find('"', at) >= 0
            raise json.JSONDecodeError("Unterminated string" if is_text else "Expecting value", text, len(text))
        kind = found.lastindex or 0
        if not reader.take(kind, found[kind]):
            raise json.JSONDecodeError("Expecting another sign", text, found.start(kind))
        at = found.end()
    rest = _BLANK.match(text, at)
    if rest is not None and rest.end() < len(text):
        raise json.JSONDecodeError("Extra data", text, rest.end())
    return reader.value


class _Reader:
    """Takes one piece after the other, without a call for each level: they may be nested as deep as Python likes."""

    def __init__(self, load: Callable[[str], Json]) -> None:
        self._load = load
        self._expected = _Expected.VALUE
        self._open: list[list[Json] | dict[str, Json]] = []  #: from the outermost
        self._names: list[str] = []  #: of the members whose values are being read
        self.value: Json = None

    @property
    def is_done(self) -> bool:
        return self._expected is _Expected.END and not self._open

    def take(self, kind: int, piece: str) -> bool:
        """False where it cannot stand here."""
        inside = self._open[-1] if self._open else None
        if kind == _SIGN and piece not in "[{":
            return self._take_sign(piece, inside)
        if self._expected is _Expected.VALUE or (self._expected is _Expected.FIRST and isinstance(inside, list)):
            self._take_value(kind, piece)
        elif self._expected in (_Expected.FIRST, _Expected.NAME) and isinstance(inside, dict) and kind == _TEXT:
            return self._take_name(piece, inside)
        else:
            return False
        return True

    def _take_value(self, kind: int, piece: str) -> None:
        if kind != _SIGN:
            self._put(self._scalar(kind, piece))
            self._expected = _Expected.END
            return
        begun: list[Json] | dict[str, Json] = [] if piece == "[" else {}
        self._put(begun)
        self._open.append(begun)
        self._expected = _Expected.FIRST

    def _take_name(self, piece: str, inside: dict[str, Json]) -> bool:
        try:
            name = self._load(piece)
        except json.JSONDecodeError:
            name = piece[1:-1]
            inside[piece] = Unholdable(_BAD_TEXT)
        self._names.append(name)
        self._expected = _Expected.COLON
        return name not in inside  # else these may be two rows between which something is missing

    def _take_sign(self, sign: str, inside: list[Json] | dict[str, Json] | None) -> bool:
        expected, is_list = self._expected, isinstance(inside, list)
        if sign == ":":
            self._expected = _Expected.VALUE
            return expected is _Expected.COLON
        if inside is None or expected is _Expected.COLON:
            return False
        is_missing = expected is _Expected.VALUE and not (is_list and sign == "]")
        if is_missing or (sign == "," and expected is _Expected.FIRST and is_list):
            self._put(Unholdable(_BAD_VALUE))
            expected = _Expected.END
        if sign == ",":
            self._expected = _Expected.VALUE if is_list else _Expected.NAME
            return expected is _Expected.END
        self._open.pop()
        self._expected = _Expected.END
        return sign == ("]" if is_list else "}")

    def _put(self, value: Json) -> None:
        if not self._open:
            self.value = value
        elif isinstance(inside := self._open[-1], list):
            inside.append(value)
        else:
            inside[self._names.pop()] = value

    def _scalar(self, kind: int, piece: str) -> Json:
        try:
            return self._load(piece)
        except json.JSONDecodeError:
            if not self._open:
                raise
            return Unholdable(_BAD_TEXT if kind == _TEXT else _BAD_VALUE)
