"""How changes and values are shown: a line for each field, old -> new; in JSON a word for what is missing.

Used by `changes`, `history`, `show` and `diff`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from changes import written

if TYPE_CHECKING:
    from changes.fields import Field
    from changes.versions import Missing
    from storage.history import Entry

#: Longer values are cut where people read them.
SHOWN_LENGTH = 60


def lines(change: Entry) -> Iterator[str]:
    """`/status: "enabled" -> "disabled"`; nothing where the whole record came or went."""
    from changes import fields
    from storage import versions

    return of_fields(fields.changed_in(versions.of_row(change)))


def of_fields(fields: Iterable[Field]) -> Iterator[str]:
    """The same of fields."""
    from changes.versions import ABSENT, Missing

    for field in fields:
        if field.old is Missing.ERASED and field.new is Missing.ERASED:
            yield f"{field.pointer or 'the whole record'}: {short(field.old)}"
        elif field.pointer != "":
            yield f"{field.pointer}: {short(field.old)} -> {short(field.new)}"
        elif ABSENT not in (field.old, field.new):
            yield f"the whole record: {short(field.old)} -> {short(field.new)}"


def short(value: Any | Missing) -> str:
    """A JSON value on one line; on a terminal the end of a long one is left out."""
    from changes.versions import Missing

    if isinstance(value, Missing):
        return "(erased)" if value is Missing.ERASED else "(not there)"
    text = written.dumps(value)
    return text if len(text) <= SHOWN_LENGTH or not sys.stdout.isatty() else text[: SHOWN_LENGTH - 1] + "…"


def member(name: str, value: Any | Missing) -> dict[str, Any]:
    """`{"old": 5}`; of what is missing `{"old": null, "old_is": "absent"}`, since null may be a value too."""
    from changes.versions import Missing

    return {name: None, f"{name}_is": value.value} if isinstance(value, Missing) else {name: value}
