"""Programs of others accept our checkpoints and proofs, and a witness of others cosigns and refuses as ours does.

They are `aics-tlog` and `aics-witness` of PyPI, which want Python 3.12. They are looked for on the PATH and beside this
Python, or where MIRRORPOINT_TEST_JUDGES says; where they are not, these tests are skipped.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from record import notes, tree
from storage import history, kept
from storage.engine import Database
from storage.seals import Log
from tasks.record import sealing
from tasks.record.log_hashes import LogHashes
from tests import waiting
from tests.integration.archive import DAY, NAME, Archive
from tests.integration.scripted_server import closed_port

_PLACES = os.pathsep.join(
    (os.environ.get("MIRRORPOINT_TEST_JUDGES", ""), str(Path(sys.executable).parent), os.environ.get("PATH", ""))
)
VERIFIER, WITNESS = (shutil.which(name, path=_PLACES) for name in ("aics-tlog", "aics-witness"))
pytestmark = [
    pytest.mark.skipif(VERIFIER is None or WITNESS is None, reason="aics-tlog and aics-witness are not installed"),
    pytest.mark.parametrize("dialect", ["sqlite"]),
]


@pytest.fixture
def archive(database: Database) -> Archive:
    """Its logs are sealed."""
    made = Archive(database)
    for number in (1, 6, 300, 900):
        made.change(number)
        sealing.seal_all(database, made.signer, now=made.now)
    return made


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, cwd=folder, capture_output=True, text=True, timeout=60)


def verified(folder: Path, command: str, *arguments: str) -> dict[str, Any]:
    found = run(str(VERIFIER), command, *arguments, folder=folder)
    assert found.stdout, found.stderr
    told: dict[str, Any] = json.loads(found.stdout)
    assert (found.returncode == 0) == told["ok"]
    return told


def encoded(hashes: Sequence[bytes]) -> str:
    return "".join(f"{base64.b64encode(each).decode()}\n" for each in hashes)


def test_the_verifier_accepts_that_a_change_is_in_the_log_and_at_no_other_place(
    archive: Archive, tmp_path: Path
) -> None:
    with archive.database.read() as session:
        hashes = LogHashes(session, Log.CHANGES)
        root, proof = tree.root(hashes, 1207), tree.inclusion(hashes, 700, 1207)
        (tmp_path / "leaf").write_text(history.read(session, after_seq=700, limit=1)[0].digest)
    (tmp_path / "proof").write_text(encoded(proof))
    of = ("--leaf", "leaf", "--size", "1207", "--root", base64.b64encode(root).decode(), "--proof", "proof")
    assert verified(tmp_path, "verify-inclusion", "--index", "700", *of)["ok"]
    assert not verified(tmp_path, "verify-inclusion", "--index", "701", *of)["ok"]


def test_the_verifier_accepts_that_a_log_has_grown_and_out_of_no_other(archive: Archive, tmp_path: Path) -> None:
    with archive.database.read() as session:
        hashes = LogHashes(session, Log.CHANGES)
        older, newer = (base64.b64encode(tree.root(hashes, size)).decode() for size in (307, 1207))
        (tmp_path / "proof").write_text(encoded(tree.consistency(hashes, 307, 1207)))
    of = ("--new-size", "1207", "--old-root", older, "--new-root", newer, "--proof", "proof")
    assert verified(tmp_path, "verify-consistency", "--old-size", "307", *of)["ok"]
    assert not verified(tmp_path, "verify-consistency", "--old-size", "306", *of)["ok"]


@contextmanager
def witness(folder: Path, archive: Archive) -> Iterator[str]:
    """A place for `keep`: the witness that trusts our keys, with its own."""
    with closed_port() as port:
        address = f"127.0.0.1:{port}"
    begun = (str(WITNESS), "init", "--config", "witness.json", "--name", "witness.example/w1", "--listen", address)
    made = run(*begun, "--db", "witness.db", "--key-file", "witness.key", folder=folder)
    key = next(word for word in made.stdout.split() if word.startswith("witness.example/w1+"))
    for log in Log:
        trusted = ("--origin", archive.signer.origin(log), "--vkey", str(archive.signer.verifiers(log)[0]))
        assert run(str(WITNESS), "add-log", "--config", "witness.json", *trusted, folder=folder).returncode == 0
    with (folder / "witness.out").open("w") as out:
        serving = (str(WITNESS), "serve", "--config", "witness.json")
        process = subprocess.Popen(serving, cwd=folder, stdout=out, stderr=out)
    try:
        waiting.until(lambda: is_well(address), what=(folder / "witness.out").read_text)
        yield f"witness:http://{address}#{key}"
    finally:
        process.terminate()
        process.wait(30)


def is_well(address: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"http://{address}/healthz", timeout=5) as answer:
        return answer.status == 200
    return False


def test_the_witness_cosigns_a_log_that_grows_the_verifier_accepts_it_and_a_rewritten_one_is_refused(
    database: Database, tmp_path: Path
) -> None:
    archive = Archive(database)
    with witness(tmp_path, archive) as place:
        archive.set(keep=(place,))
        for number in (1, 6, 300, 900):
            archive.change(number)
            archive.act()
            archive.now += DAY
            archive.keep()
        assert [row.error for row in archive.rows()] == [None] * 8
        receipt = [row.receipt for row in archive.rows() if row.log == "changes"][-1] or ""
        (tmp_path / "cosigned.note").write_text(receipt)
        (tmp_path / "log.vkey").write_text(f"{archive.signer.verifiers(Log.CHANGES)[0]}\n")
        keys = ("--vkey-file", "log.vkey", "--witness-key", place.partition("#")[2], "--quorum", "1")
        told = verified(tmp_path, "verify-checkpoint", "--note", "cosigned.note", "--origin", NAME, *keys)
        assert (told["size"], told["cosignatures"]) == (1207, 1)
        assert notes.parse(receipt).text == notes.parse(archive.note(1207)).text
        archive.rewrite(5)
        archive.change()
        archive.now += DAY
        archive.keep()
        assert (archive.rows()[-1].error or "").startswith(kept.CONTRADICTED)
