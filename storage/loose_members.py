"""Members in which a mirror row may differ from its record's last version, since a difference there makes no change.

These are the volatile and the secret members of a resource, as its catalogue has them now or ever had them: when such a
list gets shorter, what was stored before stays as it is until the record changes. Written by prepare.py, read by who
verifies the record.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

from sqlalchemy import select
from sqlmodel import Session, col

from changes.resources import Resource
from storage import sql
from storage.tables import PreparedRow

_ENDING = "/loose"


def name(source: str, resource: str) -> str:
    """Under which `mirrorpoint_prepared` has them."""
    return f"{resource}/{source}{_ENDING}"


def unknown(state: Mapping[str, str], resources: Mapping[str, Collection[Resource]]) -> dict[str, str]:
    """What must be written down: name -> all members so far, as JSON. `state`: what is written already."""
    found = {}
    for source, of_source in resources.items():
        for resource in of_source:
            now = {*resource.volatile, *resource.secrets}
            if now:
                known = set(json.loads(state.get(name(source, resource.name), "[]")))
                if not now <= known:
                    found[name(source, resource.name)] = json.dumps(sorted(now | known))
    return found


def of(session: Session, source: str, resource: str) -> tuple[str, ...]:
    """The resource's members, as JSON Pointers with `*`."""
    which = col(PreparedRow.name) == name(source, resource)
    found = sql.run(session, select(col(PreparedRow.digest)).where(which)).scalar()
    return tuple(json.loads(found)) if found else ()
