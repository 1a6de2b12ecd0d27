"""The catalogue of the description, by page numbers, cursors and links: the mirror is the source, whatever happens."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from changes.sealing import new_key
from tests.end_to_end.stage import ROOT, Stage
from tests.mirrored_world import World

CONFIGURATION = """
[storage]
url = "sqlite:///mirror.db"
seal_key = "file:mirrorpoint.key"

[sources.warehouses]
catalogue = "followed.toml"
base_url = "{url}"
auth = {{ method = "bearer", token = "sandbox" }}
limits = {{ requests_per_second = 200, page_size = 5 }}
"""
RESOURCES = ("numbered", "cursors", "after", "links", "headers")
WAREHOUSES = "/v1/warehouses"


def described() -> str:
    """The catalogue under "Paging"."""
    page = (ROOT / "docs" / "catalogues.md").read_text()
    return re.findall(r"```toml\n(.*?)```", page[page.index("\n## Paging\n") :], re.DOTALL)[0]


@pytest.fixture
def world(stage: Stage) -> World:
    world = stage.api()
    (stage.folder / "followed.toml").write_text(described())
    (stage.folder / "mirrorpoint.key").write_text(new_key())
    (stage.folder / "mirrorpoint.toml").write_text(CONFIGURATION.format(url=world.url))
    return world


def synced(stage: Stage, *resources: str) -> dict[str, str]:
    """Resource -> how its scan ended."""
    done = stage.call("sync", *resources, "--json")
    assert done.code in (0, 1), done.err
    return {scan["resource"]: scan["state"] for scan in done.json["scans"]}


def living(stage: Stage, resource: str) -> dict[str, Any]:
    with closing(sqlite3.connect(stage.folder / "mirror.db")) as connection:
        rows = connection.execute(f"SELECT key, document FROM {resource} WHERE deleted_at IS NULL")
        return {key: json.loads(document) for key, document in rows}


def there(world: World) -> dict[str, Any]:
    return {row["key"]: row["document"] for row in world.ask("rows", path=WAREHOUSES)["rows"]}


def asked(world: World, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.ask("requests", path=path, log="1")["log"]
    return found


def test_each_style_mirrors_the_source_and_its_changes(stage: Stage, world: World) -> None:
    assert synced(stage) == dict.fromkeys(RESOURCES, "complete")
    world.change(WAREHOUSES, "delete", key="WH-002")
    world.change(WAREHOUSES, "create", document={"code": "WH-0005"})
    world.change(WAREHOUSES, "update", key="WH-012", document={"title": "new"})
    assert synced(stage) == dict.fromkeys(RESOURCES, "complete")

    assert there(world)["WH-012"]["title"] == "new"
    for resource in RESOURCES:
        assert living(stage, resource) == there(world)


def test_a_scan_that_was_killed_goes_on_from_its_cursor(stage: Stage, world: World) -> None:
    world.change(WAREHOUSES, "create", document={"code": "WH-100"})
    world.fault(kind="delay", seconds=1.5, path="/v3/cursors/*")
    process = stage.start("sync", "cursors")
    stage.until(lambda: len(asked(world, "/v3/cursors/*")) == 2, stage.tail)
    stage.until(lambda: _is_kept(stage), stage.tail)
    process.kill()
    process.wait()
    world.no_faults()
    before = len(asked(world, "/v3/cursors/*"))

    assert synced(stage, "cursors") == {"cursors": "complete"}
    assert living(stage, "cursors") == there(world)
    assert "cursor=" in asked(world, "/v3/cursors/*")[before]["query"]


def _is_kept(stage: Stage) -> bool:
    try:
        with closing(sqlite3.connect(stage.folder / "mirror.db")) as connection:
            return bool(connection.execute("SELECT 1 FROM mirrorpoint_scan WHERE pages > 0").fetchall())
    except sqlite3.OperationalError:  # not made yet
        return False


def test_a_cursor_that_the_source_has_forgotten_costs_one_more_reading(stage: Stage, world: World) -> None:
    world.fault(kind="status", status=410, path="/v3/cursors/*", after=2, count=1)

    assert synced(stage, "cursors") == {"cursors": "complete"}
    assert living(stage, "cursors") == there(world)
    assert [visit["status"] for visit in asked(world, "/v3/cursors/*")].count(410) == 1
