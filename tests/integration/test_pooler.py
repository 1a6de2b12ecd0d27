"""Behind PgBouncer in transaction mode, where each transaction may get another session of the server."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from changes.resources import ColumnType, Resource
from storage import leases, prepare, sql
from storage.engine import Database
from storage.errors import DatabaseRefused, DatabaseTrouble
from tests import waiting
from tests.integration.scripted_server import closed_port
from tests.postgres import Server

NOW = datetime(2026, 11, 22, tzinfo=UTC)
THINGS = Resource(name="things", title="Things", path="/things", columns={"name": ColumnType.TEXT})


@pytest.fixture
def pooled(postgres_server: Server, tmp_path: Path) -> Iterator[str]:
    pooler = shutil.which("pgbouncer")
    if pooler is None:
        pytest.skip("no pgbouncer on PATH")
    url = make_url(postgres_server.create(settings={"DateStyle": "German", "TimeZone": "Asia/Kolkata"}))
    folder = Path(str(url.query.get("host") or url.host))
    if not folder.is_dir():
        pytest.skip("the server is not reached by a socket in a folder")
    with closed_port() as free:
        port = free
    file = tmp_path / "pgbouncer.ini"
    file.write_text(
        f"[databases]\npooled = host={folder} dbname={url.database} user={url.username} pool_size=2\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
        "pool_mode = transaction\n"
    )
    file.chmod(0o644)
    for parent in [tmp_path, *tmp_path.parents[:3]]:
        if str(parent) not in {"/", "/tmp"}:
            parent.chmod(0o755)
    # It refuses to be root; the server's own user may reach the socket.
    user = ["-u", folder.owner()] if Path("/proc/self").owner() == "root" else []
    process = subprocess.Popen([pooler, *user, str(file)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    text = f"postgresql://anyone:@127.0.0.1:{port}/pooled"
    try:
        waiting.until(lambda: _answers(text), what="pgbouncer")
        yield text
    finally:
        process.terminate()
        process.communicate()
        postgres_server.drop(url.render_as_string(hide_password=False))


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def test_statements_that_run_often_are_not_prepared_in_sessions_that_change(pooled: str) -> None:
    database = Database(pooled)
    prepare.prepare(database, {"s": [THINGS]})

    def work(name: str) -> None:
        for _ in range(20):
            with database.write() as session:
                fence = leases.acquire(session, name, holder="h", now=NOW, seconds=60)
                sql.add_rows(session, "mirrorpoint_attempt", _ATTEMPT, [(1, 1, name, NOW, 1)])
            with database.write() as session:
                leases.release(session, name, fence=fence or 0)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, "abcd"))
    with database.read() as session:
        assert (80,) == tuple(sql.fetch(session, "SELECT count(*) FROM mirrorpoint_attempt")[0])
    database.dispose()
    reading = Database(pooled, only_reads=True)
    prepare.check_readable(reading, [THINGS])
    with pytest.raises(DatabaseTrouble, match="read-only"), reading.write() as session:
        leases.acquire(session, "a", holder="h", now=NOW, seconds=60)
    reading.dispose()


_ATTEMPT = {
    "delivery_id": "bigint",
    "change_seq": "bigint",
    "point": "text",
    "attempted_at": "timestamptz",
    "duration_ms": "integer",
}


@pytest.mark.parametrize("said", ["0", "5", "none"])
def test_the_url_may_say_when_statements_are_prepared(postgres_server: Server, said: str) -> None:
    url = postgres_server.create()
    database = Database(f"{url}{'&' if '?' in url else '?'}prepare_threshold={said}")
    with database.read() as session:
        assert session.driver.prepare_threshold == (None if said == "none" else int(said))
    database.dispose()
    postgres_server.drop(url)


def test_what_the_url_cannot_say_is_refused_without_its_password(postgres_server: Server) -> None:
    with pytest.raises(DatabaseRefused, match="prepare_threshold"):
        Database("postgresql://u:hidden@h/d?prepare_threshold=often")
    database = Database("postgresql://u:hidden@127.0.0.1:1/d?colour=blue")
    with (
        pytest.raises(DatabaseRefused, match=r'invalid connection option "colour"') as told,
        database.read() as session,
    ):
        session.execute("SELECT 1")
    assert "hidden" not in str(told.value)
