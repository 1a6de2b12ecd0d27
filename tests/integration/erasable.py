"""A shop that is mirrored, a receiver that is told, and the commands on both; for tests of what is erased."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from changes import digests, fingerprint
from record import notes, tree
from storage import actions, deliveries, former_rules, history
from storage.engine import Database
from tasks.delivery import deliver
from tests import mirrored_world
from tests.commands import Commands
from tests.integration import shop as shops
from tests.integration.scripted_server import Reply, Request
from tests.integration.shop import Shop

#: In no other text; what tells of it must not hold it.
NEEDLE = "Quixotl"
MORE = """
[record]
name = "example.com/mirrorpoint"
signing_key = "file:mirrorpoint.sign"
{record}

[[points]]
code = "AUDIT"
url = "{url}/hook"

[[routes]]
points = ["AUDIT"]
resources = ["*"]
kinds = ["snapshot", "created", "updated", "deleted", "restored"]

[delivery]
allow_networks = ["127.0.0.0/8"]
"""


class Erasable:
    """Ten things with parts, of which some tell of a person."""

    def __init__(self, folder: Path, database_url: str, shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.shop, self._url = folder, shop, database_url
        self.config = shops.configure(folder, database=database_url, url=shop.server.url)
        (folder / "mirrorpoint.sign").write_text(notes.new_pem())
        self._plain = self.config.read_text()
        self.configure()
        self.commands = Commands(self.config, capsys)
        self.services = mirrored_world.services(self.config)
        self.told: list[Any] = []
        self._refused: tuple[str, ...] = ()
        shop.server.on("POST", "/hook", self._hook)

    def configure(self, record: str = "", **texts: str) -> None:
        text = self._plain
        for old, new in texts.items():
            text = text.replace(old, new)
        self.config.write_text(text + MORE.format(record=record, url=self.shop.server.url))

    def refuses(self, *keys: str) -> None:
        """The receiver takes no event of these records, and quotes them."""
        self._refused = keys

    def _hook(self, request: Request) -> Reply:
        event = request.json()
        self.told.append(event)
        if event["data"]["key"] in self._refused:
            return Reply(422, f"I will not take {NEEDLE}".encode())
        return Reply(204)

    @property
    def database(self) -> Database:
        return self.services.database

    def has(self, *rows: dict[str, Any]) -> None:
        """What the source has, and every list of parts is empty where none is given."""
        self.shop.lists("things", *map(json.dumps, rows))

    def server_says_gone(self, number: int) -> None:
        self.shop.answers(f"/things/{number}", b"", status=404)

    def scan(self, resource: str = "things") -> Any:
        return shops.scanned(self.services, resource)

    def deliver(self) -> list[Any]:
        """What a delivery of all that is due sends."""
        self.told.clear()
        deliver.deliver(self.services)
        return list(self.told)

    def erase(self, key: str, *options: str, resource: str = "things") -> Any:
        return self.commands("erase", resource, key, "--reason", "asked for", *options)

    def row(self, key: str) -> dict[str, Any]:
        return shops.row(self.services, "things", key)

    def log(self, key: str | None = None) -> list[Any]:
        rows = mirrored_world.log(self.services)
        return [row for row in rows if key is None or row.key == key]

    def actions(self) -> list[actions.Action]:
        with self.database.read() as session:
            return [row for row in actions.read(session) if row.what != former_rules.RULE]

    def states(self) -> list[tuple[str, str | None]]:
        with self.database.read() as session:
            return [(row.state, row.last_error) for row in deliveries.read(session)]

    def sql(self, text: str) -> Any:
        with self.database.write() as session:
            found = session.execute(text)
            return found.fetchall() if found.description else None

    def verified(self) -> int:
        """The record is as it was, by the command that says so; how many changes are erased."""
        found = self.commands("verify", "--json")
        assert found.code == 0, found.out
        erased: int = found.json["erased"]
        return erased

    def assert_proved(self) -> str:
        """Each digest fits what is left of its row; the root over all of them."""
        growing = tree.Growing()
        with self.database.read() as session:
            for row in history.read(session, limit=10_000):
                assert digests.of_change(
                    row.seq, row.id, row.source, row.resource, row.parent_key, row.key, row.version, row.kind,
                    row.changed, row.previous_digest, row.document_digest, digests.stamp(row.observed_after),
                    digests.stamp(row.observed_at), row.scan_id,
                ) == row.digest  # fmt: skip
                if row.salt is None:
                    assert (row.document, row.previous) == (None, {})
                else:
                    salt = bytes.fromhex(row.salt)
                    form = None if row.document is None else digests.salted(salt, fingerprint.canonical(row.document))
                    assert form == row.document_digest
                    assert digests.salted(salt, fingerprint.canonical(row.previous)) == row.previous_digest
                growing.add([tree.leaf_hash(row.digest.encode())])
        return growing.root().hex()


@contextmanager
def opened(folder: Path, database_url: str, capsys: pytest.CaptureFixture[str]) -> Iterator[Erasable]:
    with shops.opened() as shop:
        made = Erasable(folder, database_url, shop, capsys)
        try:
            yield made
        finally:
            made.services.close()


def thing(number: int, **more: Any) -> dict[str, Any]:
    return {"id": number, "name": f"thing {number}", "size": number, **more}


def person(number: int, **more: Any) -> dict[str, Any]:
    """A thing whose every value is to go."""
    return thing(number) | {"name": f"{NEEDLE} {number}", "tags": [NEEDLE], "secret hobby": f"{NEEDLE}ing", **more}
