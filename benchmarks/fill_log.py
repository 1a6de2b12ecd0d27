"""Fills the change log of a mirror with what scans of years would have left; documents are small.

`python -m benchmarks.fill_log FILE NUMBER`: the living products get VERSIONS versions each, all other changes are those
of records of another resource, VERSIONS each as well, so that a record's history is as long whatever the log holds.
"""

from __future__ import annotations

import sqlite3
import sys

from benchmarks.rows import FIRST_KEY

VERSIONS = 5
_COLUMNS = (
    "seq, id, source, resource, parent_key, key, version, kind, changed, previous, document,"
    " observed_after, observed_at, scan_id, digest"
)
#: n is 0, 1, ...; a tenth of a second lies between two changes, all of them in the past.
_FILL = f"""
WITH RECURSIVE counted(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM counted WHERE n + 1 < :number)
INSERT INTO mirrorpoint_change ({_COLUMNS})
SELECT
    :seq + n,
    lower(hex(randomblob(16))),
    'bench',
    :resource,
    '',
    CAST(:key + n % :records AS TEXT),
    :version + n / :records,
    CASE WHEN :version + n / :records = 1 THEN 'snapshot' ELSE 'updated' END,
    '["/revision"]',
    '{{"/revision":"' || printf('%06d', n / :records) || '"}}',
    '{{"id":' || (:key + n % :records) || ',"revision":"' || printf('%06d', 1 + n / :records) || '"}}',
    strftime('%Y-%m-%d %H:%M:%f000', '2026-01-01', (n / 10) || ' seconds'),
    strftime('%Y-%m-%d %H:%M:%f000', '2026-01-01', (n / 10 + 1) || ' seconds'),
    printf('%026x', n / 1000),
    lower(hex(randomblob(32)))
FROM counted
"""


def main(file: str, number: str) -> None:
    database = sqlite3.connect(file)
    database.execute("PRAGMA cache_size = -1000000")
    database.execute("PRAGMA synchronous = OFF")
    living = int(database.execute("SELECT count(*) FROM products").fetchone()[0])
    with database:
        database.execute("UPDATE mirrorpoint_change SET observed_at = '2025-12-31 12:00:00.000000'")
        _fill(database, "products", key=FIRST_KEY, records=living, number=living * (VERSIONS - 1), version=2)
        database.execute("UPDATE products SET version = ?", (VERSIONS,))
        others = int(number) - living * VERSIONS
        if others > 0:
            _fill(database, "parents", key=1, records=others // VERSIONS, number=others, version=1)
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    print(database.execute("SELECT count(*) FROM mirrorpoint_change").fetchone()[0])
    database.close()


def _fill(database: sqlite3.Connection, resource: str, *, key: int, records: int, number: int, version: int) -> None:
    seq = int(database.execute("SELECT coalesce(max(seq), 0) + 1 FROM mirrorpoint_change").fetchone()[0])
    values = {"seq": seq, "resource": resource, "key": key, "records": records, "number": number, "version": version}
    database.execute(_FILL, values)


if __name__ == "__main__":
    main(*sys.argv[1:])
