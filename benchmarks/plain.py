"""The forty lines that one would write by hand: read page after page, hash, upsert, delete what was not seen.

No history, no events, no guard against a list that came back short, one transaction for the whole; but a fair
comparison for speed. `python -m benchmarks.plain URL DATABASE [RESOURCE]`
"""

from __future__ import annotations

import hashlib
import sqlite3
import sys
from datetime import UTC, datetime

import httpx
import orjson

PAGE = 500


def main(url: str, file: str, resource: str = "products") -> None:
    database = sqlite3.connect(file)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute(
        f"CREATE TABLE IF NOT EXISTS {resource}"
        " (key TEXT PRIMARY KEY, hash BLOB NOT NULL, document TEXT NOT NULL, changed_at TEXT NOT NULL) WITHOUT ROWID"
    )
    seen: set[str] = set()
    now = datetime.now(UTC).isoformat()
    with httpx.Client(base_url=url, timeout=30) as client, database:
        offset, total = 0, 1
        while offset < total:
            answer = client.get(f"/{resource}", params={"limit": PAGE, "offset": offset})
            answer.raise_for_status()
            page = orjson.loads(answer.content)
            total = page["total"]
            rows = []
            for row in page["data"]:
                document = orjson.dumps(row, option=orjson.OPT_SORT_KEYS)
                rows.append(
                    (str(row["id"]), hashlib.blake2b(document, digest_size=16).digest(), document.decode(), now)
                )
            database.executemany(
                f"INSERT INTO {resource} VALUES (?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET hash = excluded.hash,"
                " document = excluded.document, changed_at = excluded.changed_at WHERE hash <> excluded.hash",
                rows,
            )
            seen.update(row[0] for row in rows)
            offset += PAGE
        gone = [key for (key,) in database.execute(f"SELECT key FROM {resource}") if key not in seen]
        database.executemany(f"DELETE FROM {resource} WHERE key = ?", [(key,) for key in gone])
    database.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
