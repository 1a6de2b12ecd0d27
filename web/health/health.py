"""`/health`, `/health/live` and `/health/ready`, for people, load balancers and orchestrators.

A source that is down is told and never fails anything: to restart or replace this process would not bring it back.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from changes.problems import Problem
from storage.errors import StorageError
from web import services
from web.access import Role
from web.health import checks, database, standing
from web.health.checks import Check, Status
from web.routing import at
from web.services import Web

_MEDIA_TYPE = "application/health+json"


def routes() -> list[BaseRoute]:
    return [
        at("/health", whole, needs=Role.METRICS),
        at("/health/live", live, needs=Role.METRICS),
        at("/health/ready", ready, needs=Role.METRICS),
    ]


async def live(request: Request) -> Response:
    """This process answers. Nothing else is looked at, since it would be restarted for it."""
    return _answer(services.of(request), [])


def ready(request: Request) -> Response:
    """The database can be read and written, and its schema fits."""
    web = services.of(request)
    return _answer(web, database.checks(web))


def whole(request: Request) -> Response:
    """All of it; what `status` says too, as long as there is a database to ask."""
    web = services.of(request)
    found = database.checks(web)
    if all(check.name != "database:schema" or check.status is Status.PASS for check in found):
        found += _standing(web)
    return _answer(web, found)


def _standing(web: Web) -> list[Check]:
    try:
        return list(standing.checks(web.document("status"), at=web.now()))
    except (StorageError, Problem) as error:
        said = f"{error.message}; {error.hint}"
        return [Check("status:read", "component", Status.FAIL, at=web.now(), output=said)]


def _answer(web: Web, found: Sequence[Check]) -> Response:
    told = checks.document(found, version=web.version)
    code = 503 if told["status"] is Status.FAIL else 200
    body = json.dumps(told, ensure_ascii=False, indent=2) + "\n"
    return Response(body, code, {"Content-Type": _MEDIA_TYPE, "Cache-Control": "no-store"})
