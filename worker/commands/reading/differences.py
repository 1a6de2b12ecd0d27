"""How a change is shown to people: one line for each field, old -> new; used by `changes` and `history`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from worker import output

if TYPE_CHECKING:
    from storage.tables import ChangeRow

#: Longer values are cut where people read them.
SHOWN_LENGTH = 60
_ABSENT, _ERASED = "(not there)", "(erased)"


def lines(change: ChangeRow) -> Iterator[str]:
    """`/status: "enabled" -> "disabled"`; nothing where the whole record came or went."""
    from changes import pointers

    for pointer in change.changed:
        if change.salt is None:  # else the old and the new value would be shown as not there
            yield f"{pointer}: {_ERASED}" if pointer else _ERASED
            continue
        if pointer == "":
            return
        old = short(change.previous[pointer]) if pointer in change.previous else _ABSENT
        try:
            new = short(pointers.resolved(change.document, pointer))
        except (LookupError, TypeError, ValueError):
            new = _ABSENT
        yield f"{pointer}: {old} -> {new}"


def short(value: object) -> str:
    """A JSON value on one line, the end of a long one left out."""
    text = output.dumps(value)
    return text if len(text) <= SHOWN_LENGTH else text[: SHOWN_LENGTH - 1] + "…"
