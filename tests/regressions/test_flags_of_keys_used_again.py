"""A row that says that its record is gone proves nothing where keys are used again and the list broke off."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from tests import mirrored_world
from tests.integration import shop as shops
from tests.integration.scripted_server import Reply, Request, ScriptedServer, json_reply

CATALOGUE = '[resources.users]\npath = "/users"\nkey = "name"\ndeleted = "gone"\n'


def test_the_living_row_counts_although_it_did_not_come(tmp_path: Path) -> None:
    rows = [{"name": "ann", "gone": True}, *({"name": f"u{n}", "gone": False} for n in range(30))]
    rows.append({"name": "ann", "gone": False})
    is_broken = False

    def answer(request: Request) -> Reply:
        start, limit = int(request.query["offset"]), int(request.query["limit"])
        if is_broken and start > 15:
            return json_reply({}, 400)
        return json_reply({"data": rows[start : start + limit]})

    with ScriptedServer() as server:
        server.on("GET", "/users", answer)
        file = shops.configure(
            tmp_path, database=f"sqlite:///{tmp_path / 'm.db'}", url=server.url, page_size=10, catalogue=CATALOGUE
        )
        with closing(mirrored_world.services(file)) as services:
            first = shops.scanned(services, "users")
            assert (first.state, first.reason) == ("complete", None)
            assert "ann" in shops.keys(services, "users")
            is_broken = True
            scan = shops.scanned(services, "users")
            assert (scan.state, scan.deleted) == ("partial", 0)
            assert "ann" in shops.keys(services, "users")
