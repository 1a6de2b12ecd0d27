"""A stage for each test, and one PostgreSQL server for all of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import postgres
from tests.end_to_end import crashing
from tests.end_to_end.crashing import Office
from tests.end_to_end.stage import Stage

#: What takes a minute comes first: at the end one process would be at it and the others wait.
LONG = ("test_whole_flow.py", "test_crashes.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    items.sort(key=lambda item: not (item.path.parent == here and item.path.name in LONG))


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with Stage(tmp_path) as opened:
        yield opened


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[postgres.Server]:
    own = tmp_path_factory.getbasetemp()
    with postgres.server(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database with nothing in it."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'mirror.db'}"
        return
    server: postgres.Server = request.getfixturevalue("postgres_server")
    url = server.create()
    yield url
    server.drop(url)


@pytest.fixture
def office(tmp_path: Path, database_url: str) -> Iterator[Office]:
    with crashing.office(tmp_path, database=database_url) as opened:
        yield opened
