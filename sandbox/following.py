"""The foreign API's third version: the same lists by page numbers, cursors and links; called by `sandbox.apis`.

    /v3/numbered/…  page (from 1), per_page   {"items": […], "count": 12}
    /v3/cursors/…   cursor, limit             {"items": […], "meta": {"next_cursor": "…"}}; null behind the last row
    /v3/after/…     after (a key), limit      {"items": […], "has_more": true}
    /v3/links/…     limit                     {"items": […], "links": {"next": "http://…"}}; missing behind the last row
    /v3/headers/…   per_page                  a bare list, `Link: <http://…>; rel="next"`, and X-Total-Count

What stands behind is as in /v1: /v3/cursors/warehouses/WH-001/bins. A cursor holds the last key, so that rows which
come and go do not move what follows.
"""

from __future__ import annotations

import base64
import binascii
import bisect

import orjson

from sandbox import endpoints
from sandbox.endpoints.endpoint import Shape
from sandbox.exchange import Answer, Refusal, Request, answered
from sandbox.foreign import record_of, table_of
from sandbox.options import Options
from sandbox.records import Order, Table
from sandbox.world import World

STYLES = ("numbered", "cursors", "after", "links", "headers")
MOST_ROWS = 50


class Following:
    """Answers what begins with /v3; the token is the secret of the client."""

    def __init__(self, world: World, options: Options) -> None:
        self.world = world
        self.options = options

    def answer(self, request: Request) -> Answer:
        if request.headers.get("authorization") != f"Bearer {self.options.client_secret}":
            raise Refusal(401, {"message": "unauthenticated"})
        style, *rest = request.segments[1:] or [""]
        found = endpoints.find(["v1", *rest])
        if style not in STYLES or found is None or found[0].shape is Shape.STRINGS or request.method != "GET":
            raise Refusal(404, {"message": "no such list"})
        endpoint, parents, key = found
        table = table_of(self.world, endpoint, parents)
        if key is not None:
            return record_of(table, key)
        limit = min(request.integer("per_page" if style in ("numbered", "headers") else "limit", 20), MOST_ROWS) or 1
        if style == "numbered":
            return self._numbered(request, table, limit)
        return self._chained(request, table, style, limit)

    def _numbered(self, request: Request, table: Table, limit: int) -> Answer:
        page = request.integer("page", 1)
        if page < 1:
            raise Refusal(400, {"message": "page: 1 is the first"})
        rows = _rows(table)
        return _answer(rows[(page - 1) * limit : page * limit], {"count": len(rows)})

    def _chained(self, request: Request, table: Table, style: str, limit: int) -> Answer:
        rows = _rows(table)
        keys = [str(orjson.loads(row)[_member(table)]) for row in rows]
        if style == "after":
            start = bisect.bisect_right(keys, request.query.get("after", ""))
            return _answer(rows[start : start + limit], {"has_more": start + limit < len(rows)})
        start = bisect.bisect_right(keys, _key(request)) if request.query.get("cursor") else 0
        page, cursor = rows[start : start + limit], ""
        if start + limit < len(rows):
            cursor = base64.urlsafe_b64encode(keys[start + limit - 1].encode()).decode()
        if style == "cursors":
            return _answer(page, {"meta": {"next_cursor": cursor or None}})
        name = "limit" if style == "links" else "per_page"
        link = f"http://{request.headers.get('host', '')}{request.path}?{name}={limit}&cursor={cursor}"
        if style == "links":
            return _answer(page, {"links": {"next": link} if cursor else {}})
        headers = {"X-Total-Count": str(len(rows)), **({"Link": f'<{link}>; rel="next"'} if cursor else {})}
        return Answer(body=b"[" + b",".join(page) + b"]", headers=headers)


def _rows(table: Table) -> list[bytes]:
    """By their keys."""
    return table.view(Order(_member(table), False))


def _member(table: Table) -> str:
    key = table.endpoint.key
    if isinstance(key, tuple):
        raise Refusal(404, {"message": "no such list"})
    return key


def _key(request: Request) -> str:
    try:
        return base64.b64decode(request.query["cursor"], altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise Refusal(400, {"message": "cursor: it is none of ours"}) from None


def _answer(rows: list[bytes], beside: dict[str, object]) -> Answer:
    body = answered(beside).body
    return Answer(body=b'{"items":[' + b",".join(rows) + b"]," + body[1:])
