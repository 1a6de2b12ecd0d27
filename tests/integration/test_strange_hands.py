"""Random hands at the source, at the mirror and at the processes: after the next complete scan all is right again.

The list changes while it is read, rows of the mirror are removed and altered, slices end early and processes are killed
around their commits. What the log tells must lead to what the source has, and each thing that it tells was once so.
"""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from storage import scans
from storage.engine import Database
from storage.session import Session
from tasks.scan import slice as slices
from tasks.scan.head import scan_head
from tasks.scan.slice import scan_slice
from tasks.scan.slice_end import Outcome, SliceEnd
from tasks.services import Services
from tests import mirrored_world
from tests.integration import shop as shops
from tests.integration.scripted_server import Reply, Request
from tests.integration.shop import Shop, mirrored, problems
from tests.mirrored_world import log

PAGE_SIZE = 20
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
KEYS = 400
COLUMNS = "source, parent_key, key, document, version, fingerprint, first_seen_at, changed_at"
OF_OTHERS = COLUMNS.replace(" key", " '9' || key")
ROUNDS = 14
CATALOGUE = """
[source]
sorting = { by = "sort", order = "order" }

[resources.goods]
path = "/goods"
item_path = "/goods/{key}"
created = "createdAt"
columns = { name = "text" }
"""


class Killed(BaseException):
    """The process has ended here."""


@dataclass
class Source:
    """A list that somebody works on while it is read, as often as `odds` says."""

    rng: random.Random
    has_total: bool
    names: dict[int, str] = field(default_factory=dict)  #: in the order of the list
    ever: dict[str, set[str]] = field(default_factory=dict)  #: key -> all names that it had
    former: list[str] = field(default_factory=list)
    odds: float = 0.0
    gone: int = 0  #: in this round
    strangers: Any = None
    lock: Any = field(default_factory=threading.Lock)

    def set(self, key: int, name: str) -> None:
        self.names[key] = name
        self.ever.setdefault(str(key), set()).add(name)

    def change(self) -> None:
        rng, keys = self.rng, list(self.names)
        what = rng.choice(("rename", "rename", "back", "add", "remove", "move", "return"))
        if what == "rename":
            for key in rng.sample(keys, rng.choice((1, 2, 9))):
                self.set(key, f"r{rng.randrange(4)}")
        elif what == "back":
            for key in rng.sample(keys, rng.choice((1, 30))):
                self.set(key, f"n{key}")
        elif what == "add":
            self.set(rng.choice([key for key in range(KEYS) if key not in self.names]), "new")
        elif what == "remove" and self.gone < 5:
            self.gone += 1
            del self.names[rng.choice(keys)]
        elif what == "move":
            key = rng.choice(keys)
            self.names[key] = self.names.pop(key)
        elif what == "return":
            self.names = dict(sorted(self.names.items()))

    def row(self, key: int) -> bytes:
        stamp = (BEGIN + timedelta(minutes=key)).isoformat()
        return json.dumps({"id": key, "name": self.names[key], "createdAt": stamp}).encode()

    def list(self, request: Request) -> Reply:
        with self.lock:
            if self.rng.random() < self.odds:
                self.change()
            if self.rng.random() < self.odds / 2:
                self.strangers()
            if self.rng.random() < self.odds / 20:
                return Reply(400, b"{}")
            keys = list(self.names)
            if request.query.get("sort"):
                keys = sorted(keys, reverse=request.query.get("order") == "desc")
            start, limit = int(request.query.get("offset", 0)), int(request.query.get("limit", 100))
            rows, total = b",".join(map(self.row, keys[start : start + limit])), b'"total":%d,' % len(keys)
            return Reply(200, b'{%s"data":[%s]}' % (total if self.has_total else b"", rows))

    def one(self, request: Request) -> Reply:
        with self.lock:
            key = int(request.path.rsplit("/", 1)[1])
            return Reply(200, self.row(key)) if key in self.names else Reply(404, b"{}")


@pytest.fixture
def file(shop: Shop, database_url: str, tmp_path: Path) -> Path:
    url = shop.server.url
    return shops.configure(tmp_path, database=database_url, url=url, page_size=PAGE_SIZE, catalogue=CATALOGUE)


@pytest.fixture
def services(file: Path) -> Iterator[Services]:
    built = mirrored_world.services(file)
    yield built
    built.close()


def running(services: Services) -> bool:
    with services.database.read() as session:
        return scans.running(session, "shop", "goods") is not None


def assert_log(services: Services, source: Source) -> None:
    """Each change follows from the one before it, and tells what was so; all of them lead to what the source has."""
    last: dict[str, Any] = {}
    versions: dict[str, int] = {}
    for change in log(services):
        before = last.get(change.key)
        assert change.version == versions.get(change.key, 0) + 1
        versions[change.key] = change.version
        if change.kind == "deleted":
            assert before is not None, "it was deleted already"
        else:
            assert change.document["name"] in source.ever[change.key]
        if change.kind == "updated":
            assert before is not None
            assert before["name"] != change.document["name"], "nothing has changed"
            assert change.previous == {"/name": before["name"]}
        last[change.key] = change.document
    living = {int(key): document["name"] for key, document in last.items() if document is not None}
    assert living == source.names


@pytest.mark.parametrize("has_total", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_after_the_next_complete_scan_all_is_right(
    shop: Shop, services: Services, database_url: str, monkeypatch: pytest.MonkeyPatch, seed: int, has_total: bool
) -> None:
    rng = random.Random(seed)
    source, stranger = Source(rng, has_total), Database(database_url)
    for key in range(150):
        source.set(key, f"n{key}")
    shop.server.on("GET", "/goods", source.list)
    for key in range(KEYS):
        shop.server.on("GET", f"/goods/{key}", source.one)

    def meddle() -> None:
        some = rng.sample(list(source.names), rng.choice((1, 5, len(source.names))))
        among = f"WHERE key IN ({', '.join(repr(str(key)) for key in some)})"
        how = rng.choice(
            (
                f"DELETE FROM goods {among}",
                f"UPDATE goods SET fingerprint = 'x' {among}",
                f"UPDATE goods SET name = 'strange' {among}",
                f"""UPDATE goods SET document = '{{"name":"strange"}}', fingerprint = 'x' {among}""",
                f"UPDATE goods SET deleted_at = changed_at {among}",
                "UPDATE goods SET deleted_at = NULL",
                f"UPDATE goods SET version = version + 1 {among}",
                f"INSERT INTO goods ({COLUMNS}) SELECT {OF_OTHERS} FROM goods {among} ON CONFLICT DO NOTHING",
                "DELETE FROM mirrorpoint_page",
                "DELETE FROM mirrorpoint_compared",
            )
        )
        with stranger.write() as session:
            session.execute(how)

    source.strangers = meddle
    is_rough, is_at_work, main = [False], [False], threading.get_ident()
    commit, is_over, go = Session.commit, slices._Slice._is_over, slices._Slice.go

    def killed(self: Session) -> None:
        is_ours = is_rough[0] and is_at_work[0] and threading.get_ident() == main
        if not is_ours or rng.random() > 0.08:
            return commit(self)
        if rng.random() < 0.5:
            commit(self)
        raise Killed

    def gone(self: slices._Slice) -> SliceEnd:
        is_at_work[0] = True
        try:
            return go(self)
        finally:  # the lease is given back, as that of a dead process is
            is_at_work[0] = False

    def over(self: slices._Slice) -> bool:
        return is_over(self) or (is_rough[0] and rng.random() < 0.15)

    monkeypatch.setattr(Session, "commit", killed)
    monkeypatch.setattr(slices._Slice, "_is_over", over)
    monkeypatch.setattr(slices._Slice, "go", gone)

    def step() -> None:
        what = rng.random()
        if what < 0.3:
            source.change()
        elif what < 0.4:
            meddle()
        elif what < 0.5:
            scan_head(services, "shop", "goods")
        else:
            is_rough[0] = rng.random() < 0.7
            source.odds = rng.choice((0, 0, 0.05, 0.4))
            with suppress(Killed):
                scan_slice(services, "shop", "goods")
            is_rough[0], source.odds = False, 0.0

    for _ in range(ROUNDS):
        for _ in range(rng.randrange(8)):
            step()
        while running(services):
            assert scan_slice(services, "shop", "goods").outcome in (Outcome.ENDED, Outcome.AGAIN)
        end = scan_slice(services, "shop", "goods")
        assert end.outcome is Outcome.ENDED
        assert end.scan is not None
        assert end.scan.state == "complete", end.scan
        found = {int(id_.key): document["name"] for id_, document in mirrored(services, "goods").items()}
        assert found == source.names
        assert_log(services, source)
        assert problems(services) == []
        source.gone = 0
    stranger.dispose()
