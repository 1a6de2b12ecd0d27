"""What a session of PostgreSQL is set to, whatever the defaults of server, database and role are; for engine.py.

A pooler in transaction mode carries most of these settings from one server session to the next for its client.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from storage import driver_values
from storage.errors import DatabaseRefused

if TYPE_CHECKING:
    from psycopg.abc import Buffer
    from psycopg.adapt import Dumper, Loader

#: Sent with the connection: what comes back must be text, also from a database that knows no encoding.
STARTUP = {"client_encoding": "utf8"}
_OPTIONS = {"application_name": "mirrorpoint", "connect_timeout": "10"}
#: How values are written as text, which the driver reads.
_SETTINGS = {
    "DateStyle": "ISO, MDY",
    "TimeZone": "UTC",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
}
#: Who waits so long for somebody else's lock gives up, as with SQLite, and tries again later.
LOCK_SECONDS = 30
#: SQL_ASCII keeps the bytes that it is given, and it is given UTF-8 only.
_HOLD_ALL = frozenset({"UTF8", "SQL_ASCII"})


def check_encoding(connection: Any, name: str) -> None:
    """`DatabaseRefused` for a database that can hold some characters only: the first other one would stop a list."""
    encoding = connection.info.parameter_status("server_encoding")
    if encoding is not None and encoding not in _HOLD_ALL:
        raise DatabaseRefused(
            f"{name} has the encoding {encoding}, which cannot hold every text",
            "make one that can: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0; pg_dump moves what is there",
        )


def connect(given: Mapping[str, str], *, name: str, prepare_threshold: int | None, only_reads: bool) -> Any:
    """A connection that begins no transaction by itself. `name` is how it is shown in messages."""
    import psycopg
    from psycopg.conninfo import make_conninfo
    from psycopg.types.json import set_json_loads

    options = {name: value for name, value in given.items() if name != "prepare_threshold"}
    # Through its text, so that an option of the URL is one of PostgreSQL's and never an argument of the driver's.
    asked = make_conninfo(**{**_OPTIONS, **options, **STARTUP})
    connection = psycopg.connect(asked, autocommit=True, prepare_threshold=prepare_threshold)
    try:
        if not only_reads:
            check_encoding(connection, name)
        set_json_loads(driver_values.parse, connection)
        connection.adapters.register_dumper(None, _json_in_copy())
        settings = {**_SETTINGS, "lock_timeout": f"{LOCK_SECONDS}s"}
        values = ", ".join(f"set_config('{name}', '{value}', false)" for name, value in settings.items())
        connection.execute(f"SELECT {values}")  # in no transaction: it holds for the session
    except BaseException:
        connection.close()
        raise
    return connection


@cache
def _json_in_copy() -> type[Dumper]:
    """How COPY is given JSON that is written already, where it is told the types of the columns."""
    from psycopg.adapt import Dumper
    from psycopg.postgres import types
    from psycopg.pq import Format

    class JsonText(Dumper):
        format = Format.BINARY
        oid = types["jsonb"].oid

        def dump(self, obj: str) -> bytes:
            return b"\x01" + obj.encode()  # the version of what follows: JSON as text

    return JsonText


def is_unknown_time(error: Exception) -> bool:
    """Whether a row could not be read because it has a time that Python has not."""
    from psycopg import DataError

    return isinstance(error, DataError) and str(error).startswith("timestamp too ")


def fetch_with_all_times(connection: Any, text: str, parameters: Any) -> Sequence[tuple[Any, ...]]:
    """The rows of a statement; such times are text."""
    with connection.cursor() as cursor:
        cursor.adapters.register_loader("timestamptz", _time_or_text())
        found: Sequence[tuple[Any, ...]] = cursor.execute(text, parameters).fetchall()
        return found


@cache
def _time_or_text() -> type[Loader]:
    from psycopg import DataError
    from psycopg.types.datetime import TimestamptzLoader

    class TimeOrText(TimestamptzLoader):
        def load(self, data: Buffer) -> Any:
            try:
                return super().load(data)
            except DataError:
                return bytes(data).decode()

    return TimeOrText


def is_at_rest(connection: Any) -> bool:
    """Whether it is open, and no transaction and no statement is."""
    return not connection.closed and connection.info.transaction_status.name == "IDLE"


def is_alive(connection: Any) -> bool:
    """Whether its server still answers."""
    import psycopg

    if connection.closed:
        return False
    try:
        connection.execute("SELECT 1")
    except psycopg.Error:
        return False
    return True
