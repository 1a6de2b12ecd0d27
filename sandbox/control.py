"""The control API under /_sandbox/: the truth of all lists, changes, faults, visitors; for tests, demo and people."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, fields
from fnmatch import fnmatchcase
from urllib.parse import unquote

import orjson

from sandbox import endpoints, randomly, story
from sandbox.apis import Apis
from sandbox.endpoints import abroad
from sandbox.endpoints.endpoint import Endpoint
from sandbox.exchange import Answer, Refusal, Request, answered
from sandbox.fields import Json
from sandbox.records import Table
from sandbox.world import Effect, NoSuchRecordError, World


class Control:
    """Not signed in to, never faulty, not counted."""

    def __init__(self, apis: Apis) -> None:
        self._apis = apis
        self._story = story.Story(apis.world)
        self._steps: dict[tuple[str, str], Callable[[Request], Json]] = {
            ("GET", "endpoints"): self._endpoints,
            ("GET", "rows"): self._rows,
            ("GET", "journal"): self._journal,
            ("POST", "change"): self._change,
            ("POST", "random"): self._random,
            ("GET", "faults"): lambda _: [fault.to_json() for fault in apis.faults.faults],
            ("POST", "faults"): self._order_faults,
            ("DELETE", "faults"): self._cancel_faults,
            ("GET", "requests"): self._requests,
            ("GET", "options"): lambda _: asdict(apis.options),
            ("POST", "options"): self._set_options,
            ("POST", "reset"): self._reset,
            ("GET", "story"): lambda _: self._story.sentences(),
        }

    def answer(self, request: Request) -> Answer:
        name = request.path.removeprefix("/_sandbox/")
        try:
            if request.method == "POST" and name.startswith("story/"):
                return answered(self._story.play(name.removeprefix("story/")))
            step = self._steps.get((request.method, name))
            if step is None:
                return answered({"error": f"{request.method} {request.path}: no such control"}, 404)
            return answered(step(request))
        except Refusal as refusal:
            return refusal.answer
        except NoSuchRecordError as error:
            return answered({"error": f"not found: {error}"}, 404)
        except (ValueError, KeyError, TypeError) as error:
            return answered({"error": f"{type(error).__name__}: {error}"}, 400)

    def _endpoints(self, _request: Request) -> Json:
        return [
            {"path": one.path, "shape": one.shape, "key": one.key, "has_item": one.has_item, "is_paged": one.is_paged,
             "sorts": one.sorts, "is_writable": one.writes is not None}
            for one in endpoints.ALL
        ]  # fmt: skip

    def _rows(self, request: Request) -> Json:
        """The truth about one list, or about all lists of a kind, tree nodes one by one."""
        rows = []
        for table in _tables(self._apis.world, request.query["path"]):
            endpoint = table.endpoint
            if endpoint.is_tree:
                documents = self._apis.world.documents(table)
            else:  # bytes as they are: a hundred thousand rows would take long to decode
                shown = endpoint.travelling
                documents = {key: orjson.Fragment(shown(table.rows[key])) for key in table.living()}
            rows += [{"parent_keys": table.parents, "key": key, "document": one} for key, one in documents.items()]
        return {"path": request.query["path"], "total": len(rows), "rows": rows}

    def _journal(self, request: Request) -> Json:
        return [effect.to_json() for effect in self._apis.world.journal[request.integer("after", 0) :]]

    def _change(self, request: Request) -> Json:
        body = json.loads(request.body)  # exact where orjson is not: integers beyond 64 bits
        endpoint, parents, key = _place(body)
        return [effect.to_json() for effect in _changed(self._apis.world, endpoint, parents, key, body)]

    def _random(self, request: Request) -> Json:
        body = request.json() or {}
        effects = randomly.change(
            self._apis.world,
            count=int(body.get("count", 100)),
            seed=body.get("seed", 1),
            paths=body.get("paths", ["/api/v2/*"]),
            kinds=body.get("kinds", randomly.KINDS),
        )
        return [effect.to_json() for effect in effects]

    def _order_faults(self, request: Request) -> Json:
        body = request.json()
        orders = body if isinstance(body, list) else [body]
        return [self._apis.faults.order(order).to_json() for order in orders]

    def _cancel_faults(self, request: Request) -> Json:
        text = request.query.get("id")
        self._apis.faults.cancel(int(text) if text else None)
        return [fault.to_json() for fault in self._apis.faults.faults]

    def _requests(self, request: Request) -> Json:
        wanted = request.query.get("path", "*")
        visits = [visit for visit in self._apis.visits if fnmatchcase(visit.path, wanted)]
        answer: dict[str, Json] = {
            "total": len(visits),
            "paths": Counter(visit.path for visit in visits),
            "statuses": {str(status): count for status, count in Counter(visit.status for visit in visits).items()},
            "most_in_flight": max((visit.in_flight for visit in visits), default=0),
            "most_in_a_second": _most_in_a_second([visit.at for visit in visits]),
            "sign_ins": self._apis.back_office.sign_in.sign_ins,
        }
        if request.query.get("log") in ("1", "true"):
            answer["log"] = [asdict(visit) for visit in visits]
        return answer

    def _set_options(self, request: Request) -> Json:
        known = {field.name for field in fields(self._apis.options)}
        for name, value in request.json().items():
            if name not in known:
                raise ValueError(f"no such option: {name}; there are {', '.join(sorted(known))}")
            setattr(self._apis.options, name, value)
        return asdict(self._apis.options)

    def _reset(self, request: Request) -> Json:
        body = request.json() or {}
        what = body.get("what", "world")
        if what == "requests":
            self._apis.visits.clear()
        elif what == "world":
            old = self._apis.world
            self._apis.start(World(seed=body.get("seed", old.seed), scale=body.get("scale", old.scale),
                                   counts=body.get("counts", old.counts)))  # fmt: skip
            self._story = story.Story(self._apis.world)
        else:
            raise ValueError("what: world or requests is wanted")
        return {"reset": what}


def _changed(world: World, endpoint: Endpoint, parents: tuple[str, ...], key: str | None, body: Json) -> list[Effect]:
    document = body.get("document")
    match body["op"]:
        case "create":
            is_exact, is_first = bool(body.get("exact")), bool(body.get("first"))
            return world.create(endpoint, parents, document, is_exact=is_exact, is_first=is_first)
        case "update" if key is not None:
            return world.update(endpoint, parents, key, document, is_whole=bool(body.get("whole")))
        case "delete" if key is not None:
            return world.delete(endpoint, parents, key)
        case "restore" if key is not None:
            return world.restore(endpoint, parents, key, document)
        case "hide" if key is not None:
            return world.hide(endpoint, parents, key, status=int(body.get("status", 404)))
        case "show" if key is not None:
            return world.show(endpoint, parents, key)
        case "plant":
            world.table(endpoint, parents).plant(body["rows"])
            return []
    raise ValueError("op: create, update, delete, restore, hide, show (with a key) or plant is wanted")


def _place(body: Json) -> tuple[Endpoint, tuple[str, ...], str | None]:
    """Either the path of a list (with `key`, and `parent_keys` where it has braces) or the path of one record."""
    path = abroad.IN_QUERY.get(body["path"], body["path"])
    if path in endpoints.BY_PATH:
        key = body.get("key")
        return endpoints.BY_PATH[path], tuple(map(str, body.get("parent_keys", ()))), None if key is None else str(key)
    found = endpoints.find([unquote(part) for part in path.strip("/").split("/")])
    if found is None:
        raise ValueError(f"path: {path} is no list and no record here")
    endpoint, parents, key = found
    return endpoint, parents, str(body["key"]) if "key" in body else key


def _tables(world: World, path: str) -> Iterator[Table]:
    path = abroad.IN_QUERY.get(path, path)
    by_shape = {re.sub(r"\{\w+\}", "{}", one.path): one for one in endpoints.ALL}
    if (endpoint := by_shape.get(re.sub(r"\{\w+\}", "{}", path))) is not None:
        yield from world.tables(endpoint)
        return
    endpoint, parents, _ = _place({"path": path})
    yield world.table(endpoint, parents)


def _most_in_a_second(moments: list[float]) -> int:
    most = start = 0
    for place, moment in enumerate(moments):
        while moment - moments[start] >= 1:
            start += 1
        most = max(most, place - start + 1)
    return most
