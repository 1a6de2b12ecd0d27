"""Backup and restore of a PostgreSQL database by its own tools: `pg_dump`, `pg_restore` and `psql`.

Only Mirrorpoint's tables and views are written and replaced; what else is in the database is left alone.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from storage import backups, generations, sql
from storage.backups import Facts, Progress
from storage.engine import Database
from storage.errors import BackupRefused

_OURS = """
SELECT current_schema(), c.relname, c.relkind::text FROM pg_class c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v')
AND (c.relname LIKE 'mirrorpoint\\_%%' OR c.relname IN (SELECT name FROM mirrorpoint_prepared))
ORDER BY c.relkind DESC, c.relname
"""
#: How long is waited for others who read or write a table that is to be exchanged.
PATIENCE_SECONDS = 60
#: PostgreSQL's code for a lock that did not become free, in whatever language it says so.
_NO_LOCK = "55P03"
_HOW_TO_INSTALL = "install the client tools of the server's version (Debian: postgresql-client-{major})"


def write(database: Database, target: Path, *, on_progress: Progress) -> None:
    """A custom-format dump of what is committed at this moment."""
    dump = _tool("pg_dump", database)
    with database.read() as session:
        names = [(schema, name) for schema, name, _ in session.execute(_OURS)]
    with backups.written_beside(target) as part:
        tables = [f"--table={_quoted(schema)}.{_quoted(name)}" for schema, name in names]
        options = ["--format=custom", "--no-owner", "--no-privileges", "--verbose", f"--file={part}"]
        _run([dump, *options, *tables], database, on_line=_Counted(on_progress, len(names)))
        _list(database, part)


def facts(database: Database, file: Path) -> Facts:
    """Read the few rows that say what it is; `BackupRefused` where it is no dump."""
    _list(database, file)
    tables = ["--table=mirrorpoint_version", "--table=mirrorpoint_installation"]
    text = _run([_tool("pg_restore", database), "--data-only", "--file=-", *tables, str(file)], database)
    revision = re.search(r"^COPY \S*mirrorpoint_version .*\n(\S+)$", text, re.MULTILINE)
    seal_key = re.search(r"^seal_key\t(\S+)$", text, re.MULTILINE)
    return Facts(revision[1] if revision else None, seal_key[1] if seal_key else None)


def exchange(backup: Path, database: Database, kept: Path, *, on_progress: Progress) -> bool:
    """The dump's contents are the database's afterwards, in one transaction; what was there is dumped to `kept`."""
    restore, psql = _tool("pg_restore", database), _tool("psql", database)
    with database.read() as session:
        has_tables = sql.value(session, "SELECT to_regclass('mirrorpoint_prepared') IS NOT NULL", ())
        ours = [tuple(row) for row in session.execute(_OURS)] if has_tables else []
    if ours:
        write(database, kept, on_progress=on_progress)
    kinds = {"v": "VIEW"}
    away = f"SET LOCAL lock_timeout = '{PATIENCE_SECONDS}s';" + "".join(
        f"DROP {kinds.get(kind, 'TABLE')} {_quoted(schema)}.{_quoted(name)};" for schema, name, kind in ours
    )
    environ = _environment(database)
    database.dispose()  # of ours no session is to hold a lock
    read = [restore, "--no-owner", "--no-privileges", "--file=-", str(backup)]
    write_it = [
        psql,
        "--no-psqlrc",
        "--quiet",
        "--set=ON_ERROR_STOP=1",
        "--set=VERBOSITY=verbose",
        "--output=/dev/null",
        "--file=-",
    ]
    with subprocess.Popen(read, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ) as script:
        target = subprocess.Popen(write_it, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environ)
        said, has_come_whole = b"", False
        try:
            assert script.stdout is not None and target.stdin is not None  # noqa: S101, PT018  # they are pipes
            with contextlib.suppress(BrokenPipeError):  # psql says below what it did not like
                target.stdin.write(f"BEGIN; {away} {generations.COUNT};\n".encode())
                shutil.copyfileobj(script.stdout, target.stdin)
                has_come_whole = script.wait() == 0
                # Only now: a script that was cut off, or a process that was killed here, changes nothing.
                target.stdin.write(b"COMMIT;\n" if has_come_whole else b"ROLLBACK;\n")
            said = target.communicate()[1]
        finally:
            target.kill()
            target.wait()
            script.kill()
    if not has_come_whole or target.returncode != 0:
        reason = _reason(said.decode(errors="replace"))
        if _NO_LOCK in reason:
            hint = "nothing was changed: end the sessions that read its tables (pg_stat_activity), then restore again"
            raise BackupRefused(f"another session has held a table for over {PATIENCE_SECONDS} s", hint)
        raise BackupRefused(f"psql failed: {reason}", "nothing was changed")
    return bool(ours)


class _Counted:
    """Tells the progress by the lines that pg_dump writes, one for each table."""

    def __init__(self, on_progress: Progress, whole: int) -> None:
        self._on_progress, self._whole, self._done = on_progress, whole, 0

    def __call__(self, line: str) -> None:
        if "dumping contents of table" in line:
            self._done = min(self._done + 1, self._whole)
            self._on_progress(self._done, self._whole)


def _list(database: Database, file: Path) -> None:
    """The dump's table of contents can be read."""
    if not file.is_file():
        raise BackupRefused(f"there is no file {file}", "name the backup")
    with file.open("rb") as opened:
        if opened.read(5) != b"PGDMP":
            raise BackupRefused(
                f"{file} is no backup of a PostgreSQL database", "name a file that `mirrorpoint backup` has written"
            )
    _run([_tool("pg_restore", database), "--list", str(file)], database)


def _tool(name: str, database: Database) -> str:
    """Its path; refused where it is missing or older than the server, whose data it could not write whole."""
    with database.read() as session:
        major = int(sql.value(session, "SHOW server_version_num", ())) // 10_000
    found = shutil.which(name)
    hint = _HOW_TO_INSTALL.format(major=major)
    if found is None:
        raise BackupRefused(f"{name} is not on PATH; PostgreSQL's own tools write and read its backups", hint)
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"(\d+)(?:\.\d+|devel|beta|rc)", said)
    if version is None or int(version[1]) < major:
        raise BackupRefused(
            f"{found} is of version {version[1] if version else '?'}, the server of version {major}", hint
        )
    return found


def _run(command: Sequence[str], database: Database, *, on_line: _Counted | None = None) -> str:
    """Its output; `BackupRefused` with its own last words."""
    with (
        tempfile.TemporaryFile("w+") as output,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            env=_environment(database),
        ) as process,
    ):
        words: list[str] = []
        try:
            for line in process.stderr or ():
                words = [*words[-20:], line.strip()]
                if on_line is not None:
                    on_line(line)
        except BaseException:
            process.kill()
            raise
        if process.wait() != 0:
            name = Path(command[0]).name
            raise BackupRefused(f"{name} failed: {_reason(chr(10).join(words))}", "nothing was changed")
        output.seek(0)
        return output.read()


def _reason(words: str) -> str:
    lines = words.strip().splitlines() or ["no reason given"]
    return next((line for line in lines if "error" in line.lower()), lines[-1])


def _environment(database: Database) -> Mapping[str, str]:
    """How the tools connect, as libpq reads it: a password in the arguments could be seen by every user."""
    options = database.url.connecting()
    names = {"dbname": "PGDATABASE", "sslmode": "PGSSLMODE", "target_session_attrs": "PGTARGETSESSIONATTRS"}
    names |= {"sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY", "options": "PGOPTIONS"}
    names |= {name: f"PG{name.upper()}" for name in ("host", "port", "user", "password", "service", "passfile")}
    found = {names[name]: str(value) for name, value in options.items() if name in names}
    return {**os.environ, **found, "LC_ALL": "C"}


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
