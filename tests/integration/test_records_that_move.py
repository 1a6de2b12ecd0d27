"""A record that moves to another parent lives there alone, also where its own path knows nothing of parents."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from changes.records import Id
from tasks.services import Services
from tests import mirrored_world
from tests.integration import shop as shops
from tests.integration.scripted_server import Reply, Request, ScriptedServer, json_reply

CATALOGUE = """
[resources.projects]
path = "/projects"

[resources.tasks]
path = "/tasks"
item_path = "/tasks/{key}"
parent = "projects"
params = { project = "{parent}" }
"""


class Planner:
    """Tasks, each of one project; its own path knows no projects."""

    def __init__(self, server: ScriptedServer) -> None:
        self.url = server.url
        self.projects = {task: 1 + task % 3 for task in range(1, 31)}
        self.parameter = "project"
        server.on("GET", "/projects", json_reply({"total": 3, "data": [{"id": one} for one in (1, 2, 3)]}))
        server.on("GET", "/tasks", self.listed)
        for task in (*self.projects, 2_147_483_000, 2_147_483_647):
            server.on("GET", f"/tasks/{task}", self.single)

    def listed(self, request: Request) -> Reply:
        project = request.query.get(self.parameter)
        rows = [self.row(task) for task, of in self.projects.items() if project in (None, str(of))]
        start = int(request.query["offset"])
        return json_reply({"total": len(rows), "data": rows[start : start + int(request.query["limit"])]})

    def single(self, request: Request) -> Reply:
        task = int(request.path.rpartition("/")[2])
        return json_reply(self.row(task)) if task in self.projects else json_reply({}, 404)

    def row(self, task: int) -> dict[str, int]:
        return {"id": task, "project_id": self.projects[task]}

    @property
    def there(self) -> set[Id]:
        return {Id(str(project), str(task)) for task, project in self.projects.items()}


@pytest.fixture
def planner() -> Iterator[Planner]:
    with ScriptedServer() as server:
        yield Planner(server)


@pytest.fixture
def services(planner: Planner, database_url: str, tmp_path: Path) -> Iterator[Services]:
    file = shops.configure(tmp_path, database=database_url, url=planner.url, catalogue=CATALOGUE)
    with closing(mirrored_world.services(file)) as services:
        yield services


def test_a_record_that_moves_is_one_record(planner: Planner, services: Services) -> None:
    for resource in ("projects", "tasks"):
        shops.scanned(services, resource)
    first = mirrored_world.log(services)
    planner.projects[6] = 2
    states = [shops.scanned(services, "tasks").state for _ in range(2)]

    assert states == ["complete", "complete"]
    assert set(shops.mirrored(services, "tasks")) == planner.there
    told = [(change.parent_key, change.key, change.kind) for change in mirrored_world.log(services)[len(first) :]]
    assert told == [("2", "6", "created"), ("1", "6", "deleted")]


def test_records_without_an_own_path_beside_others_with_one_are_settled_too(planner: Planner, tmp_path: Path) -> None:
    by_alternatives = CATALOGUE.replace("/tasks/{key}", "/tasks/{area}/{id}").replace(
        'parent = "projects"', 'parent = "projects"\nkey = [["area", "id"], "id"]'
    )
    file = shops.configure(
        tmp_path, database=f"sqlite:///{tmp_path / 'm.db'}", url=planner.url, catalogue=by_alternatives
    )
    with closing(mirrored_world.services(file)) as services:
        for resource in ("projects", "tasks"):
            shops.scanned(services, resource)
        planner.projects[6] = 2
        states = [shops.scanned(services, "tasks").state for _ in range(2)]

        assert states == ["complete", "complete"]
        assert set(shops.mirrored(services, "tasks")) == planner.there


def test_what_a_parameter_of_a_wrong_name_has_multiplied_is_held_and_then_gone(
    planner: Planner, services: Services
) -> None:
    planner.parameter = "of"  # another one than the catalogue says: all tasks come below each project
    for resource in ("projects", "tasks"):
        shops.scanned(services, resource)
    assert len(shops.mirrored(services, "tasks")) == 90

    planner.parameter = "project"
    scans = [shops.scanned(services, "tasks") for _ in range(2)]
    assert [(scan.state, scan.deleted) for scan in scans] == [("complete", 0)] * 2
    assert scans[-1].held == 60
