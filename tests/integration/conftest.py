"""Databases for tests: each test runs on SQLite and on PostgreSQL, each time on a fresh one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import serving
from sandbox.api import Api
from storage.engine import Database
from storage.prepare import prepare
from tasks.services import Services
from tests import mirrored_world as world_tests
from tests import postgres
from tests.mirrored_world import World


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[postgres.Server]:
    own = tmp_path_factory.getbasetemp()
    with postgres.server(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) as server:
        yield server


@pytest.fixture(scope="session")
def _prepared_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("prepared") / "mirrorpoint.db"
    _prepare(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def _prepared_postgres(postgres_server: postgres.Server) -> Iterator[str]:
    url = postgres_server.create()
    _prepare(url)
    yield url
    postgres_server.drop(url)


def _prepare(url: str) -> None:
    database = Database(url)
    prepare(database, [])
    database.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def dialect(request: pytest.FixtureRequest) -> str:
    """The kind of database that the test runs on."""
    return str(request.param)


@pytest.fixture
def empty_url(request: pytest.FixtureRequest, dialect: str, tmp_path: Path) -> Iterator[str]:
    """The URL of a database with nothing in it."""
    if dialect == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
    else:
        server: postgres.Server = request.getfixturevalue("postgres_server")
        url = server.create()
        yield url
        server.drop(url)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, dialect: str, tmp_path: Path) -> Iterator[str]:
    """The URL of a database with the bookkeeping tables; mirrored ones are made by `prepare`."""
    if dialect == "sqlite":
        path = tmp_path / "mirrorpoint.db"
        shutil.copy(request.getfixturevalue("_prepared_sqlite"), path)
        yield f"sqlite:///{path}"
    else:
        server: postgres.Server = request.getfixturevalue("postgres_server")
        url = server.create(template=request.getfixturevalue("_prepared_postgres"))
        yield url
        server.drop(url)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database with the bookkeeping tables; mirrored ones are made by `prepare`."""
    opened = Database(database_url)
    yield opened
    opened.dispose()


@pytest.fixture
def world() -> Iterator[World]:
    with serving.start(Api()) as running:
        opened = World(running.url)
        yield opened
        opened.close()


@pytest.fixture
def services(world: World, empty_url: str, tmp_path: Path) -> Iterator[Services]:
    file = world_tests.configure(tmp_path, database=empty_url, sandbox=world.url, page_size=20)
    built = world_tests.services(file)
    yield built
    for source in built.sources.values():
        source.client.close()
    built.database.dispose()
