"""Says of a record that is shown that its content was erased, and when; used by `show`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlmodel import Session

    from changes.resources import Resource


def marked(session: Session, source: str, resource: Resource, row: Mapping[str, Any]) -> dict[str, Any]:
    """The row, and where its content was erased `erased_at`, null where no action says when."""
    from changes.records import Id
    from storage import erasures

    if row["document"] is not None:  # no document is null by itself
        return dict(row)
    at = erasures.erased_at(
        session, source, resource.name, Id(row["parent_key"], row["key"]), version=int(row["version"])
    )
    return {**row, "erased_at": at}
