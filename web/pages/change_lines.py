"""Changes as they are shown: difference first; the rows of `changes --json` come in. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from changes import fields, written
from changes.fields import Field
from changes.versions import Missing
from storage import history, versions
from web import formats

#: Longer values are cut in lists; the page of the change has them whole.
_LONGEST = 80
#: Of more fields only their number is told in lists.
_MOST_FIELDS = 6


@dataclass(frozen=True, slots=True)
class Shown:
    """A field that differs, as text; None: there is no value on that side, and the word says why."""

    pointer: str
    old: str | None
    new: str | None
    old_word: str = ""
    new_word: str = ""


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """One change."""

    seq: int
    kind: str
    source: str
    resource: str
    parent_key: str
    key: str
    version: int
    observed_after: datetime | None
    observed_at: datetime
    fields: Sequence[Shown]
    more: int  #: fields that are not shown
    is_erased: bool
    is_retired: bool
    row: Mapping[str, Any]

    @property
    def record(self) -> str:
        parent = f"{self.parent_key}/" if self.parent_key else ""
        return f"{self.resource}/{parent}{self.key}"

    @property
    def href(self) -> str:
        return record_href(self.source, self.resource, self.key, self.parent_key)


def record_href(source: str, resource: str, key: str, parent_key: str = "") -> str:
    """The page of a record."""
    parent = f"?parent={formats.quoted(parent_key)}" if parent_key else ""
    return f"/records/{formats.quoted(source)}:{formats.quoted(resource)}/{formats.quoted(key)}{parent}"


def line(row: Mapping[str, Any], *, is_whole: bool = False) -> ChangeLine:
    """`is_whole`: all fields, and their values uncut."""
    version = versions.of_row(SimpleNamespace(**row))
    every = [each for each in fields.changed_in(version) if each.pointer != "" or _is_replaced(each)]
    some = every if is_whole else every[:_MOST_FIELDS]
    return ChangeLine(
        seq=row["seq"],
        kind=str(row["kind"]),
        source=row["source"],
        resource=row["resource"],
        parent_key=row["parent_key"],
        key=row["key"],
        version=row["version"],
        observed_after=row["observed_after"],
        observed_at=row["observed_at"],
        fields=[_shown(each, None if is_whole else _LONGEST) for each in some],
        more=len(every) - len(some),
        is_erased=row["salt"] is None,
        is_retired=row["scan_id"] == history.RETIRED,
        row=row,
    )


def _is_replaced(field: Field) -> bool:
    """The record as a whole is one field only where it was something before and is something else now."""
    return not isinstance(field.old, Missing) and not isinstance(field.new, Missing)


def _shown(field: Field, longest: int | None) -> Shown:
    old, old_word = _text(field.old, longest)
    new, new_word = _text(field.new, longest)
    return Shown(field.pointer or "the whole record", old, new, old_word, new_word)


def _text(value: Any, longest: int | None) -> tuple[str | None, str]:
    if isinstance(value, Missing):
        return None, "erased" if value is Missing.ERASED else "not there"
    text = written.dumps(value)
    return (text if longest is None else formats.clipped(text, longest)), ""
