"""A bare loop of signed requests over one httpx client: no outcome is stored, no order is kept.

`python -m benchmarks.bare_loop URL DATABASE NUMBER CONNECTIONS SECRET`: posts the first NUMBER changes of a change log
on SQLite, over so many connections.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import orjson
from standardwebhooks import Webhook


async def main(url: str, file: str, number: str, connections: str, secret: str) -> None:
    signer = Webhook(secret)
    database = sqlite3.connect(file)
    text = "SELECT id, seq, resource, key, version, kind, document FROM mirrorpoint_change ORDER BY seq LIMIT ?"
    rows = iter(database.execute(text, (int(number),)).fetchall())
    most = int(connections)
    limits = httpx.Limits(max_connections=most, max_keepalive_connections=most)
    async with httpx.AsyncClient(timeout=15, limits=limits) as client:
        await asyncio.gather(*(_work(client, url, rows, signer) for _ in range(most)))
    database.close()


async def _work(client: httpx.AsyncClient, url: str, rows: Iterator[tuple[object, ...]], signer: Webhook) -> None:
    for event_id, seq, resource, key, version, kind, document in rows:
        now = datetime.now(UTC)
        event = {
            "specversion": "1.0",
            "id": event_id,
            "source": "/mirrorpoint/bench",
            "type": f"{resource}.{kind}",
            "subject": f"{resource}/{key}",
            "time": now,
            "datacontenttype": "application/json",
            "sequence": f"{seq:020d}",
            "data": {"resource": resource, "key": key, "version": version, "document": orjson.loads(str(document))},
        }
        body = orjson.dumps(event)
        headers = {
            "content-type": "application/cloudevents+json; charset=utf-8",
            "webhook-id": str(event_id),
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signer.sign(str(event_id), now, body.decode()),
        }
        answer = await client.post(url, content=body, headers=headers)
        answer.raise_for_status()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
