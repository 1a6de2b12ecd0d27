"""A sandbox, a configuration for it and the services that mirror it; and what the mirror must be like afterwards."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import httpx

from changes.records import Id
from changes.resources import Resource, Shape, join_keys
from changes.sealing import new_key
from storage import history, mirror
from tasks.scan.slice import scan_slice
from tasks.scan.slice_end import Outcome, SliceEnd
from tasks.services import Services
from worker import bootstrap, settings

CONFIGURATION = """
[storage]
url = "{database}"
seal_key = "file:mirrorpoint.key"

[sources.backoffice]
catalogue = "backoffice"
base_url = "{sandbox}"
auth = {{ method = "sign-in", email = "mirror@example.com", password = "sandbox" }}
limits = {{ requests_per_second = 10000, concurrency = 8, page_size = {page_size} }}

[sources.platform]
catalogue = "integration-platform"
base_url = "{sandbox}"
auth = {{ method = "basic", username = "mirror", password = "sandbox" }}
limits = {{ requests_per_second = 10000, concurrency = 4, page_size = {page_size} }}
{more}
"""


def configure(folder: Path, *, database: str, sandbox: str, page_size: int = 100, more: str = "") -> Path:
    """Write a configuration and its key into the folder."""
    file = folder / "mirrorpoint.toml"
    file.write_text(CONFIGURATION.format(database=database, sandbox=sandbox, page_size=page_size, more=more))
    (folder / "mirrorpoint.key").write_text(new_key())
    return file


def services(file: Path) -> Services:
    """As the commands build them."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MIRRORPOINT_")}
    return bootstrap.build(settings.load(str(file), environ=environ))


class World:
    """The sandbox's control API."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = httpx.Client(base_url=f"{url}/_sandbox/", timeout=30)

    def close(self) -> None:
        self._client.close()

    def ask(self, name: str, **query: str) -> Any:
        return self._answer(self._client.get(name, params=query))

    def tell(self, name: str, body: Any = None) -> Any:
        return self._answer(self._client.post(name, json=body))

    def change(self, path: str, op: str, **more: Any) -> list[dict[str, Any]]:
        """`op`: create, update, delete, restore, hide, show, plant."""
        found: list[dict[str, Any]] = self.tell("change", {"path": path, "op": op, **more})
        return found

    def fault(self, **order: Any) -> None:
        self.tell("faults", order)

    def no_faults(self) -> None:
        self._answer(self._client.delete("faults"))

    @staticmethod
    def _answer(response: httpx.Response) -> Any:
        assert response.status_code == 200, response.text
        return response.json()

    def truth(self, resource: Resource) -> dict[Id, Any]:
        """Every document of a resource, as it is in the sandbox now."""
        found = {}
        for row in self.ask("rows", path=resource.path.replace("{parent}", "{}"))["rows"]:
            parent_key, document = join_keys(tuple(row["parent_keys"])), row["document"]
            if resource.shape is Shape.TREE:
                document = {**document, "children": [str(child) for child in document["children"]]}
            key = row["parent_keys"][-1] if resource.shape is Shape.OBJECT else row["key"]
            if resource.points:  # lists leave the comment out, single reads have it
                document = {**document, "opts": {n: v for n, v in document["opts"].items() if n != "comment"}}
            found[Id(parent_key, str(key))] = document
        return found


def scan(services: Services, resource: str, source: str = "backoffice") -> SliceEnd:
    """One resource, from its beginning to its end."""
    while True:
        end = scan_slice(services, source, resource)
        if end.outcome is not Outcome.AGAIN:
            return end


def scan_all(services: Services) -> dict[str, SliceEnd]:
    """Every resource of every source, parents first."""
    return {
        resource: scan(services, resource, source)
        for source in services.sources
        for resource in services.sources[source].catalogue.resources
    }


def mirrored(services: Services, resource: Resource, source: str = "backoffice") -> dict[Id, Any]:
    """What the mirror says that there is."""
    with services.database.read() as session:
        ids = list(mirror.walk_live(session, resource, source))
        return {id_: row.document for id_, row in mirror.stored(session, resource, source, ids).items()}


def assert_equal(services: Services, world: World, *, source: str = "backoffice") -> None:
    """Each record of each resource is in the mirror as it is in the sandbox, and no other."""
    for resource in services.sources[source].catalogue.resources.values():
        expected = {id_: _open(document, resource) for id_, document in world.truth(resource).items()}
        actual = {id_: _open(doc, resource) for id_, doc in mirrored(services, resource, source).items()}
        assert expected == actual, f"{resource.name} differs"


def _open(document: Any, resource: Resource) -> Any:
    """A copy without what is sealed, comparable whatever the order of members."""
    copy = json.loads(json.dumps(document))
    for pointer in resource.secrets:
        _forget(copy, pointer.split("/")[1:])
    return copy


def _forget(value: Any, steps: list[str]) -> None:
    step, *rest = steps
    members = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    for member in members:
        if step in ("*", str(member)):
            if rest:
                _forget(value[member], rest)
            else:
                value[member] = "sealed"


def log(services: Services, *, after: int = 0) -> list[Any]:
    """The change log behind a number."""
    with services.database.read() as session:
        return history.read(session, after_seq=after, limit=1_000_000)


def last_seq(services: Services) -> int:
    with services.database.read() as session:
        return history.last_seq(session)


def kinds(changes: Iterable[Any]) -> dict[str, int]:
    return dict(Counter(change.kind for change in changes))


def resource_by_path(services: Services, source: str = "backoffice") -> Mapping[str, Resource]:
    """Paths with the parents' names left out -> resource."""
    resources = services.sources[source].catalogue.resources.values()
    return {re.sub(r"\{\w+\}", "{}", resource.path): resource for resource in resources}


Truth = dict[str, dict[Id, Any]]


def truth_of(services: Services, world: World, source: str = "backoffice") -> Truth:
    """Everything that is in the sandbox now, by resource."""
    return {name: world.truth(each) for name, each in services.sources[source].catalogue.resources.items()}


def expected_changes(before: Truth, after: Truth, *, ever: Truth) -> set[tuple[str, Id, str]]:
    """(resource, id, kind) of what differs between two moments; `ever`: what was there at any moment before."""
    found = set()
    for name, now in after.items():
        then = before[name]
        for id_ in then.keys() | now.keys():
            if id_ not in now:
                found.add((name, id_, "deleted"))
            elif id_ not in then:
                found.add((name, id_, "restored" if id_ in ever[name] else "created"))
            elif then[id_] != now[id_]:
                found.add((name, id_, "updated"))
    return found


def told_changes(changes: Iterable[Any]) -> list[tuple[str, Id, str]]:
    """(resource, id, kind) of rows of the change log, in their order."""
    return [(change.resource, Id(change.parent_key, change.key), change.kind) for change in changes]
