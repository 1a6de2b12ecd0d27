"""`/rest/v1/service/integration_points`: the six verbs over own points, as an integration platform has them.

Client code that was written for such a platform is pointed here and works (docs/points-rest.md).
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from changes.sealing import SealKeyError
from storage.points import PointRefused
from web import answers, services
from web.access import Role
from web.rest import given, own_points, queries
from web.rest.refusals import Refusal
from web.routing import at, caller_of

PATH = "/rest/v1/service/integration_points"
_ONE = PATH + "/{id}"

#: Answers a request whose body has come.
Step = Callable[[Request, bytes], Response]


def routes() -> list[BaseRoute]:
    """A route for each verb, since each says what it needs."""
    return [
        at(PATH, _verb(_list), needs=Role.READ),
        at(PATH, _verb(_lookup), needs=Role.READ, methods=["LOOKUP"]),
        at(PATH, _verb(_create), needs=Role.OPERATE, methods=["POST"]),
        at(_ONE, _verb(_show), needs=Role.READ),
        at(_ONE, _verb(_change), needs=Role.OPERATE, methods=["PATCH"]),
        at(_ONE, _verb(_remove), needs=Role.OPERATE, methods=["DELETE"]),
    ]


def _verb(step: Step) -> Callable[[Request], Awaitable[Response]]:
    """The step in a thread, since it waits for the database; what it refuses as the API tells it."""

    async def endpoint(request: Request) -> Response:
        body = await request.body()
        try:
            return await run_in_threadpool(step, request, body)
        except Refusal as refusal:
            return answers.api_error(refusal.status, refusal.message)
        except PointRefused as error:
            return answers.api_error(400, error.message)
        except SealKeyError as error:
            return answers.api_error(500, str(error))

    return endpoint


def _list(request: Request, _: bytes) -> Response:
    web = services.of(request)
    query = queries.read(request.query_params)
    return _answer(queries.chosen(own_points.listed(web), query, seal=web.vault.seal))


def _show(request: Request, _: bytes) -> Response:
    web = services.of(request)
    shape = queries.shape(request.query_params)
    entity = own_points.entity(web, own_points.one(web, request.path_params["id"]))
    return _answer(queries.shaped(entity, shape))


def _lookup(request: Request, body: bytes) -> Response:
    value = given.parse(body)
    found = own_points.looked_up(services.of(request), value) if isinstance(value, str) else []
    return _answer(found) if found else answers.api_error(404, "Lookup failed")


def _create(request: Request, body: bytes) -> Response:
    web = services.of(request)
    wanted = given.for_creation(body, allow_networks=web.allow_networks)
    return _answer(own_points.create(web, wanted, who=_who(request)))


def _change(request: Request, body: bytes) -> Response:
    web = services.of(request)
    point = own_points.changeable(web, request.path_params["id"])
    wanted = given.for_change(body, point, seal=web.vault.seal, allow_networks=web.allow_networks)
    return _answer(own_points.change(web, point, wanted, who=_who(request)))


def _remove(request: Request, _: bytes) -> Response:
    web = services.of(request)
    own_points.remove(web, own_points.changeable(web, request.path_params["id"]), who=_who(request))
    return Response(status_code=204)


def _who(request: Request) -> str:
    """The token's name, for the log of actions."""
    caller = caller_of(request)
    return caller.name if caller is not None else "nobody"


def _answer(value: Any) -> Response:
    text = json.dumps(value, ensure_ascii=False).encode()
    return Response(text, headers={"Cache-Control": "no-store"}, media_type="application/json")
