"""The Back Office: every list, single records and the documented methods that change them; called by `sandbox.apis`."""

from __future__ import annotations

import random
from collections.abc import Callable

import orjson

from sandbox import endpoints, odd_pages, pages, trees, writes
from sandbox.endpoints.endpoint import Endpoint, Shape
from sandbox.exchange import Answer, Refusal, Request, answered
from sandbox.fields import Json
from sandbox.odd_offsets import Ask
from sandbox.options import Options
from sandbox.records import Table
from sandbox.sign_in import SignIn
from sandbox.world import NoSuchRecordError, World


class BackOffice:
    """Answers what begins with /api/v2."""

    def __init__(self, world: World, options: Options, shift: pages.Shift) -> None:
        self.world = world
        self.options = options
        self.sign_in = SignIn(options)
        self._shift = shift

    def answer(self, request: Request) -> Answer:
        answer = self.sign_in.answer(request)
        if answer is None:
            self.sign_in.check(request)
            try:
                answer = self._answer(request)
            except NoSuchRecordError as error:
                raise Refusal(404, {"error": f"Not found: {error}"}) from None
        answer.headers.setdefault("Content-Language", _language(request))
        return answer

    def _answer(self, request: Request) -> Answer:
        found = endpoints.find(request.segments)
        if found is None:
            raise Refusal(404, {"error": "No such method"})
        endpoint, parents, key = found
        if request.method == "GET":
            if key is None:
                return self._list(request, endpoint, parents)
            return self._item(request, endpoint, parents, key)
        allowed = writes.verbs(endpoint, is_item=key is not None)
        if request.method not in allowed:
            raise Refusal(405, {"error": "Method not allowed"}, {"Allow": ", ".join(["GET", *allowed])})
        if key is None:
            return answered(writes.create(self.world, endpoint, parents, request.json()), 201)
        if request.method == "DELETE":
            self.world.delete(endpoint, parents, key)
            return Answer(204)
        return answered(writes.update(self.world, endpoint, parents, key, request.json()))

    def _list(self, request: Request, endpoint: Endpoint, parents: tuple[str, ...]) -> Answer:
        table = self.world.table(endpoint, parents)
        if endpoint.is_tree:
            return self._tree(request, table)
        if endpoint.shape is Shape.OBJECT:
            return Answer(body=table.view()[0])
        # Lists that the documents show without paging answer whole unless they are asked for less.
        is_whole = endpoint.shape is Shape.STRINGS or not endpoint.is_paged
        limit = min(request.integer("limit", self.options.default_limit), self.options.max_limit)
        if is_whole and "limit" not in request.query:
            limit = len(table.rows) + len(table.oddities)
        order = pages.order_of(request, table, by="sort_by", way="sort_order")
        ask = Ask(request.integer("offset", 0), limit, order, pages.filters_of(request, table))
        page = pages.cut(table, ask, faults=request.faults, shift=self._shift)
        change = self._localised(request, endpoint)
        if change is not None:
            page.rows = [change(row) for row in page.rows]
        is_bare = endpoint.shape in (Shape.STRINGS, Shape.BARE)
        return odd_pages.answer(page, request.faults, odd_pages.BARE if is_bare else odd_pages.Envelope())

    def _item(self, request: Request, endpoint: Endpoint, parents: tuple[str, ...], key: str) -> Answer:
        table = self.world.table(endpoint, parents)
        if key in table.hidden and table.hidden[key] != 404:
            raise Refusal(table.hidden[key], {"error": "Forbidden"})
        if table.document(key) is None:
            raise NoSuchRecordError(f"{endpoint.filled(parents)}/{key}")
        if endpoint.is_tree:
            rows = {one: table.read(one) for one in table.shown()}
            return answered({**rows[key], "children": [rows[one] for one in trees.children_of(rows).get(key, ())]})
        change = self._localised(request, endpoint)
        return Answer(body=table.rows[key] if change is None else change(table.rows[key]))

    def _tree(self, request: Request, table: Table) -> Answer:
        rows = {key: table.read(key) for key in table.shown()}
        order = pages.order_of(request, table, by="sort_by", way="sort_order")
        if order is not None:
            rows = dict(sorted(rows.items(), key=lambda row: row[1][order.member], reverse=order.is_descending))
        where = pages.filters_of(request, table)
        rows = {key: row for key, row in rows.items() if all(table.fits(key, one) for one in where)}
        is_deep = request.query.get("deep", "false") in ("true", "1") or table.endpoint.shape is Shape.BARE_TREE
        nodes = [] if any(fault.kind == "empty" for fault in request.faults) else trees.nested(rows, is_deep=is_deep)
        return answered(nodes if table.endpoint.shape is Shape.BARE_TREE else {"total": len(nodes), "data": nodes})

    def _localised(self, request: Request, endpoint: Endpoint) -> Callable[[bytes], bytes] | None:
        """What the language and living balances make of a row; None where that is nothing."""
        language = _language(request)
        is_live = self.options.has_live_balances and "statement" in endpoint.fields
        is_foreign = language[:2] != "en" and "caption" in endpoint.fields
        if not is_live and not is_foreign:
            return None

        def change(row: bytes) -> bytes:
            document = orjson.loads(row)
            if is_foreign:
                document["caption"] = _caption(document, language)
            if is_live:
                document["statement"] = {**document["statement"], "currentBalance": f"{random.random() * 50_000:.2f}"}
            return orjson.dumps(document)

        return change


def _language(request: Request) -> str:
    wanted = request.headers.get("accept-language", "en").split(",")[0].split(";")[0].strip()
    return wanted if wanted.isascii() and wanted.replace("-", "").isalpha() else "en"


def _caption(document: Json, language: str) -> Json:
    """The localised string where the record has one; else one can see that it was translated."""
    for entry in document.get("resources") or ():
        if entry.get("key") == "caption" and str(entry.get("locale")).startswith(language[:2]):
            return entry.get("value")
    return f"{document['caption']} [{language}]"
