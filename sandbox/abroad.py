"""The foreign API's second version: rows inside of rows, a token for a form; called by `sandbox.apis`.

Who comes in shows a token (`POST /v2/oauth/token`, OAuth2 client credentials) or the key of the API in the query, and
says with a header which version is meant.
"""

from __future__ import annotations

import base64
import binascii
import secrets
import time
from random import Random
from urllib.parse import parse_qsl, unquote_plus

import orjson

from sandbox import endpoints, odd_pages, pages
from sandbox.endpoints import abroad
from sandbox.endpoints.endpoint import Endpoint
from sandbox.exchange import Answer, Refusal, Request, answered
from sandbox.odd_offsets import Ask
from sandbox.odd_pages import Envelope
from sandbox.options import Options
from sandbox.records import Table, verbatim
from sandbox.world import NoSuchRecordError, World

ENVELOPE = Envelope(("result", "items"), ("meta", "total"))
#: A page may have so many rows.
MOST_ROWS = 50


class Abroad:
    """Answers what begins with /v2."""

    def __init__(self, world: World, options: Options, shift: pages.Shift) -> None:
        self.world = world
        self.options = options
        self.tokens = 0  #: given out
        self._tokens: dict[str, float] = {}  # token -> when it ends
        self._shift = shift
        self._random = Random(world.seed)

    def answer(self, request: Request) -> Answer:
        if request.path == "/v2/oauth/token":
            return self._token(request)
        self._admit(request)
        if request.method != "GET":
            raise Refusal(405, {"detail": "read only"})
        try:
            table, key = self._place(request)
        except NoSuchRecordError as error:
            raise Refusal(404, {"detail": f"not found: {error}"}) from None
        if key is not None:
            if table.document(key) is None:
                raise Refusal(404, {"detail": "not found"})
            return Answer(body=self.row(table.endpoint, table.rows[key]))
        order = pages.order_of(request, table, by="sort", way=None)
        ask = Ask(request.integer("offset", 0), limit_of(request), order)
        page = pages.cut(table, ask, faults=request.faults, shift=self._shift)
        page.rows = [self.row(table.endpoint, row) for row in page.rows]
        return odd_pages.answer(page, request.faults, ENVELOPE)

    def row(self, endpoint: Endpoint, row: bytes) -> bytes:
        """As it travels: what is mixed stands in another order each time."""
        if endpoint.mixed:
            document = verbatim(row)
            for name in endpoint.mixed:
                self._random.shuffle(document[name])
            row = orjson.dumps(document)
        return endpoint.travelling(row)

    def _admit(self, request: Request) -> None:
        """Refuses who shows neither a living token nor the key, or says no version."""
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if request.query.get("api_key") != self.options.api_key and self._tokens.get(token, 0) < time.time():
            raise Refusal(401, {"detail": "a token or api_key is wanted"}, {"WWW-Authenticate": "Bearer"})
        if request.headers.get("x-api-version") != self.options.api_version:
            raise Refusal(400, {"detail": f"X-Api-Version: {self.options.api_version} is wanted"})

    def _place(self, request: Request) -> tuple[Table, str | None]:
        """The list, and the key of a single record where the path names one."""
        segments = request.segments
        if (path := abroad.IN_QUERY.get("/" + "/".join(segments[:2]))) is not None and len(segments) <= 3:
            parent = request.query.get("warehouse")
            if parent is None:
                raise Refusal(422, {"detail": "warehouse: required"})
            return self.world.table(endpoints.BY_PATH[path], (parent,)), segments[2] if segments[2:] else None
        if segments[:2] == ["v2", "stock"] and len(segments) == 4:  # /v2/stock/{wh}/{sku}
            table = self.world.table(endpoints.BY_PATH[abroad.STOCK])
            return table, table.key_of(dict(zip(table.endpoint.key_members, segments[2:], strict=True)))
        found = endpoints.find(segments)
        if found is None:
            raise Refusal(404, {"detail": "no such path"})
        endpoint, parents, key = found
        return self.world.table(endpoint, parents), key

    def _token(self, request: Request) -> Answer:
        if request.method != "POST":
            raise Refusal(405, {"error": "POST is wanted"}, {"Allow": "POST"})
        if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            raise Refusal(415, {"error": "invalid_request", "error_description": "a form is wanted"})
        form = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
        if form.get("grant_type") != "client_credentials":
            raise Refusal(400, {"error": "unsupported_grant_type"})
        client = _basic(request) or (form.get("client_id"), form.get("client_secret"))
        if client != (self.options.client_id, self.options.client_secret):
            raise Refusal(401, {"error": "invalid_client"}, {"WWW-Authenticate": "Basic"})
        token, seconds = secrets.token_urlsafe(24), self.options.client_token_seconds
        self._tokens[token] = time.time() + seconds
        self.tokens += 1
        return answered({"access_token": token, "token_type": "Bearer", "expires_in": int(seconds)})


def limit_of(request: Request) -> int:
    """The page size asked for; 422 where it is too large."""
    limit = request.integer("limit", 20)
    if limit > MOST_ROWS:
        raise Refusal(422, {"detail": f"limit: {limit} is more than {MOST_ROWS}"})
    return limit


def _basic(request: Request) -> tuple[str, str] | None:
    """Client and secret of an Authorization header; they are form-encoded in there (RFC 6749)."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client, _, secret = base64.b64decode(text).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return unquote_plus(client), unquote_plus(secret)
