"""Fills the change log of a mirror with what scans of years would have left; documents are small.

`python -m benchmarks.fill_log FILE NUMBER`: the living products get VERSIONS versions each, all other changes are those
of records of another resource, VERSIONS each as well, so that a record's history is as long whatever the log holds.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from changes.records import Change, Id, Kind
from storage import change_log, history
from storage.engine import Database

VERSIONS = 5
#: A tenth of a second lies between two changes, all of them in the past.
_BEGIN, _BETWEEN, _SECOND = datetime(2026, 1, 1, tzinfo=UTC), timedelta(milliseconds=100), timedelta(seconds=1)
_AT_A_TIME = 5_000


def main(file: str, number: str) -> None:
    database = Database(f"sqlite:///{Path(file).absolute()}")
    with database.read() as session:
        first = [history.change_of(row) for row in history.read(session, limit=1_000_000)]
    with database.write() as session:  # the log begins anew, since its first changes are moved into the past
        for table in ("mirrorpoint_change", "mirrorpoint_seal", "mirrorpoint_tile"):
            session.execute(f"DELETE FROM {table}")
        session.execute(f"UPDATE products SET version = {VERSIONS}")
    filled = _filled(first, int(number))
    while part := list(islice(filled, _AT_A_TIME)):
        with database.write() as session:
            change_log.append(session, part)
    database.dispose()


def _filled(first: list[Change], number: int) -> Iterator[Change]:
    for change in first:
        yield change._replace(observed_at=_BEGIN - timedelta(hours=12))
    products = [change.id for change in first]
    yield from _versions("products", products, 2, count=len(products) * (VERSIONS - 1))
    others = number - len(products) * VERSIONS
    if others > 0:
        yield from _versions("parents", [Id("", str(key)) for key in range(1, others // VERSIONS + 1)], 1, count=others)


def _versions(resource: str, ids: list[Id], version: int, *, count: int) -> Iterator[Change]:
    for n in range(count):
        revision, place = divmod(n, len(ids))
        id_, at = ids[place], _BEGIN + n * _BETWEEN
        yield Change(
            source="bench",
            resource=resource,
            id=id_,
            version=version + revision,
            kind=Kind.SNAPSHOT if version + revision == 1 else Kind.UPDATED,
            changed=("/revision",),
            previous={"/revision": f"{revision:06d}"},
            document={"id": int(id_.key), "revision": f"{revision + 1:06d}"},
            observed_after=at,
            observed_at=at + _SECOND,
            scan_id=f"{n // 1000:026x}",
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
