"""Databases for tests, a fresh one for each, on SQLite and on PostgreSQL; and servers, which end with their test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox import serving
from sandbox.api import Api
from storage import prepare as prepare_module
from storage.engine import Database
from storage.prepare import prepare
from tasks.services import Services
from tests import mirrored_world as world_tests
from tests import postgres
from tests.integration import news
from tests.integration import shop as shops
from tests.integration.migrations_once import Recorded
from tests.integration.news import Newsroom
from tests.integration.passing_time import PassingTime
from tests.integration.recorded_world import Worlds
from tests.integration.scripted_server import ScriptedServer
from tests.integration.shop import Shop
from tests.mirrored_world import World
from upstream import catalogue

# One authority, whose key nobody has: to read all that a machine trusts takes 30 ms for each source of each test.
os.environ.setdefault("SSL_CERT_FILE", str(Path(world_tests.__file__).parent / "samples" / "authority.pem"))

#: Under which names tests mirror the built-in catalogues.
_SOURCES = {"backoffice": "backoffice", "integration-platform": "platform"}


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[postgres.Server]:
    own = tmp_path_factory.getbasetemp()
    with postgres.server(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) as server:
        yield server


class Templates:
    """Prepared databases, made once for each set of catalogues; a test gets a copy, which takes no time."""

    def __init__(self, request: pytest.FixtureRequest, folder: Path) -> None:
        self._request = request
        self._folder = folder
        self._made: dict[tuple[str, ...], str] = {}

    def url(self, dialect: str, *catalogues: str) -> str:
        """The template with the bookkeeping tables and those of the built-in catalogues named."""
        if (dialect, *catalogues) not in self._made:
            url = f"sqlite:///{self._folder / '-'.join(['prepared', *catalogues])}.db"
            if dialect != "sqlite":
                url = self._server.create()
            database = Database(url)
            prepare(database, {_SOURCES[name]: list(catalogue.load(name).resources.values()) for name in catalogues})
            database.dispose()
            self._made[dialect, *catalogues] = url
        return self._made[dialect, *catalogues]

    @contextmanager
    def copy(self, dialect: str, *catalogues: str, into: Path) -> Iterator[str]:
        """A database of the test's own."""
        template = self.url(dialect, *catalogues)
        if dialect == "sqlite":
            shutil.copy(template.removeprefix("sqlite:///"), into)
            yield f"sqlite:///{into}"
        else:
            url = self._server.create(template=template)
            yield url
            self._server.drop(url)

    @property
    def _server(self) -> postgres.Server:
        server: postgres.Server = self._request.getfixturevalue("postgres_server")
        return server


@pytest.fixture(scope="session")
def templates(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return Templates(request, tmp_path_factory.mktemp("prepared"))


@pytest.fixture(scope="session")
def worlds(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Worlds:
    """Copies of a mirror whose record has everything in it."""
    return Worlds(tmp_path_factory.mktemp("recorded"), request)


@pytest.fixture(scope="session")
def recorded_migrations(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    return Recorded(tmp_path_factory.mktemp("migrated"))


@pytest.fixture(autouse=True)
def migrations(recorded_migrations: Recorded) -> Iterator[None]:
    """What the migrations make, without them; a file whose tests are about them has a fixture of this name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prepare_module, "_migrate", recorded_migrations.migrate)
        yield


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
def database_url(templates: Templates, dialect: str, tmp_path: Path) -> Iterator[str]:
    """The URL of a database with the bookkeeping tables; mirrored ones are made by `prepare`."""
    with templates.copy(dialect, into=tmp_path / "mirrorpoint.db") as url:
        yield url


@pytest.fixture
def mirror_url(templates: Templates, dialect: str, tmp_path: Path) -> Iterator[str]:
    """The same with the tables of both built-in catalogues."""
    with templates.copy(dialect, "backoffice", "integration-platform", into=tmp_path / "mirrorpoint.db") as url:
        yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database with the bookkeeping tables; mirrored ones are made by `prepare`."""
    opened = Database(database_url)
    yield opened
    opened.dispose()


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A server that answers what the test says."""
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def shop() -> Iterator[Shop]:
    """A small foreign API."""
    with shops.opened() as opened:
        yield opened


@pytest.fixture
def world() -> Iterator[World]:
    with serving.start(Api()) as running:
        opened = World(running.url)
        yield opened
        opened.close()


@pytest.fixture
def services(world: World, mirror_url: str, tmp_path: Path) -> Iterator[Services]:
    file = world_tests.configure(tmp_path, database=mirror_url, sandbox=world.url, page_size=20)
    built = world_tests.services(file)
    yield built
    built.close()


@pytest.fixture
def room(server: ScriptedServer) -> Newsroom:
    """A list that grows, with lists below its rows."""
    return Newsroom(server)


@pytest.fixture
def time(room: Newsroom, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PassingTime]:
    """What mirrors it, with a time that the test lets pass."""
    file = shops.configure(tmp_path, database=database_url, url=room.server.url, page_size=10, catalogue=news.CATALOGUE)
    built = world_tests.services(file)
    yield PassingTime(built, "shop", monkeypatch)
    built.close()
