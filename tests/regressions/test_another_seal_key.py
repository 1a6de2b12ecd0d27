"""With another seal key every record that has a secret was told as updated, to everyone, though nothing had changed."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from changes.records import Id
from changes.sealing import new_key
from tests import mirrored_world
from tests.commands import Commands
from tests.integration import shop as shops


def replace_key(commands: Commands, folder: Path) -> None:
    (folder / "mirrorpoint.key").write_text(new_key())
    commands("check", "--accept-seal-key")


def test_another_seal_key_is_no_change_and_what_has_changed_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with shops.opened() as shop:
        file = shops.configure(tmp_path, database=f"sqlite:///{tmp_path / 'mirror.db'}", url=shop.server.url)
        commands = Commands(file, capsys)
        shop.lists("things", '{"id": 1, "password": "hush", "name": "a"}', '{"id": 2, "password": "hush"}')
        with closing(mirrored_world.services(file)) as services:
            shops.scanned(services, "things")
            before = shops.mirrored(services, "things")

        replace_key(commands, tmp_path)
        with closing(mirrored_world.services(file)) as services:
            scan, after = shops.scanned(services, "things"), shops.mirrored(services, "things")
            assert ("complete", 0, 0) == (scan.state, scan.updated, scan.created)
            assert before[Id("", "1")]["password"] != after[Id("", "1")]["password"]
            assert after[Id("", "1")]["password"] == after[Id("", "2")]["password"]

            shop.lists("things", '{"id": 1, "password": "new", "name": "a"}', '{"id": 2, "password": "hush"}')
            assert 1 == shops.scanned(services, "things").updated

        replace_key(commands, tmp_path)
        shop.lists("things", '{"id": 1, "password": "new", "name": "b"}', '{"id": 2, "password": "hush"}')
        with closing(mirrored_world.services(file)) as services:
            assert 1 == shops.scanned(services, "things").updated
            changed = [change.changed for change in mirrored_world.log(services)]
    assert [[""], [""], ["/password"], ["/name"]] == [list(each) for each in changed]
