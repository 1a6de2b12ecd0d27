"""A small mirror whose record has everything in it that happens over the years, sealed and signed; for tests of verify.

Made once for each kind of database, by real scans; each test has a copy to do with as it likes.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from record import notes
from storage import seals, sql
from storage.engine import Database
from storage.seals import Log
from tasks.record import sealing
from tasks.record.checks import whole
from tasks.record.checks.looks import Looks
from tasks.record.checks.whole import Record, Wanted
from tasks.services import Services
from tests import mirrored_world
from tests.commands import Commands
from tests.integration import shop as shops
from tests.integration.scripted_server import Reply
from tests.integration.shop import Shop
from worker import bootstrap, record_policy, settings

NAME = "example.com/mirrorpoint"
CATALOGUE = """
[resources.things]
path = "/things"
item_path = "/things/{key}"
columns = { name = "text", size = "integer", price = "number", sold = "boolean", since = "time", tags = "json" }
secrets = ["/password"]
volatile = ["/seen"]
unordered = ["/labels"]

[resources.leaflets]
path = "/leaflets"
key = "$"

[resources.menus]
path = "/menus"
shape = "tree"

[resources.parts]
path = "/things/{parent}/parts"
parent = "things"
columns = { "/made/by" = "text" }
"""
RECORD = """
[[points]]
code = "AUDIT"
url = "http://127.0.0.1:9/hook"

[[routes]]
points = ["AUDIT"]
resources = ["things"]
kinds = ["created", "updated", "deleted", "restored"]

[delivery]
allow_networks = ["127.0.0.0/8"]

[record]
name = "example.com/mirrorpoint"
signing_key = "file:mirrorpoint.sign"
"""

LARGE = 10**39 + 7
_FIRST = [
    (
        '{"id":1,"name":"bolt","size":3,"price":0.1,"sold":false,"since":"2026-01-02T03:04:05.678Z","tags":["a",{"b":1.0}],'
        '"password":"hush","seen":1,"labels":["x","y"]}'
    ),
    f'{{"id":2,"name":"nut","size":{LARGE},"price":12345678901234567.89,"sold":"yes","since":1700000000,"tags":null}}',
    '{"id":3,"name":"\\u00e9\\u4e2d \\"quoted\\"","price":1e400,"seen":1}',
    '{"id":4,"name":"washer","seen":1}',
    '{"id":5,"name":null,"size":"17","tags":{}}',
    '{"id":6}',
]


@dataclass(frozen=True)
class Json:
    """A value of a column that holds JSON."""

    text: str


@dataclass(frozen=True)
class World:
    """A copy of it."""

    file: Path  #: its configuration
    url: str
    run: Commands

    @contextmanager
    def database(self) -> Iterator[Database]:
        opened = Database(self.url)
        yield opened
        opened.dispose()

    @property
    def dialect(self) -> str:
        return "sqlite" if self.url.startswith("sqlite") else "postgresql"

    def alter(self, *statements: str) -> None:
        """What somebody does who may write to the database."""
        with self.database() as database, database.write() as session:
            for statement in statements:
                session.execute(statement if self.dialect == "sqlite" else statement.replace("%", "%%"), ())

    def set(self, table: str, column: str, where: str, value: Any) -> None:
        """Another value; JSON as its text."""
        mark = "?" if self.dialect == "sqlite" else "%s"
        with self.database() as database, database.write() as session:
            if self.dialect != "sqlite" and isinstance(value, Json):
                mark = "%s::jsonb"
            text = f'UPDATE {table} SET "{column}" = {mark} WHERE {where}'
            assert session.execute(text, (getattr(value, "text", value),)).rowcount == 1

    def rows(self, statement: str) -> Sequence[Sequence[Any]]:
        with self.database() as database, database.read() as session:
            return sql.fetch(session, statement, ())

    def value(self, statement: str) -> Any:
        return self.rows(statement)[0][0]

    def verify(self, *options: str) -> Mapping[str, Any]:
        """The document of `--json`, with the exit code."""
        result = self.run("verify", "--json", *options)
        assert result.code in {0, 6}, result
        return {**result.json, "code": result.code}

    def look(self, **wanted: Any) -> Mapping[str, Any]:
        """The same without the command; what it would end with is worked out."""
        configuration = settings.load(str(self.file), environ={})
        resources = {name: each.resources for name, each in bootstrap.load_catalogues(configuration).items()}
        policy, seal = record_policy.of(configuration), bootstrap.open_vault(configuration).seal
        record = Record(resources, policy.signer, policy.keep, seal)
        with self.database() as database, database.kept_open() as connection:
            outcome = whole.verify(Looks(connection), record, Wanted(**wanted))
        return {**outcome.told(), "code": 0 if outcome.is_ok else 6, "told": [each.what for each in outcome.problems]}

    def head(self, log: Log = Log.CHANGES) -> str:
        """The newest checkpoint, to be filed."""
        with self.database() as database, database.read() as session:
            seal = seals.last(session, log)
        assert seal is not None
        assert seal.checkpoint is not None
        return seal.checkpoint

    def services(self) -> Services:
        return mirrored_world.services(self.file)


def bad(found: Mapping[str, Any]) -> dict[str, str]:
    """The checks that are not ok, with what they say first."""
    assert (found["code"], found["ok"]) == (6, False)
    return {check["name"]: check["problem"] for check in found["checks"] if not check["ok"]}


def is_green(found: Mapping[str, Any]) -> bool:
    """With what it says where it is not."""
    assert found["first_bad"] is None, found
    return bool(found["ok"]) and found["code"] == 0 and all(check["ok"] for check in found["checks"])


class Worlds:
    """Makes them."""

    def __init__(self, folder: Path, request: pytest.FixtureRequest) -> None:
        self._folder, self._request = folder, request
        self._made: dict[str, tuple[Path, str]] = {}

    @contextmanager
    def copy(self, dialect: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[World]:
        """One for a test."""
        if dialect not in self._made:
            self._made[dialect] = self._make(dialect)
        home, template = self._made[dialect]
        if dialect == "sqlite":
            shutil.copy(template.removeprefix("sqlite:///"), folder / "copy.db")
            url = f"sqlite:///{folder / 'copy.db'}"
        else:
            url = self._server.create(template=template)
        for name in ("shop.toml", "mirrorpoint.key", "mirrorpoint.sign"):
            shutil.copy(home / name, folder / name)
        file = folder / "mirrorpoint.toml"
        file.write_text((home / "mirrorpoint.toml").read_text().replace(template, url))
        try:
            yield World(file, url, Commands(file, capsys))
        finally:
            if dialect != "sqlite":
                self._server.drop(url)

    @property
    def _server(self) -> Any:
        return self._request.getfixturevalue("postgres_server")

    def _make(self, dialect: str) -> tuple[Path, str]:
        home = self._folder / dialect
        home.mkdir()
        url = f"sqlite:///{home / 'made.db'}" if dialect == "sqlite" else self._server.create()
        with shops.opened() as shop:
            file = shops.configure(home, database=url, url=shop.server.url, catalogue=CATALOGUE)
            file.write_text(file.read_text() + RECORD)
            (home / "mirrorpoint.sign").write_text(notes.new_pem())
            _live_through(shop, file)
        if dialect == "sqlite":
            database = Database(url)
            with database.outside_transactions() as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            database.dispose()
        return home, url


def _live_through(shop: Shop, file: Path) -> None:
    """Scans of a list on which everything happens, each sealed."""
    services = mirrored_world.services(file)
    try:
        shop.lists("leaflets", '"a/b"', '"50%"', "\"\\u4e2d 'x'\"", '"0"')
        shop.lists("menus", '{"id":1,"children":[{"id":2,"name":"under"}]}')
        shop.parts(1, '{"id":7,"made":{"by":"us"}}', '{"id":8}')
        shop.lists("things", *_FIRST)
        _scan(services, "things", "parts", "leaflets", "menus")
        # A change, a volatile member and an order that differ alone, a new secret, a record that is gone.
        second = [_FIRST[0].replace('"seen":1', '"seen":2').replace('["x","y"]', '["y","x"]')]
        second += [_FIRST[1].replace("67.89", "67.88"), _FIRST[2].replace('"seen":1', '"seen":3'), _FIRST[4]]
        second += ['{"id":7,"name":"new","password":"other"}']
        shop.lists("things", *second)
        _gone(shop, 4, 6)
        _scan(services, "things", "parts")
        third = [*second[:3], '{"id":4,"name":"washer again"}', second[3], second[4].replace("other", "another")]
        shop.lists("things", *third)
        shop.parts(1, '{"id":7,"made":{"by":"them"}}')
        _scan(services, "things", "parts")
        _scan(services, "parts")
        shop.lists("leaflets", '"a/b"', '"1"')
        _scan(services, "leaflets")
        _scan(services, "leaflets")
    finally:
        services.close()
    _run(file, "rebase", "shop:menus", "--yes")
    services = mirrored_world.services(file)
    try:
        shop.lists("menus", '{"id":1,"children":[]}', '{"id":3}')
        _scan(services, "menus")
    finally:
        services.close()
    _run(file, "deliver", codes=(0, 3))


def _gone(shop: Shop, *keys: int) -> None:
    for key in keys:
        shop.server.on("GET", f"/things/{key}", Reply(404))
        shop.server.on("GET", f"/things/{key}/parts", Reply(404))


def _scan(services: Services, *names: str) -> None:
    for name in names:
        assert shops.scanned(services, name).state == "complete"
        sealing.seal_all(services.database, services.record.signer, now=services.now())


def _run(file: Path, *words: str, codes: Sequence[int] = (0,)) -> None:
    from worker.__main__ import main

    assert main(["--config", str(file), *words]) in codes
