"""`python -m benchmarks.new_database SERVER NAME`: an empty database on a PostgreSQL."""

from __future__ import annotations

import sys

import psycopg


def main(server: str, name: str) -> None:
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}" TEMPLATE template0'.encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
