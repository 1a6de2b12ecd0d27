"""The SQL that README and docs/ show: run on databases that the product has made, and right about what happened."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox import serving
from sandbox.api import Api
from sandbox.receiver import Receiver
from storage.engine import Database
from tasks import housekeeping
from tasks.delivery import deliver
from tasks.services import Services
from tests import mirrored_world, postgres
from tests.mirrored_world import World

ROOT = Path(__file__).parents[2]
PRODUCTS = "/api/v2/products"
POINTS = """
[[points]]
code = "AUDIT"
url = "{receiver}/audit"
[[points]]
code = "BROKEN"
url = "{receiver}/broken"
[[routes]]
points = ["AUDIT", "BROKEN"]
resources = ["products", "product_*"]
[delivery]
allow_networks = ["127.0.0.0/8"]
"""


def examples(page: str) -> list[str]:
    return re.findall(r"^```sql\n(.*?)^```$", (ROOT / page).read_text("utf-8"), re.MULTILINE | re.DOTALL)


WANTED = examples("docs/sql.md")
_PAGES = sorted(path.name for path in (ROOT / "docs").glob("*.md") if path.name != "sql.md")
OTHERS = [(name, text) for name in _PAGES for text in examples(f"docs/{name}")]


@dataclass(frozen=True, slots=True)
class Past:
    """A mirror in which something happened: first sight ten days ago, changes yesterday."""

    services: Services
    first_day: datetime

    def ask(self, about: str) -> list[dict[str, Any]]:
        """The rows that the page's query with these words gives."""
        dialect = self.services.database.dialect
        fitting = [text for text in WANTED if about in text and _is_for(text, dialect)]
        assert len(fitting) == 1, f"{len(fitting)} queries of the page hold {about!r} and are for {dialect}"
        day_after = (self.first_day + timedelta(days=1)).date()
        return run(self.services.database, fitting[0].replace("2026-11-04", f"{day_after}"))


def _is_for(text: str, dialect: str) -> bool:
    other = {"sqlite": "-- PostgreSQL", "postgresql": "-- SQLite"}[dialect]
    return not text.startswith(other)


def run(database: Database, text: str) -> list[dict[str, Any]]:
    written = text.strip().rstrip(";")
    with database.read() as session:
        found = session.execute(written if database.dialect == "sqlite" else written.replace("%", "%%"))
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()] if names else []


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def past(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    folder = tmp_path_factory.mktemp("past")
    if request.param == "sqlite":
        yield from _past(folder, f"sqlite:///{folder / 'mirrorpoint.db'}")
    else:
        server: postgres.Server = request.getfixturevalue("postgres_server")
        url = server.create()
        yield from _past(folder, url)
        server.drop(url)


def _past(folder: Path, database_url: str) -> Iterator[Past]:
    yesterday = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
    first_day = yesterday - timedelta(days=9)
    with serving.start(Api()) as api, serving.start(Receiver()) as receiver:
        world = World(api.url)
        more = POINTS.format(receiver=receiver.url)
        file = mirrored_world.configure(folder, database=database_url, sandbox=api.url, more=more)
        built = mirrored_world.services(file)
        then, later = replace(built, now=lambda: first_day), replace(built, now=lambda: yesterday)
        for resource in ("products", "product_currencies"):
            mirrored_world.scan(then, resource)
        world.change(PRODUCTS, "update", key="3", document={"status": "disabled"})
        world.change(PRODUCTS, "delete", key="5")
        mirrored_world.scan(later, "products")
        _break(receiver.url)
        deliver.deliver(built)
        housekeeping.housekeep(built)
        yield Past(built, first_day)
        world.close()
        for source in built.sources.values():
            source.client.close()
        built.database.dispose()


def _break(receiver: str) -> None:
    order = {"path": "/broken", "status": 400}
    httpx.post(f"{receiver}/_sandbox/behaviour", json=order).raise_for_status()


def test_the_products_as_they_are(past: Past) -> None:
    rows = past.ask("FROM products\n")

    assert len(rows) == 23
    assert {"key": "3", "status": "disabled"}.items() <= {row["key"]: row for row in rows}["3"].items()
    assert "5" not in {row["key"] for row in rows}


def test_what_changed_yesterday(past: Past) -> None:
    rows = past.ask("kind <> 'snapshot'")

    assert {"updated", "deleted"} == {row["kind"] for row in rows}
    assert {("products", "", "3"), ("products", "", "5"), ("product_currencies", "5", "1")} <= {
        (row["resource"], row["parent_key"], row["key"]) for row in rows
    }


def test_the_history_of_one_record(past: Past) -> None:
    rows = past.ask("SELECT version, kind, observed_after")

    assert [(1, "snapshot"), (2, "updated")] == [(row["version"], row["kind"]) for row in rows]


def test_the_products_as_they_were(past: Past) -> None:
    rows = {row["key"]: row for row in past.ask("row_number()")}

    assert len(rows) == 24
    assert ("enabled", True) == (rows["3"]["status"], "5" in rows)


def test_what_was_deleted_in_the_last_week(past: Past) -> None:
    rows = past.ask("kind = 'deleted'")

    documents = {(row["resource"], row["key"]): row["document"] for row in rows}
    assert '"id":5' in documents["products", "5"].replace(" ", "")
    assert any(resource == "product_currencies" for resource, _ in documents)


def test_every_change_of_one_field(past: Past) -> None:
    rows = past.ask("->> '/status' AS was")

    assert [("3", "enabled", "disabled")] == [(row["key"], row["was"], row["became"]) for row in rows]


def test_who_was_told(past: Past) -> None:
    rows = past.ask("FROM mirrorpoint_delivery AS d")

    assert [("AUDIT", "delivered", 200), ("BROKEN", "dead", 400)] == [
        (row["point"], row["state"], row["last_status"]) for row in rows
    ]


def test_what_is_owed(past: Past) -> None:
    rows = past.ask("GROUP BY point, state")

    assert [("BROKEN", "dead")] == [(row["point"], row["state"]) for row in rows]
    assert rows[0]["events"] >= 3
    assert "400" in rows[0]["an_error"]


def test_every_query_of_the_page_is_among_these(past: Past) -> None:
    asked = re.findall(r'past\.ask\("(.*?)"\)', Path(__file__).read_text("utf-8"))
    words = [word.replace("\\n", "\n") for word in asked]

    assert [text for text in WANTED if not any(word in text for word in words)] == []
    assert [text for text in examples("README.md") if text not in WANTED] == []


@pytest.mark.parametrize("text", [pytest.param(text, id=f"{name}-{n}") for n, (name, text) in enumerate(OTHERS)])
def test_other_pages_show_sql_that_runs(past: Past, text: str) -> None:
    if not _is_for(text, past.services.database.dialect):
        pytest.skip("it is for the other database")
    for statement in text.strip().rstrip(";").split(";\n"):
        run(past.services.database, statement)
