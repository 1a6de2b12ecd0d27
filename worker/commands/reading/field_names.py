"""What a person means by --field, and what is said where there is no such field, or little is kept of it.

Used by `changes`, `history` and `diff`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from worker.problems import UsageError, did_you_mean

if TYPE_CHECKING:
    from changes.resources import Resource
    from changes.versions import Missing


def check(field: str) -> None:
    """UsageError where it is no JSON Pointer."""
    from changes import pointers

    try:
        pointers.split(field)
    except ValueError as error:
        raise UsageError(f"--field {error}", "`mirrorpoint history RESOURCE KEY` shows the fields") from None


def unknown(field: str, of: str, contents: Iterable[Any | Missing]) -> UsageError:
    """That none of these contents has the field, with the one that was meant; `of`: `no record of things`."""
    from changes import fields

    known = {name for content in contents for name in fields.names(content)}
    return UsageError(f"{of} has a field {field}", did_you_mean(field, known))


def is_volatile(resource: Resource, document: Any, field: str) -> bool:
    """Whether the catalogue says that the field changes all the time, so that its changes alone are none."""
    from changes import fields, pointers

    volatile = pointers.parted(document, pointers.compiled(resource.volatile))[1]
    return any(fields.is_at_or_below(field, each) for each in volatile)
