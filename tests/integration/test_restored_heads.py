"""A backup is restored although heads were kept after it: verify says so, and the way out that is documented is one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from record import notes
from storage.engine import Database
from storage.seals import Log
from tasks.record import keeping, sealing
from tasks.signing import Signer
from tests import mirrored_world
from tests.integration import erasable
from tests.integration.archive import DAY, Archive
from tests.integration.erasable import NEEDLE, Erasable, person, thing
from tests.integration.test_backups import tools_of_the_server
from tests.integration.test_erase import scanned_twice
from tests.witness_server import WitnessServer

NAME, NEW_NAME = "example.com/mirrorpoint", "example.com/mirrorpoint/after-the-restore"


@pytest.fixture
def witness() -> Iterator[WitnessServer]:
    with WitnessServer() as running:
        yield running


@pytest.fixture
def shop(
    tmp_path: Path,
    database_url: str,
    dialect: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Erasable]:
    if dialect == "postgresql":
        tools_of_the_server(monkeypatch)
    with erasable.opened(tmp_path, database_url, capsys) as made:
        yield made


def trust(witness: WitnessServer, signer: Signer) -> None:
    for log in Log:
        witness.trusts(signer.origin(log), str(signer.verifiers(log)[0]))


def begin(shop: Erasable, witness: WitnessServer, *, name: str, file: str) -> None:
    """From now on the record has this name, and its heads are kept in that file and by the witness."""
    shop.configure(f'keep = ["file:{shop.folder / file}", "witness:{witness.url}#{witness.key}"]')
    shop.config.write_text(shop.config.read_text().replace(f'name = "{NAME}"', f'name = "{name}"'))
    shop.services.close()
    shop.services = mirrored_world.services(shop.config)
    assert shop.services.record.signer is not None
    trust(witness, shop.services.record.signer)


def keep(shop: Erasable, *, days: int) -> None:
    later = datetime.now(UTC) + timedelta(days=days)
    keeping.keep_due(replace(shop.services, now=lambda: later))


def test_a_new_name_and_a_new_file_begin_anew_after_a_restore(shop: Erasable, witness: WitnessServer) -> None:
    begin(shop, witness, name=NAME, file="heads.log")
    scanned_twice(shop)
    keep(shop, days=0)
    assert shop.commands("backup", str(shop.folder / "b.backup")).code == 0
    shop.has(thing(1, size=5), person(2, size=23), thing(3, size=77))
    shop.scan()
    keep(shop, days=1)
    assert shop.erase("2", "--yes").code == 0
    assert shop.verified() == 3
    shop.services.close()

    assert shop.commands("restore", str(shop.folder / "b.backup")).code == 0
    found = shop.commands("verify")
    gone = "the head of 7 changes in heads.log is no beginning of this record: changes 5 to 7 are not there any more"
    assert (found.code, gone in found.out) == (6, True), found.out

    begin(shop, witness, name=NEW_NAME, file="heads-2.log")
    assert shop.verified() == 0
    assert NEEDLE in str(shop.row("2")), "what was erased since the backup is there again, as the runbook says"
    assert shop.erase("2", "--yes").code == 0
    keep(shop, days=2)
    shop.scan()
    keep(shop, days=3)
    assert shop.verified() == 2
    told = shop.commands("status").out
    assert ("heads kept outside at 2 places" in told, "contradict" in told) == (True, False), told
    assert {name: witness.known[name][0] for name in (NAME, NEW_NAME)} == {NAME: 7, NEW_NAME: 7}

    old = shop.commands("verify", "--head", str(shop.folder / "heads.log"))
    of_another = "the head of 7 changes in heads.log is no beginning of this record, and another head of as many is: it"
    assert (old.code, f"{of_another} is of another history" in old.out) == (6, True), old.out


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_a_head_of_a_former_name_is_given_to_a_witness_under_the_new_one(
    database: Database, witness: WitnessServer
) -> None:
    """The witness knows more of the former one, which the restore has taken back; and nothing new may come for days."""
    archive = Archive(database, f"witness:{witness.url}#{witness.key}")
    trust(witness, archive.signer)
    archive.change(4)
    sealing.seal_all(database, archive.signer, now=archive.now)
    archive.change(2)
    archive.keep()
    with database.write() as session:  # as a backup had it that was made before
        for text in ("mirrorpoint_change WHERE seq > 4", "mirrorpoint_seal WHERE size > 4", "mirrorpoint_kept"):
            session.execute(f"DELETE FROM {text}")
    named = Signer(NEW_NAME, archive.signer.keys)
    trust(witness, named)
    archive.set(signer=named)
    archive.now += DAY
    archive.keep()
    assert archive.told() == [("changes", 4, None)]
    assert notes.parse(archive.rows()[0].receipt or "").text.splitlines()[:2] == [NEW_NAME, "4"]
    archive.now += DAY
    archive.change()
    archive.keep()
    assert archive.told()[1:] == [("changes", 5, None)]
    assert (witness.known[NAME][0], witness.known[NEW_NAME][0]) == (6, 5)
