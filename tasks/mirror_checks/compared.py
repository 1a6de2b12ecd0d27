"""Whether a mirrored row follows from the last change of its record; asks no database. Used by verdicts.py.

A row is right if its document is, byte for byte, that of the change: then its salted digest is the change's. Where it
is not, or anything else is not as it would be written, `Table.odd` names the row, and `explanations.py` says whether
that may be, and what differs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from changes import fingerprint, pointers, unordered
from changes.records import Id, Json, Kind
from changes.resources import Resource
from storage import driver_values, mirror_rows
from storage.log_rows import Row
from tasks.mirror_checks.typed import Typed

_QUICK, _FIXED = len(mirror_rows.QUICK), len(mirror_rows.COLUMNS)
_MOST_RULES = 1000
#: In place of the mark of a seal key that is not known any more.
_FORMER_KEY = "-" * fingerprint.KEY_MARK_DIGITS
_ODD = (TypeError, ValueError, AttributeError, LookupError, OverflowError)


@dataclass(frozen=True, slots=True)
class Rule:
    """How fingerprints of one name were made."""

    print_of: Callable[[Json, bytes], str]
    is_present: bool  #: by the catalogue and the seal key as they are now
    is_present_key: bool


@dataclass(slots=True)
class Table:
    """The rows of one source in one table, and the rules by which they were written."""

    source: str
    resource: Resource  #: without columns where those of the table were not brought up to the catalogue yet
    dialect: str
    former: Sequence[tuple[Resource, int]] = ()  #: rules that have ended, and the last change that they may have made
    is_rule_known: bool = False  #: whether all rules are known by which its rows were ever written
    is_configured: bool = True  #: False: nothing says how its documents were compared
    key_mark: str | None = None  #: of the seal key; None: it is not at hand
    former_keys_until: int = 0  #: the last change that may be sealed with another key
    _rules: dict[str, Rule | None] = field(default_factory=dict)
    typed: Typed = field(init=False)

    def __post_init__(self) -> None:
        self.typed = Typed(self.resource, self.dialect)

    def odd(self, rows: Sequence[Row]) -> list[Id]:
        """Of rows as `mirror_rows.part` gives them the records that do not simply follow from their changes."""
        sha256, from_hex, is_sqlite = hashlib.sha256, bytes.fromhex, self.dialect == "sqlite"
        rules, typed, found = self._rules, self.typed, list[Id]()
        read = driver_values.parse if self.resource.volatile or self.resource.unordered else _read_quickly
        are_right, has_columns = typed.are_right, bool(typed.names)
        needs_value = has_columns or read is driver_values.parse
        for row in rows:
            (parent_key, key, document, _, stamp, is_timely, seq, is_deletion, salt, digest) = row[:_QUICK]
            try:
                form = document.encode() if is_sqlite else fingerprint.canonical(document)
                if is_deletion:
                    is_same = sha256(from_hex(salt) + b'{"":' + form + b"}").hexdigest() == digest
                else:
                    is_same = sha256(from_hex(salt) + form).hexdigest() == digest
                name = stamp.partition(":")[0]
                rule = rules[name] if name in rules else self.rule_of(stamp)
                value = None
                if needs_value:
                    value = read(form) if is_sqlite else document
                if (
                    not (is_same and is_timely)
                    or seq is None
                    or rule is None
                    or not rule.is_present
                    or rule.print_of(value, form) != stamp
                    # What was read quickly may have rounded numbers, so it is read once more where something differs.
                    or (
                        has_columns
                        and not are_right(value, row[_QUICK:])
                        and not are_right(driver_values.parse(form), row[_QUICK:])
                    )
                ):
                    found.append(Id(parent_key, key))
            except _ODD:
                found.append(Id(parent_key, key))
        return found

    def rule_of(self, stamp: Any) -> Rule | None:
        """How the fingerprint was made; None where no rule of that name was ever in force."""
        name = str(stamp).partition(":")[0]
        if name not in self._rules:
            if len(self._rules) > _MOST_RULES:  # somebody has written names of his own
                self._rules.clear()
            self._rules[name] = self._find_rule(name)
        return self._rules[name]

    def _find_rule(self, name: str) -> Rule | None:
        for place, each in enumerate((self.resource, *(resource for resource, _ in self.former))):
            prefix = fingerprint.prefix(each)
            mark = name.removeprefix(prefix)
            if not name.startswith(prefix) or len(mark) != (fingerprint.KEY_MARK_DIGITS if each.secrets else 0):
                continue
            is_present_key = not mark or self.key_mark in (None, mark)
            return Rule(_printer(each, name), not place and is_present_key, is_present_key)
        return None

    def stamp(self, seq: int, document: Json, form: bytes) -> str:
        """The fingerprint of a document of that change, by the rule that was in force when it was written."""
        resource = next((former for former, last in self.former if last >= seq), self.resource)
        rule = fingerprint.prefix(resource)
        if resource.secrets:
            rule += _FORMER_KEY if self.key_mark is None or seq <= self.former_keys_until else self.key_mark
        return _printer(resource, rule)(document, form)

    def rules_since(self, seq: int) -> list[Resource]:
        """The rules by which the row may have been written since that change."""
        return [self.resource, *(resource for resource, last in self.former if last >= seq)]


def _read_quickly(form: bytes) -> Json:
    try:
        return orjson.loads(form)
    except orjson.JSONDecodeError:
        return driver_values.parse(form)


def _printer(resource: Resource, rule: str) -> Callable[[Json, bytes], str]:
    volatile, passes = pointers.compiled(resource.volatile), unordered.passes(resource.unordered)
    if not volatile and not passes:
        return lambda _, form: f"{rule}:{fingerprint.hashed(form)}"
    return lambda value, form: fingerprint.stamped(rule, volatile, passes, value, form)


def id_of(row: Row) -> Id:
    """The record of a row."""
    return Id(row[0], row[1])


def is_deletion(row: Row) -> bool:
    """Whether the last change of the record is its deletion."""
    return bool(row[9] == Kind.DELETED)


def shown(value: Any) -> str:
    """Any value that somebody may have put into a row, as text that can be written."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text.encode("utf-8", "replace").decode()


def moment(value: Any) -> str:
    """A driver's time for people."""
    try:
        at = driver_values.from_driver_time(value)
    except _ODD:
        return "no time"
    return "empty" if at is None else _told(at)


def _told(at: datetime) -> str:
    return at.isoformat(sep=" ").replace("+00:00", "Z")


def own_typed(row: Row) -> tuple[Any, ...]:
    """The typed columns of a row as `mirror_rows.of_ids` gives it."""
    return row[_FIXED:]
