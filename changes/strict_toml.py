"""What catalogues and the configuration have in common: reads TOML so that no typing error passes, in the same words.

`Table` reads the tables of a catalogue (upstream/catalogue.py); worker/explain.py says with the same words what does
not fit the fields of the configuration.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from changes.resources import Alternative, Key


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


#: What a value should be -> how to write it.
CURES: Mapping[str, str] = MappingProxyType(
    {
        "a text": 'Write it in quotes: "…"',
        "true or false": "Write it without quotes",
        "a number": "Write it without quotes",
        "a whole number": "Write it without quotes",
        "a list": "Write [ … ]",
        "a list of texts": 'Write ["…", "…"]',
        "a table": "Write { … }",
    }
)


class NotToml(ValueError):  # noqa: N818  # what is wrong is the file
    """A text that is no TOML; `hint` says what to look at."""

    hint = "See https://toml.io; texts stand in quotes, and a table may be opened only once"


def parsed(text: str) -> dict[str, Any]:
    """The tables of a file; NotToml says where it cannot be read."""
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise NotToml(f"this is not valid TOML: {error}") from None


def nearest(word: str, words: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The one of `words` that was probably meant, if any; `cutoff`: how alike they must be, 1 is equal."""
    by_lower = {known.lower(): known for known in words}
    near = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=cutoff)
    return by_lower[near[0]] if near else None


def meant(word: str, known: Iterable[str]) -> str:
    """A cure for a word that is not known: the nearest that is, else all of them."""
    known = sorted(known)
    near = nearest(word, known)
    return f'Did you mean "{near}"?' if near is not None else "Known here: " + ", ".join(known)


def unfit(wanted: str, value: object) -> str:
    """That the value is something else than what is wanted, which is one of `CURES`."""
    return f"{wanted} is expected, not {found(value)}"


def found(value: object) -> str:
    """The kind of a TOML value, as people say it."""
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, str):
        return "a text" if value.strip() else "an empty text"
    if isinstance(value, float):
        return "a number" if value.is_integer() else "a fraction"
    if isinstance(value, int):
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

    def is_table(self, name: str) -> bool:
        return isinstance(self._values.get(name), dict)

    def text(self, name: str) -> str | None:
        """None where the member is missing; an empty text is an error, as it never means anything here."""
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, str) or not value.strip():
            raise self.error(name, unfit("a text", value), CURES["a text"])
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
            raise self.error(name, unfit("a list of texts", value), CURES["a list of texts"])
        if len(set(entries)) < len(entries):
            raise self.error(name, "the list names something twice", "Name each only once")
        return tuple(entries)

    def numbers(self, name: str) -> tuple[int, ...] | None:
        """A list of whole numbers; one alone stands for a list of one."""
        value = self._values.get(name)
        if value is None:
            return None
        entries = value if isinstance(value, list) else [value]
        if not all(isinstance(entry, int) and not isinstance(entry, bool) for entry in entries):
            raise self.error(name, f"a list of numbers is expected, not {found(value)}", "Write [1, 2]")
        return tuple(entries)

    def alternatives(self, name: str, default: Key) -> Key:
        """A list of texts and of lists of texts; one text alone stands for a list of one."""
        value = self._values.get(name)
        if value is None:
            return default
        entries = value if isinstance(value, list) else [value]
        named: list[Alternative] = []
        for entry in entries:
            texts = entry if isinstance(entry, list) else [entry]
            if not texts or not all(isinstance(text, str) and text for text in texts):
                message = unfit("a list of texts", value)
                raise self.error(name, message, 'Write ["…", "…"], or [["…", "…"]] for members that identify together')
            if len(set(texts)) < len(texts):
                raise self.error(name, "the list names something twice", "Name each only once")
            named.append(texts[0] if len(texts) == 1 else tuple(texts))
        if len(set(named)) < len(named):
            raise self.error(name, "the list names something twice", "Name each only once")
        return tuple(named)

    def number(self, name: str, *, least: int, most: int) -> int | None:
        value = self._values.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            there = value if type(value) is int else found(value)
            message = f"a whole number from {least:,} to {most:,} is expected, not {there}"
            raise self.error(name, message, f"Write it without quotes: {name} = 50")
        return value

    def scalars(self) -> dict[str, tuple[str | int | bool, ...]]:
        """Each member with the values that it lists; one alone stands for a list of one."""
        listed = {}
        for name, value in self._values.items():
            entries = value if isinstance(value, list) else [value]
            if not entries or not all(isinstance(entry, str | int) for entry in entries):
                message = f"texts, whole numbers or true and false are expected, not {found(value)}"
                raise self.error(name, message, f'Write {name} = ["…", "…"]')
            listed[name] = tuple(entries)
        return listed

    def flag(self, name: str, *, default: bool) -> bool:
        value = self._values.get(name, default)
        if not isinstance(value, bool):
            raise self.error(name, unfit("true or false", value), CURES["true or false"])
        return value

    def table(self, name: str, members: Iterable[str] | None) -> Table | None:
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.error(name, unfit("a table", value), f"Write {name} = {{ … }}")
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
