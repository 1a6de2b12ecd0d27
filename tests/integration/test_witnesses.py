"""A witness cosigns a log that grows, refuses one that was rewritten, and whatever else it does is told."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from record import notes, witnessing
from storage import kept
from storage.engine import Database
from storage.seals import Log
from tasks.record import cosigning
from tests.integration.archive import DAY, NAME, Archive
from tests.integration.scripted_server import closed_port
from tests.witness_server import Said, WitnessServer
from webhooks.exchange import Asker

#: What goes wrong there has nothing to do with the kind of database.
on_sqlite = pytest.mark.parametrize("dialect", ["sqlite"])
UNKNOWN = "it does not know this log: give it our origin and verifier key, or correct its address"
ELSEWHERE = "https://other.example/add-checkpoint"
SIZE = "text/x.tlog.size"


@pytest.fixture
def witness() -> Iterator[WitnessServer]:
    with WitnessServer() as running:
        yield running


@pytest.fixture
def archive(database: Database, witness: WitnessServer) -> Archive:
    made = Archive(database, f"witness:{witness.url}#{witness.key}")
    for log in Log:
        witness.trusts(made.signer.origin(log), str(made.signer.verifiers(log)[0]))
    return made


def keep(archive: Archive, days: int = 1) -> str | None:
    """After a day; the error of what came of it."""
    archive.now += days * DAY
    before = len(archive.rows())
    archive.keep()
    assert len(archive.rows()) > before
    return archive.rows()[-1].error


def test_a_log_that_grows_is_cosigned_and_the_whole_note_is_kept(archive: Archive, witness: WitnessServer) -> None:
    key = witnessing.WitnessKey.parse(witness.key)
    for number, more in enumerate((1, 6, 1, 300, 500), 1):
        archive.change(more)
        assert keep(archive) is None
        row = archive.rows()[-1]
        receipt = notes.parse(row.receipt or "")
        assert (receipt.text, len(receipt.signatures)) == (notes.parse(archive.note(row.size)).text, 2)
        assert archive.signer.verifiers(Log.CHANGES)[0].has_signed(receipt)
        assert key.cosigned_at(receipt) == pytest.approx(time.time(), abs=60)
        assert len(witness.asked) == number
    assert witness.sizes == [0, 1, 7, 8, 308], "it is sent what it has cosigned last"


def test_both_logs_are_cosigned_each_under_its_name(archive: Archive, witness: WitnessServer) -> None:
    archive.change(2)
    archive.act()
    archive.keep()
    assert archive.told() == [("changes", 2, None), ("actions", 2, None)]
    assert {origin: size for origin, (size, _) in witness.known.items()} == {NAME: 2, f"{NAME}/actions": 2}


def test_no_transaction_waits_for_its_answer(archive: Archive, witness: WitnessServer) -> None:
    archive.change(2)
    witness.before = archive.change  # on SQLite nobody else could write while a transaction does
    began = time.monotonic()
    assert keep(archive) is None
    assert time.monotonic() - began < 10


def test_a_log_that_was_rewritten_is_refused_and_that_is_told_loudly(
    archive: Archive, witness: WitnessServer, capsys: pytest.CaptureFixture[str]
) -> None:
    archive.change(5)
    assert keep(archive) is None
    archive.change(2)
    archive.rewrite(3)
    error = keep(archive) or ""
    assert error.startswith(f"{kept.CONTRADICTED}: it has cosigned other rows than are here now (it answers 422")
    assert "head_contradicted" in capsys.readouterr().out
    assert witness.known[NAME][0] == 5


def test_a_rewritten_log_of_the_same_length_is_refused(archive: Archive, witness: WitnessServer) -> None:
    archive.change(5)
    assert keep(archive) is None
    archive.rewrite(5)
    with archive.database.write() as session:
        session.execute("DELETE FROM mirrorpoint_kept")
    assert (keep(archive) or "").startswith(kept.CONTRADICTED)
    assert witness.sizes == [0, 0, 5]


def test_a_witness_that_has_cosigned_more_than_is_written_down_here_is_followed(
    archive: Archive, witness: WitnessServer
) -> None:
    archive.change(3)
    assert keep(archive) is None
    with archive.database.write() as session:  # as after a process that was killed before it could write it down
        session.execute("DELETE FROM mirrorpoint_kept")
    archive.change(2)
    assert keep(archive) is None
    assert witness.sizes == [0, 0, 3]


def test_a_witness_that_knows_more_than_is_here_says_that_rows_are_missing(
    archive: Archive, witness: WitnessServer
) -> None:
    archive.change(5)
    assert keep(archive) is None
    with archive.database.write() as session:  # an older copy of the database
        for table, column in (("change", "seq"), ("seal", "size"), ("kept", "size")):
            session.execute(f"DELETE FROM mirrorpoint_{table} WHERE {column} > 3")
    assert (keep(archive) or "") == (
        f"{kept.CONTRADICTED}: it has cosigned 5 rows of this log, and only 3 are here: rows are missing, "
        "or another installation has the same name and key"
    )


def test_another_name_begins_a_new_log_there(archive: Archive, witness: WitnessServer) -> None:
    archive.change(3)
    assert keep(archive) is None
    named = type(archive.signer)("example.org/other", archive.signer.keys)
    witness.trusts(named.origin(Log.CHANGES), str(named.verifiers(Log.CHANGES)[0]))
    archive.set(signer=named)
    archive.change()
    assert keep(archive) is None
    assert (witness.sizes, witness.known["example.org/other"][0]) == ([0, 3, 0], 4)


@on_sqlite
def test_without_its_key_what_it_says_is_kept_as_it_says_it(archive: Archive, witness: WitnessServer) -> None:
    archive.set(keep=(f"witness:{witness.url}/",))
    witness.answers = [Said(200, "— witness.example/w1 AAAAAAAA\n".encode())]
    archive.change()
    assert keep(archive) is None
    assert (archive.rows()[-1].receipt or "").endswith("— witness.example/w1 AAAAAAAA\n")


@on_sqlite
def test_lines_of_other_keys_are_left_out_where_its_key_is_known(archive: Archive, witness: WitnessServer) -> None:
    archive.change()
    archive.now += DAY
    archive.keep()
    text = notes.parse(archive.note(1)).text
    lines = "— other.example/w2 AAAAAAAA\n" + witness.cosigned(text)
    asker = Asker(threading.Event())
    witness.answers = [Said(200, lines.encode())]
    found = cosigning.parse(f"{witness.url}#{witness.key}")
    cosigned = cosigning.cosign(archive.database, asker, found, Log.CHANGES, note=archive.note(1), old_size=0)
    assert [each.name for each in notes.parse(cosigned).signatures] == [NAME, "witness.example/w1"]


@on_sqlite
@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ([Said(403, b"no")], "it does not accept the signature: give it our verifier key (it answers 403: no)"),
        ([Said(404, b"who?")], f"{UNKNOWN} (it answers 404: who?)"),
        ([Said(400, b"bad \x1b[31mproof")], "it answers 400: bad [31mproof"),
        ([Said(500)], "it answers 500"),
        ([Said(503, b"<html>later</html>")], "it answers 503: <html>later</html>"),
        (
            [Said(308, location=ELSEWHERE)],
            f"it leads elsewhere to {ELSEWHERE} (308), and that is not followed: write the address itself",
        ),
        ([Said(409, b"7\n")], "it answers 409 and does not say which size it knows: 7"),
        ([Said(409, b"seven\n", SIZE)], "it answers 409 and does not say which size it knows: seven"),
        ([Said(409, b"0\n", SIZE)], "it answers 409, and names the size of 0 that it was sent"),
        (
            [Said(409, b"1\n", SIZE), Said(409, b"2\n", SIZE)],
            "it names another size each time: somebody else sends it this log as well",
        ),
        ([Said(200, b"thanks\n")], "its answer has a line that is no signature: 'thanks'"),
        ([Said(200, b"\xff\n")], "its answer is no text"),
        ([Said(200, b"")], "its answer does not end with a line's end"),
        ([Said(200, b"x" * 300_000)], "its answer is larger than 262,144 bytes"),
    ],
)
def test_whatever_else_it_answers_is_told(
    archive: Archive, witness: WitnessServer, answers: list[Said], error: str
) -> None:
    archive.change(3)
    witness.answers = list(answers)
    assert keep(archive) == error
    assert keep(archive) is None, "it is tried again"


@on_sqlite
def test_a_cosignature_by_another_key_is_not_kept(archive: Archive, witness: WitnessServer) -> None:
    with WitnessServer() as other:
        archive.set(keep=(f"witness:{witness.url}#{other.key}",))
        archive.change()
        assert keep(archive) == (
            "its cosignature is not by the key of the configuration, or is wrong (signed by witness.example/w1)"
        )
    assert archive.rows()[-1].receipt is None


@on_sqlite
@pytest.mark.parametrize("what", ["another checkpoint", "no time"])
def test_a_cosignature_that_is_wrong_is_not_kept(archive: Archive, witness: WitnessServer, what: str) -> None:
    archive.change()
    archive.keep()
    text = notes.parse(archive.note(1)).text
    archive.change()
    wrong = witness.cosigned(text) if what == "another checkpoint" else None

    def take(body: str) -> Said:
        checkpoint = body.partition("\n\n")[2].partition("\n\n")[0] + "\n"
        return Said(200, (wrong or witness.cosigned(checkpoint, at=0)).encode())

    witness.take = take
    assert (keep(archive) or "").startswith("its cosignature is not by the key of the configuration, or is wrong")


@on_sqlite
def test_a_witness_that_is_not_there_is_told(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def look_up(host: str, *more: Any, **others: Any) -> Any:
        if host == "no-such-name.invalid":
            raise socket.gaierror(-2, "Name or service not known")
        return real(host, *more, **others)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with closed_port() as port:
        archive.set(keep=(f"witness:http://127.0.0.1:{port}", "witness:http://no-such-name.invalid"))
        archive.change()
        assert keep(archive) == "the name no-such-name.invalid cannot be looked up"
    assert archive.rows()[0].error == "no connection: connection refused"


@on_sqlite
def test_a_witness_that_does_not_speak_tls_is_told(archive: Archive, witness: WitnessServer) -> None:
    archive.set(keep=(f"witness:{witness.url.replace('http:', 'https:')}",))
    archive.change()
    assert (keep(archive) or "").startswith("TLS failed")


@on_sqlite
def test_a_witness_that_does_not_answer_is_given_up_and_the_end_of_the_process_does_not_wait_for_it(
    archive: Archive, witness: WitnessServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    end, asked = threading.Event(), threading.Event()

    def hang() -> None:
        asked.set()
        end.wait(60)

    witness.before = hang
    archive.change()
    monkeypatch.setattr("tasks.record.places.asker", lambda services: Asker(services.stopping, seconds=0.3))
    assert keep(archive) == "no answer within 0.3 s"
    monkeypatch.setattr("tasks.record.places.asker", lambda services: Asker(services.stopping, seconds=60))
    asked.clear()
    archive.now += timedelta(days=1)
    before = len(archive.rows())
    keeper = threading.Thread(target=archive.keep)
    keeper.start()
    assert asked.wait(30)
    began = time.monotonic()
    archive.services.stopping.set()
    keeper.join(30)
    assert time.monotonic() - began < 5
    assert len(archive.rows()) == before, "what was not answered says nothing"
    end.set()
