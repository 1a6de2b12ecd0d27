"""With another seal key every record that has a secret was told as updated, to everyone, though nothing had changed."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from changes.records import Id
from changes.sealing import new_key
from tests import mirrored_world
from tests.integration import shop as shops
from worker import bootstrap, settings


def replace_key(file: Path) -> None:
    (file.parent / "mirrorpoint.key").write_text(new_key())
    bootstrap.accept_seal_key(settings.load(str(file)))


def test_another_seal_key_is_no_change_and_what_has_changed_is_told(tmp_path: Path) -> None:
    with shops.opened() as shop:
        file = shops.configure(tmp_path, database=f"sqlite:///{tmp_path / 'mirror.db'}", url=shop.server.url)
        shop.lists("things", '{"id": 1, "password": "hush", "name": "a"}', '{"id": 2, "password": "hush"}')
        with closing(mirrored_world.services(file)) as services:
            shops.scanned(services, "things")
            before = shops.mirrored(services, "things")

        replace_key(file)
        with closing(mirrored_world.services(file)) as services:
            scan, after = shops.scanned(services, "things"), shops.mirrored(services, "things")
            assert ("complete", 0, 0) == (scan.state, scan.updated, scan.created)
            assert before[Id("", "1")]["password"] != after[Id("", "1")]["password"]
            assert after[Id("", "1")]["password"] == after[Id("", "2")]["password"]

            shop.lists("things", '{"id": 1, "password": "new", "name": "a"}', '{"id": 2, "password": "hush"}')
            assert 1 == shops.scanned(services, "things").updated

        replace_key(file)
        shop.lists("things", '{"id": 1, "password": "new", "name": "b"}', '{"id": 2, "password": "hush"}')
        with closing(mirrored_world.services(file)) as services:
            assert 1 == shops.scanned(services, "things").updated
            changed = [change.changed for change in mirrored_world.log(services)]
    assert [[""], [""], ["/password"], ["/name"]] == [list(each) for each in changed]
