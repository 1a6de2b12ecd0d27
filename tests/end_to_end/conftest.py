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

#: Two tests that take most of a minute together, with six processes each: not at once.
LONGEST = "test_whole_flow.py"
#: What takes long comes first: at the end one process would be at it and the others wait.
LONG = (
    "test_crashes.py", "test_slow_processes.py", "test_demo.py", "test_feed.py", "test_shared_sources.py",
    "test_secrets.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first process begins with the longest, the others with their shares of the long ones.

    xdist deals out the list in blocks of one size, in its order.
    """
    here = Path(__file__).parent
    ours = [item for item in items if item.path.parent == here]
    longest = [item for item in ours if item.path.name == LONGEST]
    long = [item for item in ours if item.path.name in LONG]
    short = [item for item in ours if item not in longest and item not in long]
    others = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) - 1
    shares = [longest, *(long[number::others] for number in range(others))] if others else [longest + long]
    dealt: list[pytest.Item] = []
    for number, share in enumerate(shares, 1):
        room = max(len(ours) * number // len(shares) - len(dealt) - len(share), 0)
        dealt += share + short[:room]
        short = short[room:]
    items[:] = [*dealt, *short, *(item for item in items if item.path.parent != here)]


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
