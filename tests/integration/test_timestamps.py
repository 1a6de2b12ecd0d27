"""Heads are stamped with the time by an authority, and other people's tools accept the stamps."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import rfc3161_client
from cryptography import x509

from storage.engine import Database
from storage.seals import Log
from tests.integration.archive import DAY, Archive
from tests.timestamp_authority import TimestampAuthority
from webhooks import timestamping

on_sqlite = pytest.mark.parametrize("dialect", ["sqlite"])


@pytest.fixture(scope="module")
def running() -> Iterator[TimestampAuthority]:
    with TimestampAuthority() as authority:
        yield authority


@pytest.fixture
def authority(running: TimestampAuthority) -> TimestampAuthority:
    running.reset()
    return running


@pytest.fixture
def archive(database: Database, authority: TimestampAuthority) -> Archive:
    made = Archive(database, f"timestamp:{authority.url}")
    made.change(3)
    return made


def error(archive: Archive) -> str | None:
    archive.keep()
    (row,) = archive.rows()
    assert (row.receipt is None) == (row.error is not None)
    return row.error


def test_the_stamps_of_both_logs_are_kept(archive: Archive, authority: TimestampAuthority) -> None:
    archive.act()
    archive.keep()
    assert archive.told() == [("changes", 3, None), ("actions", 2, None)]
    for row, request in zip(archive.rows(), authority.requests, strict=True):
        imprint = request["message_imprint"]
        assert imprint["hash_algorithm"]["algorithm"].native == "sha256"
        assert (
            imprint["hashed_message"].native == hashlib.sha256(archive.note(row.size, Log(row.log)).encode()).digest()
        )
        assert (request["cert_req"].native, request["nonce"].native > 2**32) == (True, True)
    assert authority.requests[0]["nonce"].native != authority.requests[1]["nonce"].native


def test_the_library_accepts_what_is_kept_and_nothing_else(archive: Archive, authority: TimestampAuthority) -> None:
    assert error(archive) is None
    token = base64.b64decode(archive.rows()[0].receipt or "")
    root = x509.load_pem_x509_certificate(authority.root_pem)
    verifier = rfc3161_client.VerifierBuilder().add_root_certificate(root).build()
    stamp = rfc3161_client.decode_timestamp_response(authority.around(token))
    assert verifier.verify_message(stamp, archive.note(3).encode())
    with pytest.raises(rfc3161_client.VerificationError):
        verifier.verify_message(stamp, archive.note(3).encode() + b"\n")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl on this machine")
def test_openssl_accepts_what_is_kept_and_nothing_else(
    archive: Archive, authority: TimestampAuthority, tmp_path: Path
) -> None:
    assert error(archive) is None
    (tmp_path / "head.tst").write_bytes(base64.b64decode(archive.rows()[0].receipt or ""))
    (tmp_path / "head.note").write_bytes(archive.note(3).encode())
    (tmp_path / "other.note").write_bytes(archive.note(3).encode() + b"\n")
    (tmp_path / "authority.pem").write_bytes(authority.root_pem)

    def verify(data: str) -> int:
        command = f"openssl ts -verify -data {data} -in head.tst -token_in -CAfile authority.pem"
        return subprocess.run(command.split(), cwd=tmp_path, capture_output=True).returncode

    assert verify("head.note") == 0
    assert verify("other.note") != 0


@on_sqlite
@pytest.mark.parametrize(
    ("twist", "told"),
    [
        (
            lambda digest, nonce: (bytes(32), nonce),
            "its stamp is over something else than what was sent",
        ),
        (
            lambda digest, nonce: (digest, nonce + 1),
            "its stamp has not the nonce that was sent: it may be an old one",
        ),
        (
            lambda digest, nonce: (digest, None),
            "its stamp has not the nonce that was sent: it may be an old one",
        ),
    ],
    ids=["another digest", "another nonce", "no nonce"],
)
def test_a_stamp_that_is_not_ours_is_not_kept(
    archive: Archive, authority: TimestampAuthority, twist: object, told: str
) -> None:
    authority.twist = twist
    assert error(archive) == told


@on_sqlite
def test_a_refusal_is_told_in_the_authority_s_words_and_tried_again(
    archive: Archive, authority: TimestampAuthority
) -> None:
    authority.rejection = "the policy is not ours"
    assert error(archive) == "it gives no stamp: the policy is not ours"
    authority.rejection = None
    archive.now += DAY
    archive.keep()
    assert [row.error for row in archive.rows()][1:] == [None]


@on_sqlite
def test_its_words_are_told_in_a_line_that_no_terminal_obeys(archive: Archive, authority: TimestampAuthority) -> None:
    authority.rejection = "no\x9b31m\n" * 10_000
    told = error(archive) or ""
    assert told.startswith("it gives no stamp: no 31m no 31m")
    assert (len(told), told[-1]) == (501, "…")


@on_sqlite
@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((200, b"<html>hello</html>"), "its answer is no time stamp (text/plain)"),
        ((200, b""), "its answer is no time stamp (text/plain)"),
        ((503, b"later\n"), "it answers 503: later"),
    ],
    ids=["a page", "nothing", "busy"],
)
def test_an_answer_that_is_no_stamp_is_told(
    archive: Archive, authority: TimestampAuthority, answer: tuple[int, bytes], told: str
) -> None:
    authority.answer = answer
    assert error(archive) == told


@on_sqlite
def test_without_the_library_the_command_that_installs_it_is_told(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(timestamping, "find_spec", lambda name: None if name == "rfc3161_client" else real(name))
    assert error(archive) == ("time stamps need a library that is not installed: pip install 'mirrorpoint[timestamp]'")
