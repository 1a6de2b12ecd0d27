"""What was mirrored and is not configured any more: its rows stay until a person retires them, its history stays.

Asked by `status`, `check`, `retire`, and by the commands that show history.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from changes.resources import Resource
from storage import existing, mirror, reports, sql
from storage.session import Session


@dataclass(frozen=True, slots=True)
class Former:
    """A resource of a source that no catalogue has any more."""

    source: str
    resource: str
    read_as: Mapping[str, Any] | None  #: what of its catalogue decided who is who; None: it was read long ago


def every(session: Session, configured: Collection[tuple[str, str]]) -> list[Former]:
    """All that is not among the configured (source, resource), by name."""
    named = sql.rows(session, "SELECT source, resource FROM mirrorpoint_resource")
    left = sorted({(source, resource) for source, resource in named} - set(configured))
    states = reports.resource_states(session) if left else {}
    return [Former(*at, states[at].read_as) for at in left]


def rows(session: Session, source: str, resource: Resource) -> int:
    """Its records that were never retired, nor deleted; none where somebody has dropped the table."""
    return mirror.live_count(session, resource, source) if has_table(session, resource) else 0


def has_table(session: Session, resource: Resource) -> bool:
    """Whether the table of its records is there."""
    return existing.has_table(session, resource.name)
