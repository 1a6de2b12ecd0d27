"""Records that are integration points: none that may be sent to is erased, and of one that is gone nothing is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage import erasures, points, sql
from tasks.services import Services
from tests import mirrored_world
from tests.commands import Commands
from tests.mirrored_world import World


@pytest.fixture
def commands(services: Services, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Commands:
    mirrored_world.scan(services, "integration_points", "platform")
    return Commands(tmp_path / "mirrorpoint.toml", capsys)


def found(services: Services, *, is_active: bool) -> points.Point:
    with services.database.read() as session:
        return next(each for each in points.list_all(session) if (each.state == "active") is is_active)


def test_a_point_that_may_be_sent_to_is_not_erased(commands: Commands, services: Services) -> None:
    point = found(services, is_active=True)
    told = commands("erase", "integration_points", str(point.key), "--reason", "why not", "--yes")
    assert (told.code, "is a point that may be sent to" in told.err) == (2, True)
    assert "let `mirrorpoint sync integration_points` see that" in told.err


def test_of_a_point_that_is_gone_only_the_code_is_left(commands: Commands, services: Services, world: World) -> None:
    point = found(services, is_active=True)
    resource = services.sources["platform"].catalogue.resources["integration_points"]
    world.change(resource.path, "delete", key=str(point.key))
    mirrored_world.scan(services, "integration_points", "platform")
    mirrored_world.scan(services, "integration_points", "platform")
    told = commands("erase", "integration_points", str(point.key), "--reason", "asked for", "--yes")
    assert told.code == 0, told.err
    with services.database.write() as session:
        text = f"SELECT code, type, url, token, state FROM mirrorpoint_point WHERE id = '{point.id}'"
        assert sql.fetch(session, text) == [(point.code, None, None, None, "removed")]


def test_points_are_listed_also_where_one_has_no_content(commands: Commands, services: Services) -> None:
    before = commands("points", "list", "--source", "platform", "--json")
    resource = services.sources["platform"].catalogue.resources["integration_points"]
    ids = list(mirrored_world.mirrored(services, resource, "platform"))
    with services.database.write() as session:
        erasures.empty(session, resource.name, "platform", ids[:1])
    listed = commands("points", "list", "--json")
    assert (before.code, listed.code) == (0, 0), listed.err
    assert len(listed.json) == len(ids) - 1
