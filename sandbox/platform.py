"""The integration platform: its points, with all six verbs; called by `sandbox.apis`."""

from __future__ import annotations

import base64
import secrets
from datetime import UTC, datetime
from uuid import UUID, uuid4

import orjson

from sandbox import endpoints, odd_pages, pages
from sandbox.endpoints.elsewhere import POINTS
from sandbox.exchange import Answer, Refusal, Request, answered
from sandbox.fields import Json
from sandbox.odd_offsets import Ask
from sandbox.options import Options
from sandbox.records import Order, Table, Where, texts, verbatim
from sandbox.world import World

#: Names that `mask` may have; the url is none of them, and tokens are written without underscores.
MASKS = {"tokenlocal": "token_local", "tokenremote": "token_remote", "tokenremote2": "token_remote2"} | {
    name: name
    for name in (
        "id", "code", "type", "recv_svcscriptcode", "recv_svcscriptcode_ws", "send_svcscriptcode",
        "send_svcscriptcode_ws", "opts.title", "opts.allow_files_api", "opts.issync", "ext.lwt", "ext.ct",
    )
}  # fmt: skip
#: Fields that lists can be sorted by though `mask` does not know them.
SORTED_TOO = ("url", "opts.comment", *MASKS.values())
TEXTS = ("token_remote", "token_remote2", "url", "recv_svcscriptcode", "recv_svcscriptcode_ws", "send_svcscriptcode",
         "send_svcscriptcode_ws")  # fmt: skip
OPTS = {"title": "", "comment": "", "allow_files_api": False, "issync": False}


class Platform:
    """Answers what begins with /rest/v1/service/integration_points."""

    def __init__(self, world: World, options: Options, shift: pages.Shift) -> None:
        self.world = world
        self.options = options
        self._endpoint = endpoints.BY_PATH[POINTS]
        self._shift = shift

    def answer(self, request: Request) -> Answer:
        wanted = base64.b64encode(f"{self.options.platform_user}:{self.options.platform_password}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {wanted}":
            raise Refusal(401, _error(1401, "Unauthorized"), {"WWW-Authenticate": "Basic"})
        table, key = self.world.table(self._endpoint), request.path.removeprefix(POINTS).strip("/")
        if not key:
            step = {"GET": self._list, "POST": self._create, "LOOKUP": self._lookup}.get(request.method)
            if step is None:
                raise Refusal(405, _error(1405, "Method not allowed"))
            return step(request, table)
        if table.document(key) is None:
            raise Refusal(404, _error(1404, "Resource not found"))
        match request.method:
            case "GET":
                return answered(_shaped(request, table.document(key)))
            case "PATCH":
                return answered(self._update(table, key, _body(request)))
            case "DELETE":
                self.world.delete(self._endpoint, (), key)
                return Answer(204)
        raise Refusal(405, _error(1405, "Method not allowed"))

    def _list(self, request: Request, table: Table) -> Answer:
        wanted = _parsed(request, "filter")
        if not isinstance(wanted, dict):
            raise Refusal(400, _error(1400, "filter: an object is wanted"))
        where = tuple(Where(_member(name), "=", texts(value)) for name, value in wanted.items())
        ask = Ask(request.integer("offset", 0), request.integer("limit", 1_000_000), _order(request), where)
        page = pages.cut(table, ask, faults=request.faults, shift=self._shift)
        points = [verbatim(row) for row in page.rows]
        for point in points:
            point["opts"].pop("comment", None)  # only a single point shows its comment
        page.rows = [orjson.dumps(_shaped(request, point)) for point in points]
        return odd_pages.answer(page, request.faults)

    def _lookup(self, request: Request, table: Table) -> Answer:
        value = request.json()
        points = self.world.documents(table).values()
        found = [point["id"] for point in points if value in (point["id"], point["code"], point["token_local"])]
        if not isinstance(value, str) or not found:
            raise Refusal(404, _error(1404, "Lookup failed"))
        return answered(found)

    def _create(self, request: Request, table: Table) -> Answer:
        body = _body(request)
        for name in ("code", "type"):
            if not body.get(name):
                raise Refusal(400, _error(1400, f"Field '{name}' is required"))
        if any(point["code"] == body["code"] for point in self.world.documents(table).values()):
            raise Refusal(400, _error(1400, "Field 'code' must be unique"))
        now = _stamp()
        point = {
            "id": _uuid(body.get("id")),
            "code": body["code"],
            "type": body["type"],
            "token_local": secrets.token_hex(16),
            **{name: body.get(name, "") for name in TEXTS},
            "opts": {**OPTS, **body.get("opts", {})},
            "ext": {"ct": now, "lwt": now},
        }
        if point["id"] in table.rows:
            raise Refusal(400, _error(1400, "Field 'id' must be unique"))
        return answered(self.world.create(self._endpoint, (), point, is_exact=True)[0].after)

    def _update(self, table: Table, key: str, body: dict[str, Json]) -> Json:
        point = table.document(key)
        for name in ("id", "token_local", "tokenlocal"):
            if name in body and body[name] != point.get(name):
                raise Refusal(400, _error(1400, f"Field '{name}' is prohibited for modification"))
        changes = {name: body[name] for name in ("code", "type", *TEXTS) if name in body}
        changes["opts"] = {**point["opts"], **body.get("opts", {})}
        changes["ext"] = {**point["ext"], "lwt": _stamp()}
        self.world.update(self._endpoint, (), key, changes)
        return table.document(key)


def point_at(world: World, receiver_url: str) -> None:
    """Seeds every point with a url of its own below that of a receiver."""
    table = world.table(endpoints.BY_PATH[POINTS])
    for key, point in world.documents(table).items():
        table.put(key, {**point, "url": f"{receiver_url.rstrip('/')}/hooks/{point['code']}"})


def _error(code: int, message: str) -> Json:
    return {"error_code": code, "error_message": message}


def _body(request: Request) -> dict[str, Json]:
    body = request.json()
    if not isinstance(body, dict) or not isinstance(body.get("opts", {}), dict):
        raise Refusal(400, _error(1400, "an object is wanted"))
    return body


def _stamp() -> str:
    now = datetime.now(UTC)
    return f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 10_000:02}Z"


def _uuid(given: Json) -> str:
    if given is None:
        return str(uuid4())
    try:
        return str(UUID(given))
    except (ValueError, AttributeError, TypeError):
        raise Refusal(400, _error(1400, "Field 'id' must be a uuid")) from None


def _parsed(request: Request, name: str) -> Json:
    try:
        return orjson.loads(request.query.get(name) or "{}")
    except orjson.JSONDecodeError:
        raise Refusal(400, _error(1400, f"{name}: JSON is wanted")) from None


def _order(request: Request) -> tuple[Order, ...]:
    """`order=code,type`, `order=["code", {"type": "desc"}]`; a field that there is not is refused."""
    text = request.query.get("order", "").strip()
    wanted: Json = _parsed(request, "order") if text[:1] in ("[", "{") else [name.strip() for name in text.split(",")]
    orders = []
    for each in wanted if isinstance(wanted, list) else [wanted]:
        for name, way in (each if isinstance(each, dict) else {each: "asc"}).items() if each else ():
            if name not in MASKS and name not in SORTED_TOO:
                raise Refusal(400, _error(1400, f"order: unknown field {name}"))
            if way not in ("asc", "desc"):
                raise Refusal(400, _error(1400, f"order: {name}: asc or desc is wanted"))
            orders.append(Order(_member(name), is_descending=way == "desc"))
    return tuple(orders)


def _member(name: str) -> str:
    """Tokens are written without underscores in queries."""
    return MASKS.get(name, name)


def _flat(point: dict[str, Json]) -> dict[str, Json]:
    flat = {}
    for name, value in point.items():
        if isinstance(value, dict):
            flat.update({f"{name}.{inner}": one for inner, one in value.items()})
        else:
            flat[name] = value
    return flat


def _shaped(request: Request, point: dict[str, Json]) -> Json:
    """As `mask` and `flat` want it."""
    flat = _flat(point)
    if mask := request.query.get("mask"):
        names = [name.strip() for name in mask.split(",")]
        if unknown := [name for name in names if name not in MASKS]:
            raise Refusal(400, _error(1400, f"mask: unknown field {unknown[0]}"))
        flat = {MASKS[name]: flat[MASKS[name]] for name in names if MASKS[name] in flat}
    if request.query.get("flat") in ("true", "1"):
        return flat
    nested: dict[str, Json] = {}
    for name, value in flat.items():
        outer, _, inner = name.partition(".")
        if inner:
            nested.setdefault(outer, {})[inner] = value
        else:
            nested[outer] = value
    return nested
