"""A list that grows at its end, as servers of different minds sort it; and the services that mirror it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlmodel import col, select

from storage import history, scans
from storage.tables import ScanRow
from tasks.scan.head import HeadEnd, scan_head
from tasks.scan.head_state import HeadState
from tasks.services import Services
from tests.integration.scripted_server import Reply, Request, ScriptedServer

CATALOGUE = """
[source]
sorting = { by = "sort", order = "order" }

[resources.news]
path = "/news"
key = "id"
created = "createdAt"
columns = { title = "text", createdAt = "time" }

[resources.comments]
path = "/news/{parent}/comments"
parent = "news"
key = "id"
columns = { text = "text" }
"""
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)

Row = dict[str, Any]


@dataclass
class Newsroom:
    """What the source has; `/news` is answered from it."""

    server: ScriptedServer
    rows: list[Row] = field(default_factory=list)
    mind: str = "obeys"  #: obeys, ascending (whatever is asked), shuffled
    page_rows: int = 10_000  #: more are never sent in one page
    counts_to: int = 10_000  #: a larger total is never told
    cut: int = 0  #: so many of the newest rows are left out of the first page, behind a filter
    asked: list[dict[str, str]] = field(default_factory=list)
    on_asked: Callable[[], object] = lambda: None

    def __post_init__(self) -> None:
        self.server.on("GET", "/news", self._answer)

    def add(self, count: int = 1, *, created_at: datetime | None = None, **more: Any) -> list[str]:
        """New rows, a second apart unless they have a stamp of their own; their keys."""
        keys = []
        for _ in range(count):
            number = len(self.rows) + 1
            stamp = created_at or BEGIN + timedelta(seconds=number)
            self.rows.append({"id": number, "title": f"news {number}", "createdAt": stamp.isoformat(), **more})
            self.comments(number)
            keys.append(str(number))
        return keys

    def comments(self, news: int, *ids: int) -> None:
        rows = [{"id": each, "text": f"comment {each}"} for each in ids]
        self.server.on("GET", f"/news/{news}/comments", Reply(200, _body(rows, len(rows))))

    def _answer(self, request: Request) -> Reply:
        self.asked.append(request.query)
        self.on_asked()
        rows = sorted(self.rows, key=lambda row: (row["createdAt"], row["id"]))
        if self.mind == "obeys" and request.query.get("order") == "desc":
            rows.reverse()
        if self.mind == "shuffled":
            rows = [row for row in rows if row["id"] % 2] + [row for row in rows if not row["id"] % 2]
        offset = int(request.query.get("offset", 0))
        page = rows[offset : offset + min(int(request.query.get("limit", 100)), self.page_rows)]
        if offset == 0 and request.query.get("order") == "desc":
            page = page[self.cut :]
        return Reply(200, _body(page, min(len(rows), self.counts_to)))


def _body(rows: list[Row], total: int) -> bytes:
    return json.dumps({"total": total, "data": rows}).encode()


def look(services: Services, resource: str = "news") -> scans.Scan | None:
    """A head scan; its row, where there was one."""
    before = _last_head(services, resource)
    assert scan_head(services, "shop", resource) in (HeadEnd.ENDED, HeadEnd.NOT_NOW)
    after = _last_head(services, resource)
    return after if after is not None and (before is None or before.id != after.id) else None


def state_of(services: Services, resource: str = "news") -> HeadState:
    with services.database.read() as session:
        return HeadState.from_json(scans.resource_state(session, "shop", resource).head)


def told(services: Services, *, after: int = 0) -> list[tuple[str, str, str]]:
    """(resource, key, kind) of each change, in the order of the log."""
    with services.database.read() as session:
        return [(row.resource, row.key, row.kind) for row in history.read(session, after_seq=after, limit=10_000)]


def _last_head(services: Services, resource: str) -> scans.Scan | None:
    with services.database.read() as session:
        which = (col(ScanRow.resource) == resource, col(ScanRow.kind) == "head")
        id_ = (
            session.objects.execute(select(col(ScanRow.id)).where(*which).order_by(col(ScanRow.id).desc()))
            .scalars()
            .first()
        )
        return None if id_ is None else scans.get(session, id_)
