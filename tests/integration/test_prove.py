"""`prove` gives an outsider a folder by which one change can be checked, and that notices whatever is altered in it."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from changes import sealing as secrets
from changes.records import Change, Id, Kind
from record import notes, proof_folder, proofs
from record.notes import SigningKey
from storage import change_log
from storage.engine import Database
from tests.commands import Commands, Result

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
NAME = "example.com/mirrorpoint"
#: What is hard to write down exactly.
ODD: Any = {
    "id": "12",
    "name": 'Zoë "Z" \\ \u2028 \U0001f600 \x1f',
    "big": 2**133,
    "exact": Decimal("0.1000000000000000055511151231257827"),
    "small": 1e-7,
    "five": 1e-5,
    "list": [1.5, None, True, {"é": {}, "e": [], "~1": "/"}],
}


class Record:
    """A database with a log, and a configuration that signs it."""

    def __init__(self, folder: Path, database: Database, url: str, commands: Callable[[Path], Commands]) -> None:
        self.folder, self.database, self._url = folder, database, url
        self._commands = commands
        (folder / "mirrorpoint.key").write_text(secrets.new_key())
        (folder / "mirrorpoint.sign").write_text(notes.new_pem())
        self.configure(f'name = "{NAME}"\nsigning_key = "file:mirrorpoint.sign"')

    def configure(self, record: str) -> None:
        text = f'[storage]\nurl = "{self._url}"\nseal_key = "file:mirrorpoint.key"\n[record]\n{record}\n'
        (self.folder / "mirrorpoint.toml").write_text(text)

    def log(self, number: int, *, first: int = 1) -> None:
        with self.database.write() as session:
            change_log.append(session, [change(key) for key in range(first, first + number)])

    def prove(self, seq: int, *options: str, out: str = "proof") -> Result:
        return self._commands(self.folder / "mirrorpoint.toml")(
            "prove", str(seq), "--out", f"{self.folder / out}", *options
        )

    def run(self, text: str) -> None:
        with self.database.write() as session:
            session.execute(text)

    @property
    def key(self) -> SigningKey:
        return SigningKey.from_pem((self.folder / "mirrorpoint.sign").read_text(), name=NAME)


def change(key: int, **parts: Any) -> Change:
    usual: dict[str, Any] = {
        "source": "s",
        "resource": "products",
        "id": Id("7/8", str(key)),
        "version": 1,
        "kind": Kind.CREATED,
        "changed": ("",),
        "previous": {},
        "document": {"id": key, "secret of": f"record {key}"} if key != 12 else ODD,
        "observed_after": NOW - timedelta(minutes=5),
        "observed_at": NOW,
        "scan_id": "scan",
    }
    return Change(**{**usual, **parts})


@pytest.fixture
def record(tmp_path: Path, database: Database, database_url: str, capsys: pytest.CaptureFixture[str]) -> Record:
    return Record(tmp_path, database, database_url, lambda file: Commands(file, capsys))


def check(folder: Path, *keys: str) -> tuple[int, list[str]]:
    """What the folder's own program says, run from elsewhere without anything of ours."""
    done = subprocess.run(
        [sys.executable, "-I", str(folder / "check.py"), *keys], cwd="/", capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


@pytest.mark.parametrize("seq", [1, 12, 300])
def test_an_outsider_can_check_any_change(record: Record, seq: int) -> None:
    record.log(300)
    assert record.prove(seq).code == 0
    code, lines = check(record.folder / "proof")
    assert (code, lines[-1]) == (0, "OK")
    assert {line[:6] for line in lines[:-1]} == {"ok    "}
    assert check(record.folder / "proof", str(record.key.verifier))[0] == 0, "with the key that was filed away"
    assert check(record.folder / "proof", str(other_key().verifier))[0] == 1, "with another one"


def other_key(name: str = NAME) -> SigningKey:
    return SigningKey.from_pem(notes.new_pem(), name=name)


def test_the_folder_has_the_change_exactly_and_nothing_of_any_other(record: Record) -> None:
    record.log(300)
    record.prove(12)
    folder = record.folder / "proof"
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.txt",
        "change.json",
        "check.py",
        "checkpoint",
        "proof.tlog-proof",
        "verifier.txt",
    ]
    written = json.loads((folder / "change.json").read_text(), parse_float=Decimal)
    assert tuple(written) == proof_folder.MEMBERS
    shown = written["document"]
    assert shown == {
        **ODD,
        "small": Decimal("1e-7"),
        "five": Decimal("0.00001"),
        "list": [Decimal("1.5"), *ODD["list"][1:]],
    }
    assert (written["observed_after"], written["observed_at"]) == (
        "2026-11-22T11:55:00.000000Z",
        "2026-11-22T12:00:00.000000Z",
    )
    whole = "".join(path.read_text() for path in folder.iterdir())
    assert "secret of" not in whole
    assert "mirrorpoint.sign" not in whole
    assert "PRIVATE" not in whole
    assert (folder / "verifier.txt").read_text() == f"{record.key.verifier}\n"
    assert proofs.parse((folder / "proof.tlog-proof").read_text()).holds_for(written["digest"].encode())


def test_json_says_what_was_written(record: Record) -> None:
    record.log(3)
    told = record.prove(2, "--json").json
    assert told == {
        "seq": 2,
        "folder": str(record.folder / "proof"),
        "files": ["README.txt", "change.json", "check.py", "checkpoint", "proof.tlog-proof", "verifier.txt"],
        "origin": NAME,
        "size": 3,
        "verifiers": [str(record.key.verifier)],
        "erased": False,
    }


def _in_json(name: str, value: Any) -> Callable[[Path], None]:
    def alter(folder: Path) -> None:
        file = folder / "change.json"
        kept = json.loads(file.read_text())
        kept[name] = value(kept[name]) if callable(value) else value
        file.write_text(json.dumps(kept))

    return alter


def _in_text(name: str, old: str, new: str) -> Callable[[Path], None]:
    def alter(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1))

    return alter


def _first_hash_again(folder: Path) -> None:
    lines = (folder / "proof.tlog-proof").read_text().split("\n")
    (folder / "proof.tlog-proof").write_text("\n".join([*lines[:3], lines[2], *lines[3:]]))


def _last_hash_away(folder: Path) -> None:
    head, _, rest = (folder / "proof.tlog-proof").read_text().partition("\n\n")
    (folder / "proof.tlog-proof").write_text(f"{head.rpartition(chr(10))[0]}\n\n{rest}")


@pytest.mark.parametrize(
    "alter",
    [
        *(
            _in_json(name, value)
            for name, value in {
                "seq": 4,
                "id": "another",
                "source": "t",
                "resource": "product",
                "parent_key": "",
                "key": "6",
                "version": 2,
                "kind": "updated",
                "changed": [],
                "previous": {"": 1},
                "document": lambda was: {**was, "id": 6},
                "observed_after": None,
                "observed_at": "2026-11-22T12:00:00.000001Z",
                "scan_id": "scan 2",
                "digest": "0" * 64,
                "salt": "0" * 32,
                "document_digest": "0" * 64,
                "previous_digest": "0" * 64,
            }.items()
        ),
        _in_text("change.json", '  "seq"', '  "remark": "and more", "seq"'),
        _in_json("document", None),
        _in_json("salt", None),
        _in_text("proof.tlog-proof", "index 4", "index 3"),
        _in_text("proof.tlog-proof", "index 4", "index -5"),
        _first_hash_again,
        _last_hash_away,
        _in_text("checkpoint", "\n9\n", "\n8\n"),
        _in_text("checkpoint", NAME, "example.org/mirrorpoint"),
        lambda folder: (folder / "verifier.txt").write_text(f"{other_key().verifier}\n"),
        lambda folder: (folder / "verifier.txt").write_text(""),
        lambda folder: (folder / "verifier.txt").write_text("what is this"),
        _in_text("change.json", '  "seq"', '  "seq": 6, "seq"'),
        _in_text("change.json", '"id":5', '"id": 6, "id": 5'),
        _in_text("change.json", '"id":5', '"id": 1e999999999'),
        _in_text("change.json", '"id":5', '"id": 1e-999999999'),
        _in_text("change.json", '"id":5', f'"id": {"[" * 50_000}{"]" * 50_000}'),
        _in_text("change.json", '"id":5', f'"id": {"[" * 900}{"]" * 900}'),
        _in_text("proof.tlog-proof", "\n9\n", "\n10\n"),
        _in_text("proof.tlog-proof", "\u2014 ", "\u2014  "),
        lambda folder: (folder / "change.json").write_text("{}"),
        lambda folder: (folder / "checkpoint").unlink(),
    ],
)
@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_whatever_is_altered_in_the_folder_is_noticed(
    record: Record, alter: Callable[[Path], None], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    record.log(9)
    record.prove(5)
    alter(record.folder / "proof")
    monkeypatch.setattr(sys, "argv", ["check.py"])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(record.folder / "proof" / "check.py"), run_name="__main__")
    assert (end.value.code, capsys.readouterr().out.splitlines()[-1]) == (True, "NOT OK")


def test_a_change_that_is_not_sealed_yet_is_sealed_first(record: Record) -> None:
    record.log(4)
    record.prove(2)
    record.log(3, first=5)
    assert record.prove(6, "--json", out="second").json["size"] == 7
    assert check(record.folder / "second")[0] == 0
    assert record.prove(1, "--json", out="third").json["size"] == 7, "the newest checkpoint, where one is at hand"


def test_of_an_erased_change_the_digests_are_proved_and_its_content_can_still_be_shown_to_be_the_one(
    record: Record,
) -> None:
    record.log(9)
    record.prove(5, out="before")
    record.run("UPDATE mirrorpoint_change SET document = NULL, previous = '{}', salt = NULL WHERE seq = 5")
    found = record.prove(5, out="after")
    assert (found.code, "its content was erased" in found.out) == (0, True)
    code, lines = check(record.folder / "after")
    assert (code, lines[-1]) == (0, "OK")
    assert "ok     document was erased" in lines
    assert "The content of this entry was erased" in (record.folder / "after" / "README.txt").read_text()
    before, after = (json.loads((record.folder / each / "change.json").read_text()) for each in ("before", "after"))
    assert (after["document"], after["previous"], after["salt"]) == (None, {}, None)
    (record.folder / "after" / "change.json").write_text(
        json.dumps({**after, "document": before["document"], "salt": before["salt"]})
    )
    assert check(record.folder / "after")[0] == 0
    (record.folder / "after" / "change.json").write_text(json.dumps({**after, "document": {"id": 6}}))
    assert check(record.folder / "after")[0] == 1, "content without its salt is no proof"


def test_a_deletion_is_proved_with_the_last_document(record: Record) -> None:
    gone = change(1, version=2, kind=Kind.DELETED, document=None, previous={"": ODD})
    record.log(1)
    with record.database.write() as session:
        change_log.append(session, [gone])
    record.prove(2)
    assert check(record.folder / "proof")[0] == 0
    assert json.loads((record.folder / "proof" / "change.json").read_text())["document_digest"] is None


@pytest.mark.parametrize(
    ("settings", "hint"),
    [
        ("", "give [record] a name and signing_key"),
        (f'name = "{NAME}"', 'write signing_key = "file:mirrorpoint.sign" under [record]'),
    ],
)
def test_without_a_key_it_is_refused_with_the_cure(record: Record, settings: str, hint: str) -> None:
    record.log(1)
    record.configure(settings)
    found = record.prove(1)
    assert (found.code, hint in found.err, "mirrorpoint init" in found.err) == (2, True, True)
    assert not (record.folder / "proof").exists()


def test_under_a_new_name_or_key_the_checkpoint_is_signed_anew_for_the_folder(record: Record) -> None:
    record.log(3)
    record.prove(1, out="old")
    record.configure('name = "example.org/renamed"\nsigning_key = "file:mirrorpoint.sign"')
    told = record.prove(1, "--json", out="renamed").json
    assert told["origin"] == "example.org/renamed"
    assert check(record.folder / "renamed", *told["verifiers"])[0] == 0
    (record.folder / "mirrorpoint.sign").write_text(notes.new_pem())
    assert record.prove(1, out="other").code == 0
    assert check(record.folder / "other")[0] == 0
    assert check(record.folder / "old")[0] == 0


def test_several_keys_all_sign_and_each_is_in_the_folder(record: Record) -> None:
    (record.folder / "second.sign").write_text(notes.new_pem())
    record.configure(f'name = "{NAME}"\nsigning_key = ["file:mirrorpoint.sign", "file:second.sign"]')
    record.log(2)
    assert len(record.prove(1, "--json").json["verifiers"]) == 2
    code, lines = check(record.folder / "proof")
    assert (code, sum("is signed with" in line for line in lines)) == (0, 2)


@pytest.mark.parametrize(
    ("seq", "code", "words"),
    [(4, 3, ["there is no change 4", "its last one is 3"]), (2**63 - 1, 3, ["there is no change"]), (0, 2, ["SEQ"])],
)
def test_a_number_that_is_not_there_is_said_to_be(record: Record, seq: int, code: int, words: Sequence[str]) -> None:
    record.log(3)
    found = record.prove(seq)
    assert (found.code, [word in found.err for word in words]) == (code, [True] * len(words))
    assert not (record.folder / "proof").exists()


def test_an_empty_log_has_nothing_to_prove(record: Record) -> None:
    assert (record.prove(1).code, "it is empty" in record.prove(1).err) == (3, True)


@pytest.mark.parametrize(
    ("alteration", "words"),
    [
        ("UPDATE mirrorpoint_change SET key = '99' WHERE seq = 2", "change 2: it does not match its digest"),
        ("UPDATE mirrorpoint_change SET document = '{}' WHERE seq = 2", "its document does not match the digest"),
        ("UPDATE mirrorpoint_change SET previous = '{\"\":1}' WHERE seq = 2", "its previous values do not match"),
        ("UPDATE mirrorpoint_change SET document = NULL WHERE seq = 2", "its document does not match the digest"),
        ("UPDATE mirrorpoint_change SET salt = NULL WHERE seq = 2", "its document does not match the digest"),
        ("UPDATE mirrorpoint_change SET salt = 'x' WHERE seq = 2", "its salt is none"),
        ("UPDATE mirrorpoint_change SET digest = 'x' WHERE seq = 3", "it is not in the tree"),
        ("DELETE FROM mirrorpoint_change WHERE seq = 2", "change 2 is missing in the log"),
        ("DELETE FROM mirrorpoint_change WHERE seq = 3", "number 3 is missing"),
        ("UPDATE mirrorpoint_seal SET checkpoint = 'what is this'", "the newest checkpoint has no empty line"),
    ],
)
def test_what_was_altered_is_not_proved_and_the_exit_code_says_so(record: Record, alteration: str, words: str) -> None:
    record.log(4)
    record.prove(1, out="first")
    record.run(alteration)
    found = record.prove(2)
    assert (found.code, words in found.err) == (6, True), found.err
    assert not (record.folder / "proof").exists()


def test_a_folder_that_is_not_empty_is_left_as_it_is_and_an_empty_one_is_used(record: Record) -> None:
    record.log(1)
    folder = record.folder / "proof"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    assert (record.prove(1).code, [path.name for path in folder.iterdir()]) == (2, ["mine.txt"])
    (folder / "mine.txt").unlink()
    assert record.prove(1).code == 0
    assert check(folder)[0] == 0
    (record.folder / "file").write_text("a file")
    assert (record.prove(1, out="file").code, record.prove(1, out="none/proof").code) == (2, 2)


def test_a_disk_that_takes_no_more_leaves_nothing_half_done(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    record.log(1)
    written: list[str] = []

    def full(descriptor: int) -> None:
        written.append("one")
        if len(written) == 3:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    before = sorted(path.name for path in record.folder.iterdir())
    found = record.prove(1)
    assert (found.code, "No space left on device" in found.err) == (2, True)
    assert sorted(path.name for path in record.folder.iterdir()) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_the_right_to_write_is_told(record: Record) -> None:
    record.log(1)
    locked = record.folder / "locked"
    locked.mkdir(mode=0o500)
    found = record.prove(1, out="locked/proof")
    assert (found.code, "cannot be written: Permission denied" in found.err) == (2, True)


def test_a_log_that_is_sealed_can_be_proved_by_who_may_only_read(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    from worker import bootstrap

    record.log(2)
    record.prove(1, out="first")
    monkeypatch.setattr(bootstrap, "open_database", lambda *_, **__: pytest.fail("it is opened for writing"))
    assert record.prove(2).code == 0
