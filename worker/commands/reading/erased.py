"""Says of a record that is shown that its content was erased, when, by whom and why; used by `show`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from worker import output

if TYPE_CHECKING:
    from changes.resources import Resource
    from storage.session import Session


def marked(session: Session, source: str, resource: Resource, row: Mapping[str, Any]) -> dict[str, Any]:
    """The row, and where its content was erased `erased_at`, `erased_by` and `erased_reason`.

    All are null where no action says so; the retention has no reason.
    """
    from changes.records import Id
    from storage import erasures

    if row["document"] is not None:  # no document is null by itself
        return dict(row)
    found = erasures.erasure_of(
        session, source, resource.name, Id(row["parent_key"], row["key"]), version=int(row["version"])
    )
    at, who, what, reason = found or (None, None, None, None)
    return {**row, "erased_at": at, "erased_by": what if what == erasures.RETENTION else who, "erased_reason": reason}


def told(row: Mapping[str, Any]) -> str:
    """The sentence for people."""
    if row.get("erased_at") is None:
        return "its content was erased"
    by = "the retention" if row["erased_by"] == "retention" else row["erased_by"]
    why = f": {row['erased_reason']}" if row["erased_reason"] else ""
    return f"its content was erased {output.moment(row['erased_at'])} by {by}{why}"
