"""Reads a table of a catalogue so that no typing error passes; used by catalogue.py and resource_table.py."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any


class CatalogueError(Exception):
    """What is wrong in a catalogue: the file, the place in it, what was found there and what to do."""

    def __init__(self, file: str, where: str, message: str, hint: str) -> None:
        super().__init__(file, where, message, hint)
        self.file = file
        self.where = where  #: such as `resources.products.columns`; empty for the file as a whole
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        place = f"{self.file}, {self.where}" if self.where else self.file
        return f"{place}: {self.message}. {self.hint}{'' if self.hint.endswith('?') else '.'}"


def meant(word: str, known: Iterable[str]) -> str:
    """A cure for a word that is not known: the nearest that is, else all of them."""
    known = sorted(known)
    near = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    if near:
        return f'Did you mean "{near[0]}"?'
    return "Known here: " + ", ".join(known)


def kind_of(value: object) -> str:
    """The name of a TOML type, as people say it."""
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, str):
        return "a text"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, list):
        return "a list"
    return "a table" if isinstance(value, dict) else "a date or time"


class Table:
    """One table; what it may hold is named beforehand, each value is asked for by its type."""

    def __init__(self, values: Mapping[str, Any], *, file: str, where: str, members: Iterable[str] | None) -> None:
        """`members` None: the names are free, as of resources or columns."""
        self._values = values
        self._file = file
        self.where = where
        if members is None:
            return
        members = frozenset(members)
        for name in values:
            if name not in members:
                raise self.error(name, "this key is not known", meant(name, members))

    def error(self, name: str, message: str, hint: str) -> CatalogueError:
        """An error at the member `name`, or at the table itself where that is empty."""
        place = ".".join(part for part in (self.where, name) if part)
        return CatalogueError(self._file, place, message, hint)

    def names(self) -> tuple[str, ...]:
        return tuple(self._values)

    def text(self, name: str) -> str | None:
        """None where the member is missing; an empty text is an error, as it never means anything here."""
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, str) or not value.strip():
            raise self.error(name, f"a text is expected, not {self._found(value)}", 'Write it in quotes: "…"')
        return value

    def required_text(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise self.error(name, "this key is missing", f'Add {name} = "…"')
        return value

    def texts(self, name: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """A list of texts; one text alone stands for a list of one."""
        value = self._values.get(name)
        if value is None:
            return default
        entries = [value] if isinstance(value, str) else value
        if not isinstance(entries, list) or not all(isinstance(entry, str) and entry for entry in entries):
            raise self.error(name, f"a list of texts is expected, not {self._found(value)}", 'Write ["…", "…"]')
        if len(set(entries)) < len(entries):
            raise self.error(name, "the list names something twice", "Name each only once")
        return tuple(entries)

    def numbers(self, name: str) -> tuple[int, ...]:
        """A list of whole numbers; one alone stands for a list of one."""
        value = self._values.get(name, [])
        entries = value if isinstance(value, list) else [value]
        if not all(isinstance(entry, int) and not isinstance(entry, bool) for entry in entries):
            raise self.error(name, f"a list of numbers is expected, not {self._found(value)}", "Write [404]")
        return tuple(entries)

    def flag(self, name: str, *, default: bool) -> bool:
        value = self._values.get(name, default)
        if not isinstance(value, bool):
            raise self.error(name, f"true or false is expected, not {self._found(value)}", "Write it without quotes")
        return value

    def table(self, name: str, members: Iterable[str] | None) -> Table | None:
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.error(name, f"a table is expected, not {self._found(value)}", f"Write {name} = {{ … }}")
        place = ".".join(part for part in (self.where, name) if part)
        return Table(value, file=self._file, where=place, members=members)

    def all_texts(self) -> dict[str, str]:
        """The whole table, where each of its members is a text."""
        return {name: self.required_text(name) for name in self._values}

    def values(self) -> dict[str, Any]:
        """The whole table as JSON; a date is refused, since JSON has none."""
        for name, value in self._values.items():
            self._check_json(name, value)
        return dict(self._values)

    def _check_json(self, name: str, value: object) -> None:
        if isinstance(value, dict):
            for member, inner in value.items():
                self._check_json(f"{name}.{member}", inner)
        elif isinstance(value, list):
            for inner in value:
                self._check_json(name, inner)
        elif not isinstance(value, (str, int, float)):
            raise self.error(name, "a date or time cannot be sent as JSON", 'Write it in quotes: "…"')

    @staticmethod
    def _found(value: object) -> str:
        return "an empty text" if isinstance(value, str) and not value.strip() else kind_of(value)
