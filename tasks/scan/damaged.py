"""Whether a scan could not go on since somebody has dropped a mirrored table, or a column of it: no defect of ours."""

from __future__ import annotations

from storage import damage
from tasks.scan.scope import Scope


def told(scope: Scope, error: Exception) -> str:
    """What is gone and what brings it back, for the scan's row; empty where the error is about anything else.

    Housekeeping makes such tables whole again, and a scan that comes after that meets none of it.
    """
    if not damage.is_of_missing(error):
        return ""
    own, every = scope.resource, scope.services.sources[scope.source].catalogue.resources
    # Parents are asked whether they are there, and children are deleted with them.
    near = [each for each in every.values() if each.name in (own.name, *own.ancestors) or own.name in each.ancestors]
    with scope.services.database.read() as session:
        return damage.told(session, near)
