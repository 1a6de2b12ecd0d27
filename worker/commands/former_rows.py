"""Rows of resources that no catalogue has any more, and of sources that are not configured; what is left of them.

Read by `status`, `check`, `retire`, and by the commands that show history.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from changes.resources import Resource
    from storage.engine import Database
    from storage.session import Session
    from worker.commands import selecting
    from worker.settings import Settings


@dataclass(frozen=True, slots=True)
class FormerRows:
    """Of one resource."""

    source: str
    resource: Resource
    rows: int
    read_as: Mapping[str, Any] | None

    @property
    def name(self) -> str:
        return self.resource.name

    def told(self) -> dict[str, Any]:
        """For `--json`."""
        return {"source": self.source, "resource": self.name, "rows": self.rows}


def read(settings: Settings, database: Database) -> list[FormerRows]:
    """All of which there are rows."""
    from worker import bootstrap

    with database.read() as session:
        return of(session, bootstrap.load_catalogues(settings))


def of(session: Session, catalogues: selecting.Catalogues) -> list[FormerRows]:
    """The same, of a session."""
    from storage import former
    from tasks.scan import read_as

    found = []
    for each in former.every(session, _configured(catalogues)):
        resource = read_as.resource_of(each.resource, each.read_as)
        rows = 0 if read_as.is_retired(each.read_as) else former.rows(session, each.source, resource)
        if rows:
            found.append(FormerRows(each.source, resource, rows, each.read_as))
    return found


def remark(each: FormerRows) -> tuple[str, str]:
    """What is said of it, and the cure."""
    rows = "1 row is" if each.rows == 1 else f"{each.rows:,} rows are"
    return (
        f"{rows} left of what is not configured any more",
        f"`mirrorpoint retire {each.source} {each.name}` retires them",
    )


@dataclass(frozen=True, slots=True)
class Resources:
    """What is left of a source, or all of it, as `selecting` wants it."""

    resources: Mapping[str, Resource]


def with_former(session: Session, catalogues: selecting.Catalogues) -> dict[str, Resources]:
    """The catalogues, with all that was ever mirrored and is not in them: for the log, which has it still."""
    from storage import former
    from tasks.scan import read_as

    resources = {name: dict(catalogue.resources) for name, catalogue in catalogues.items()}
    for each in former.every(session, _configured(catalogues)):
        resources.setdefault(each.source, {})[each.resource] = read_as.resource_of(each.resource, each.read_as)
    return {name: Resources(found) for name, found in resources.items()}


def _configured(catalogues: selecting.Catalogues) -> Collection[tuple[str, str]]:
    return {(name, each) for name, catalogue in catalogues.items() for each in catalogue.resources}
