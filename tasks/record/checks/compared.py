"""Whether a mirrored row follows from the last change of its record; asks no database. Used by mirror.py.

A row is right if its document is, byte for byte, that of the change: then its salted digest is the change's. Where it
is not, or anything else is not as it would be written, `Rows.odd` names the row, and `explanations.py` says whether
that may be, and what differs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from changes import fingerprint, normalise, pointers, unordered
from changes.records import Id, Json, Kind
from changes.resources import ColumnType, Resource
from storage import mirror, mirror_rows, mirror_sql, types
from storage.log_rows import Row

_FIXED = len(mirror_rows.COLUMNS)
_MOST_RULES = 1000
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
    _kinds: tuple[ColumnType, ...] = ()
    _typed: Callable[[Any], list[object]] = list

    def __post_init__(self) -> None:
        texts = mirror_sql.texts_for(self.resource, self.dialect)
        self._kinds = tuple(kind for _, kind in texts.typed)
        self._typed = mirror.typed_values(texts, self.dialect)

    def odd(self, rows: Sequence[Row]) -> list[int]:
        """The places of the rows that do not simply follow from their changes."""
        sha256, from_hex = hashlib.sha256, bytes.fromhex
        form_of = _encoded if self.dialect == "sqlite" else fingerprint.canonical
        needs_value = bool(self._kinds) or bool(self.resource.volatile) or bool(self.resource.unordered)
        rules, found = self._rules, list[int]()
        for place, row in enumerate(rows):
            (_, _, document, version, stamp, first_seen, changed_at, deleted_at,
             seq, kind, salt, of_document, of_previous, observed_at, first_observed) = row[:_FIXED]  # fmt: skip
            try:
                form = form_of(document)
                if kind == "deleted":
                    is_same = sha256(from_hex(salt) + b'{"":' + form + b"}").hexdigest() == of_previous
                    is_same = is_same and deleted_at == observed_at
                else:
                    is_same = sha256(from_hex(salt) + form).hexdigest() == of_document and deleted_at is None
                name = stamp.partition(":")[0]
                rule = rules[name] if name in rules else self.rule_of(stamp)
                value = None
                if needs_value:
                    value = types.parse(document) if self.dialect == "sqlite" else document
                if (
                    not is_same
                    or seq is None
                    or changed_at != observed_at
                    or first_seen != (observed_at if version == 1 else first_observed)
                    or rule is None
                    or not rule.is_present
                    or rule.print_of(value, form) != stamp
                    or (self._kinds and not self._are_typed(value, row))
                ):
                    found.append(place)
            except _ODD:
                found.append(place)
        return found

    def _are_typed(self, value: Json, row: Row) -> bool:
        return self.typed(value) == self.own_typed(row)

    def typed(self, value: Json) -> list[object]:
        """What the typed columns should hold, as the driver would be given it."""
        return self._typed(normalise.columns(self.resource, value)[0])

    def own_typed(self, row: Row) -> list[object]:
        """What they hold, in the same form."""
        own = list(row[_FIXED:])
        if self.dialect != "sqlite":
            for place, kind in enumerate(self._kinds):
                if kind is ColumnType.JSON and own[place] is not None:
                    own[place] = fingerprint.canonical(own[place]).decode()
        return own

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

    def columns(self) -> list[str]:
        """The names of the typed columns, in their order."""
        return [name for name, _ in mirror_sql.texts_for(self.resource, self.dialect).typed]

    def rules_since(self, seq: int) -> list[Resource]:
        """The rules by which the row may have been written since that change."""
        return [self.resource, *(resource for resource, last in self.former if last >= seq)]


def _encoded(text: str) -> bytes:
    return text.encode()


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


def moment(value: Any) -> str:
    """A driver's time for people."""
    try:
        at = types.from_driver_time(value)
    except _ODD:
        return "no time"
    return "empty" if at is None else _told(at)


def _told(at: datetime) -> str:
    return at.isoformat(sep=" ").replace("+00:00", "Z")
