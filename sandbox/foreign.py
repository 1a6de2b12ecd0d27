"""A foreign API: another token exchange, other names for paging and envelope, other keys; called by `sandbox.apis`."""

from __future__ import annotations

import secrets
import time

from sandbox import endpoints, odd_pages, pages
from sandbox.endpoints.endpoint import Endpoint, Shape
from sandbox.exchange import Answer, Refusal, Request, answered
from sandbox.odd_offsets import Ask
from sandbox.odd_pages import BARE, Envelope
from sandbox.options import Options
from sandbox.records import Table
from sandbox.world import NoSuchRecordError, Parents, World


class Foreign:
    """Answers what begins with /oauth and /v1."""

    def __init__(self, world: World, options: Options, shift: pages.Shift) -> None:
        self.world = world
        self.options = options
        self._tokens: dict[str, float] = {}
        self._shift = shift

    def answer(self, request: Request) -> Answer:
        if request.path == "/oauth/token":
            return self._token(request)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self._tokens.get(token, 0) < time.time():
            raise Refusal(401, {"message": "unauthenticated"})
        found = endpoints.find(request.segments)
        if found is None:
            raise Refusal(404, {"message": "no such path"})
        if request.method != "GET":
            raise Refusal(405, {"message": "read only"})
        endpoint, parents, key = found
        table = table_of(self.world, endpoint, parents)
        if key is not None:
            return record_of(table, key)
        order = pages.order_of(request, table, by="order_by", way=None)
        ask = Ask(request.integer("skip", 0), min(request.integer("page_size", 20), 100), order)
        page = pages.cut(table, ask, faults=request.faults, shift=self._shift)
        envelope = BARE if endpoint.shape is Shape.STRINGS else Envelope(("items",), ("count",))
        return odd_pages.answer(page, request.faults, envelope)

    def _token(self, request: Request) -> Answer:
        body = request.json()
        wanted = {"client_id": self.options.client_id, "client_secret": self.options.client_secret}
        if not isinstance(body, dict) or {name: body.get(name) for name in wanted} != wanted:
            raise Refusal(401, {"message": "invalid client"})
        token = secrets.token_urlsafe(24)
        self._tokens[token] = time.time() + self.options.token_seconds
        return answered({"access_token": token, "token_type": "Bearer", "expires_in": int(self.options.token_seconds)})


def table_of(world: World, endpoint: Endpoint, parents: Parents) -> Table:
    """The list below these parents; Refusal where one of them is not there."""
    try:
        return world.table(endpoint, parents)
    except NoSuchRecordError:
        raise Refusal(404, {"message": "not found"}) from None


def record_of(table: Table, key: str) -> Answer:
    """One record by itself; Refusal where it is not there."""
    if table.document(key) is None:
        raise Refusal(404, {"message": "not found"})
    return Answer(body=table.rows[key])
