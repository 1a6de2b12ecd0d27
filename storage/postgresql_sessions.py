"""What a session of PostgreSQL is set to, whatever the defaults of server, database and role are; for engine.py.

A pooler in transaction mode carries most of these settings from one server session to the next for its client.
"""

from __future__ import annotations

from typing import Any

from storage.errors import DatabaseRefused

#: Sent with the connection: what comes back must be text, also from a database that knows no encoding.
STARTUP = {"client_encoding": "utf8"}
#: How values are written as text, which the driver reads.
_SETTINGS = {
    "DateStyle": "ISO, MDY",
    "TimeZone": "UTC",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
}
_SET_UP = "SELECT " + ", ".join(f"set_config('{name}', '{value}', false)" for name, value in _SETTINGS.items())
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


def set_up(connection: Any) -> None:
    """One statement, in no transaction: it holds for the session."""
    before = connection.autocommit
    connection.autocommit = True
    connection.execute(_SET_UP)
    connection.autocommit = before
