"""What others have written judges our checkpoints and proofs: PyPI `aics-tlog` verifies, `aics-witness` cosigns.

They want Python 3.12 or later, and are no dependencies. They are looked for on the PATH and beside this Python, or in
the folder that MIRRORPOINT_TEST_JUDGES names; where they are not, there is nobody to judge.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from record import checkpoints, notes, tree, witnessing
from record.checkpoints import Checkpoint
from record.notes import Note, NoteError, SigningKey
from record.witnessing import WitnessKey
from tests import waiting

_PLACES = os.pathsep.join(
    (os.environ.get("MIRRORPOINT_TEST_JUDGES", ""), str(Path(sys.executable).parent), os.environ.get("PATH", ""))
)
VERIFIER, WITNESS = (shutil.which(name, path=_PLACES) for name in ("aics-tlog", "aics-witness"))
NAME = "backoffice.example.com/mirrorpoint"
WITNESS_NAME = "witness.example.com/w1"
#: The digests of a log, as they are its leaf data.
DIGESTS = [hashlib.sha256(f"change {number}".encode()).hexdigest().encode() for number in range(70_000)]
#: Across parts of 256 leaves and of 65,536.
SIZES = (1, 7, 256, 257, 700, 65_536, 70_000)


pytestmark = pytest.mark.skipif(
    VERIFIER is None or WITNESS is None, reason="aics-tlog and aics-witness are not installed"
)


class Log:
    """A log as it is kept: the hashes of leaves, and the parts that a growing tree has told to be complete."""

    def __init__(self, digests: Sequence[bytes]) -> None:
        self._leaves = [tree.leaf_hash(each) for each in digests]
        growing = tree.Growing()
        growing.add(self._leaves)
        self._parts = {(level, number): found for level, number, found in growing.complete}
        self.key = SigningKey.from_pem(notes.new_pem(), name=NAME)

    def leaves(self, start: int, end: int) -> Sequence[bytes]:
        return self._leaves[start:end]

    def roots(self, level: int, start: int, end: int) -> Sequence[bytes]:
        return [self._parts[level, number] for number in range(start, end)]

    def root(self, size: int) -> bytes:
        return tree.root(self, size)

    def checkpoint(self, size: int, *extensions: str) -> Note:
        return notes.signed(str(Checkpoint(NAME, size, self.root(size), extensions)), [self.key])


@functools.cache
def log() -> Log:
    return Log(DIGESTS)


@functools.cache
def rewritten() -> Log:
    """The same log, with another change at its beginning, signed with the same key."""
    other = Log([b"0" * 64, *DIGESTS[1:700]])
    other.key = log().key
    return other


def text(value: bytes) -> str:
    return base64.b64encode(value).decode()


class Verifier:
    """The command of `aics-tlog`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def file(self, name: str, content: str) -> str:
        (self.folder / name).write_text(content)
        return str(self.folder / name)

    def accepts(self, *arguments: str) -> bool:
        done = subprocess.run([str(VERIFIER), *arguments], capture_output=True, text=True, timeout=60)
        told: dict[str, Any] = json.loads(done.stdout)
        assert told["ok"] is (done.returncode == 0), done.stderr
        return bool(told["ok"])

    def accepts_inclusion(self, digest: bytes, index: int, size: int, proof: Sequence[bytes]) -> bool:
        leaf = self.file("leaf", digest.decode())
        lines = self.file("proof", "".join(f"{text(each)}\n" for each in proof))
        place = ["--index", str(index), "--size", str(size), "--root", text(log().root(size))]
        return self.accepts("verify-inclusion", "--leaf", leaf, *place, "--proof", lines)

    def accepts_consistency(self, old: int, new: int, proof: Sequence[bytes], *, root: bytes) -> bool:
        lines = self.file("proof", "".join(f"{text(each)}\n" for each in proof))
        sizes = ["--old-size", str(old), "--new-size", str(new), "--old-root", text(root)]
        return self.accepts("verify-consistency", *sizes, "--new-root", text(log().root(new)), "--proof", lines)


@pytest.fixture
def verifier(tmp_path: Path) -> Verifier:
    return Verifier(tmp_path)


@pytest.mark.parametrize("size", SIZES)
def test_a_checkpoint_of_ours_is_accepted_and_an_altered_one_refused(verifier: Verifier, size: int) -> None:
    written = str(log().checkpoint(size))
    key = ["--log-key", str(log().key.verifier), "--origin", NAME]

    assert verifier.accepts("verify-checkpoint", "--note", verifier.file("note", written), *key)
    altered = verifier.file("note", written.replace(f"\n{size}\n", f"\n{size + 1}\n"))
    assert not verifier.accepts("verify-checkpoint", "--note", altered, *key)


@pytest.mark.parametrize(("index", "size"), [(0, 1), (6, 7), (255, 256), (256, 257), (3, 700), (65_535, 70_000)])
def test_a_proof_of_inclusion_of_ours_is_accepted_and_that_of_another_row_refused(
    verifier: Verifier, index: int, size: int
) -> None:
    proof = tree.inclusion(log(), index, size)

    assert verifier.accepts_inclusion(DIGESTS[index], index, size, proof)
    assert not verifier.accepts_inclusion(DIGESTS[index + 1], index, size, proof)


@pytest.mark.parametrize(("old", "new"), [(1, 7), (7, 256), (256, 257), (257, 700), (700, 65_536), (65_536, 70_000)])
def test_a_proof_of_consistency_of_ours_is_accepted_and_another_past_refused(
    verifier: Verifier, old: int, new: int
) -> None:
    proof = tree.consistency(log(), old, new)

    assert verifier.accepts_consistency(old, new, proof, root=log().root(old))
    assert not verifier.accepts_consistency(old, new, proof, root=hashlib.sha256(b"another past").digest())


class Witness:
    """A running `aics-witness`."""

    def __init__(self, url: str, key: WitnessKey) -> None:
        self.url, self.key = url, key

    def ask(self, old_size: int, proof: Sequence[bytes], checkpoint: Note) -> httpx.Response:
        body = witnessing.request(old_size=old_size, proof=proof, checkpoint=checkpoint)
        return httpx.post(f"{self.url}/add-checkpoint", content=body.encode(), trust_env=False, timeout=30)

    def cosign(self, old_size: int, proof: Sequence[bytes], checkpoint: Note) -> Note:
        answer = self.ask(old_size, proof, checkpoint)
        assert answer.status_code == 200, answer.text
        return Note(checkpoint.text, (*checkpoint.signatures, *witnessing.answered(answer.text)))


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Witness]:
    config = ["--config", str(tmp_path / "witness.json")]

    def told(*arguments: str) -> str:
        command = [str(WITNESS), arguments[0], *config, *arguments[1:]]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout

    key = WitnessKey.parse(told("init", "--name", WITNESS_NAME, "--listen", "127.0.0.1:0"))
    told("add-log", "--origin", NAME, "--vkey", str(log().key.verifier))
    said = tmp_path / "said"
    with said.open("w") as output:
        served = subprocess.Popen([str(WITNESS), "serve", *config], stderr=output)
    try:
        url = waiting.until(lambda: re.search(r"listening on (http://\S+)", said.read_text()), what=said.read_text)
        yield Witness(url.group(1), key)
    finally:
        served.send_signal(signal.SIGTERM)
        served.wait(30)


def test_a_witness_cosigns_a_log_that_grows(witness: Witness, verifier: Verifier) -> None:
    old = 0
    for size in SIZES:
        cosigned = witness.cosign(old, tree.consistency(log(), old, size), log().checkpoint(size))
        assert witness.key.cosigned_at(cosigned)
        assert witness.key.cosigned_at(notes.parse(str(cosigned))) == witness.key.cosigned_at(cosigned)
        assert checkpoints.opened(cosigned, [log().key.verifier]).size == size
        keys = ["--log-key", str(log().key.verifier), "--witness-key", str(witness.key), "--quorum", "1"]
        assert verifier.accepts("verify-checkpoint", "--note", verifier.file("note", str(cosigned)), *keys)
        old = size


def test_a_witness_refuses_a_log_that_was_rewritten(witness: Witness) -> None:
    witness.cosign(0, [], log().checkpoint(257))
    proof = tree.consistency(rewritten(), 257, 700)

    assert witness.ask(257, proof, rewritten().checkpoint(700)).status_code == 422
    assert witness.ask(257, [], rewritten().checkpoint(257)).status_code == 422
    witness.cosign(257, tree.consistency(log(), 257, 700), log().checkpoint(700))


def test_a_witness_says_up_to_where_it_has_cosigned(witness: Witness) -> None:
    witness.cosign(0, [], log().checkpoint(257))
    answer = witness.ask(0, [], log().checkpoint(700))

    assert (answer.status_code, answer.text) == (409, "257\n")
    assert answer.headers["Content-Type"].startswith("text/x.tlog.size")
    with pytest.raises(NoteError):
        witnessing.answered(answer.text)


def test_a_witness_refuses_a_checkpoint_that_another_key_has_signed(witness: Witness) -> None:
    other = SigningKey.from_pem(notes.new_pem(), name=NAME)

    assert witness.ask(0, [], notes.signed(log().checkpoint(7).text, [other])).status_code == 403
    twice = notes.signed(log().checkpoint(7).text, [other, log().key])
    assert witness.key.cosigned_at(witness.cosign(0, [], twice))
