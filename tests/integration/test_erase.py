"""`erase` takes the content of one record out of everything; every proof and every other record stays as it was."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from changes import fingerprint
from changes.records import Id
from storage import erased_postgresql, erased_sqlite, erasures, leases, outbox, sqlite_files
from storage.states import DeliveryState
from tasks import erasing
from tasks.scan.slice import scan_slice
from tests.integration import erasable
from tests.integration.erasable import NEEDLE, Erasable, person, thing
from tests.integration.scripted_server import Reply


@pytest.fixture
def shop(tmp_path: Path, database_url: str, capsys: pytest.CaptureFixture[str]) -> Iterator[Erasable]:
    with erasable.opened(tmp_path, database_url, capsys) as made:
        yield made


def scanned_twice(shop: Erasable) -> None:
    """Three things; of the second there are two versions."""
    shop.has(thing(1), person(2), thing(3))
    shop.scan()
    shop.has(thing(1), person(2, size=22), thing(3))
    shop.scan()


def test_the_content_of_all_versions_goes_and_everything_else_stays(shop: Erasable) -> None:
    scanned_twice(shop)
    before, others = shop.log("2"), [shop.row("1"), shop.row("3")]
    root = shop.assert_proved()
    found = shop.erase("2", "--yes", "--json")
    assert found.code == 0, found.err
    assert shop.assert_proved() == root
    assert shop.verified() == 2
    after = shop.log("2")
    assert [(row.salt, row.document, row.previous) for row in after] == [(None, None, {})] * 2
    kept = ("seq", "id", "key", "version", "kind", "changed", "observed_after", "observed_at", "scan_id")
    digests = ("digest", "document_digest", "previous_digest")
    for name in (*kept, *digests):
        assert [getattr(row, name) for row in after] == [getattr(row, name) for row in before]
    assert [shop.row("1"), shop.row("3")] == others
    row = shop.row("2")
    assert {
        name: row[name] for name in ("name", "size", "price", "sold", "since", "tags", "document")
    } == dict.fromkeys(("name", "size", "price", "sold", "since", "tags", "document"))
    assert (row["fingerprint"], row["version"], row["deleted_at"]) == (fingerprint.ERASED, 2, None)
    told = found.json
    assert (told["done"], told["versions"], told["erased"], told["left"]) == (True, 2, 2, [])
    assert told["living"] is True


def test_the_erasure_is_on_record_with_its_reason(shop: Erasable) -> None:
    scanned_twice(shop)
    shop.erase("2", "--yes")
    intent, outcome = shop.actions()
    assert (intent.what, intent.how, intent.target) == ("erase", "command", "shop:things/2")
    assert intent.arguments == {
        "source": "shop",
        "resource": "things",
        "parent_key": "",
        "key": "2",
        "reason": "asked for",
        "last_seq": 4,
    }
    assert (outcome.of, outcome.outcome) == (intent.id, "done: versions erased: 2, deliveries skipped: 2")


def files_of(shop: Erasable, dialect: str) -> dict[str, bytes]:
    """All files in which the database keeps its tables."""
    if dialect == "sqlite":
        shop.services.database.dispose()
        return {
            path.name: path.read_bytes() for path in shop.folder.iterdir() if path.name.startswith("mirrorpoint.db")
        }
    with psycopg.connect(shop._url, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        row = connection.execute(
            "SELECT current_setting('data_directory'), oid FROM pg_database WHERE datname = current_database()"
        ).fetchone()
        assert row is not None
    folder = Path(row[0]) / "base" / str(row[1])
    if not folder.is_dir():
        pytest.skip("the server's files are on another machine")
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_nothing_of_the_content_is_left_in_the_files(
    shop: Erasable, dialect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if dialect == "sqlite":  # some builds overwrite what they free, others do not
        shop.database.dispose()
        opening = sqlite_files.open_to_write

        def open_to_write(*args: Any, **options: Any) -> sqlite3.Connection:
            made = opening(*args, **options)
            made.execute("PRAGMA secure_delete = OFF")
            return made

        monkeypatch.setattr(sqlite_files, "open_to_write", open_to_write)
    others = [thing(number, filler="x" * (number * 37 % 3000)) for number in range(100, 220)]
    rounds = 4
    for number in range(rounds):  # documents of all sizes, changed again and again: copies of them lie everywhere
        people = [person(each, story=f"{NEEDLE} {number} " * (3 ** (each % 7)), size=number) for each in range(1, 8)]
        shop.has(*others[:60], *people, *others[60:])
        shop.scan()
    shop.refuses(*map(str, range(1, 8)))
    shop.deliver()
    if dialect == "postgresql":
        shop.sql("ANALYZE things")
    needle = NEEDLE.encode()
    assert any(needle in content for content in files_of(shop, dialect).values())
    for each in range(1, 8):
        assert shop.erase(str(each), "--yes").code == 0
    assert {name for name, content in files_of(shop, dialect).items() if needle in content} == set()
    assert len(shop.log("1")) == rounds
    assert shop.row("200")["document"]["filler"] == "x" * (200 * 37 % 3000)


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_the_files_are_clean_while_others_are_at_work(shop: Erasable) -> None:
    shop.has(*(person(number) for number in range(5)))
    shop.scan()
    stop = threading.Event()
    problems: list[BaseException] = []

    def work() -> None:
        try:
            with closing(sqlite3.connect(shop.folder / "mirrorpoint.db", timeout=30)) as other:
                while not stop.is_set():
                    other.execute("SELECT count(*) FROM things").fetchall()
                    other.execute("UPDATE mirrorpoint_installation SET value = value")
                    other.commit()
        except BaseException as problem:  # noqa: BLE001  # whatever it is, the test shall show it
            problems.append(problem)

    others = [threading.Thread(target=work) for _ in range(2)]
    for each in others:
        each.start()
    found = [shop.erase(str(number), "--yes", "--json") for number in range(5)]
    stop.set()
    for each in others:
        each.join()
    assert problems == []
    assert [each.code for each in found] == [0] * 5, found[-1].err
    assert not any(NEEDLE.encode() in content for content in files_of(shop, "sqlite").values())


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_who_reads_for_long_is_waited_for_then_told_and_the_same_command_finishes(
    shop: Erasable, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanned_twice(shop)
    monkeypatch.setattr(erased_sqlite, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setitem(erased_sqlite.clean.__kwdefaults__, "patience_seconds", 0.0)
    with closing(sqlite3.connect(shop.folder / "mirrorpoint.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM mirrorpoint_change").fetchone()
        found = shop.erase("2", "--yes")
        assert found.code == 3
        assert "mirrorpoint.db-wal could not be emptied: another process reads or writes it" in found.err
        assert "run the same command again" in found.err
        assert shop.row("2")["document"] is None, "the erasure itself stands"
    again = shop.erase("2", "--yes", "--json")
    assert (again.code, again.json["left"], again.json["versions"]) == (0, [], 0)
    assert not any(NEEDLE.encode() in content for content in files_of(shop, "sqlite").values())


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
def test_a_table_that_others_hold_is_told_with_the_statement_that_finishes(
    shop: Erasable, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanned_twice(shop)
    monkeypatch.setitem(erased_postgresql.clean.__kwdefaults__, "patience_seconds", 0.0)
    monkeypatch.setattr(erased_postgresql, "_AT_A_TIME", "100ms")
    with psycopg.connect(shop._url) as other:
        other.execute("SELECT count(*) FROM things")
        found = shop.erase("2", "--yes")
        assert (found.code, 'others are at work on it; `VACUUM (FULL, ANALYZE) "things"`' in found.err) == (3, True)
    assert shop.erase("2", "--yes").code == 0


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
def test_a_table_that_belongs_to_somebody_else_is_told(shop: Erasable) -> None:
    scanned_twice(shop)
    name = make_url(shop._url).database
    shop.sql(f'CREATE ROLE "{name}"')
    try:
        shop.sql(f'GRANT SELECT, UPDATE ON things TO "{name}"')
        with shop.database.outside_transactions() as connection:
            connection.execute(f'SET ROLE "{name}"')
            left = erased_postgresql._write_anew(connection, "things", lambda: None, 0.0)
            connection.execute("RESET ROLE")
        assert left is not None
        assert left.startswith("the user of storage.url is not its owner; `VACUUM")
    finally:
        shop.sql(f'DROP OWNED BY "{name}"')
        shop.sql(f'DROP ROLE "{name}"')


def test_a_record_that_the_source_still_has_comes_back_as_restored_and_tells_nothing_of_before(shop: Erasable) -> None:
    scanned_twice(shop)
    shop.deliver()
    assert "if shop still has it, it comes back at the next scan, as `restored`" in shop.erase("2", "--yes").out
    scan = shop.scan()
    assert (scan.state, scan.restored, scan.updated, scan.deleted) == ("complete", 1, 0, 0)
    *_, last = shop.log("2")
    assert (last.version, last.kind, last.changed, last.previous) == (3, "restored", [""], {})
    assert last.document == person(2, size=22)
    assert shop.row("2")["document"] == person(2, size=22)
    (told,) = shop.deliver()
    assert (told["type"], told["data"]["previous"]) == ("things.restored", {})
    assert shop.verified() == 2
    assert shop.scan().restored == 0


def test_a_record_that_the_source_has_no_more_is_told_as_deleted_without_what_it_was(shop: Erasable) -> None:
    scanned_twice(shop)
    shop.deliver()
    shop.erase("2", "--yes")
    shop.has(thing(1), thing(3))
    shop.server_says_gone(2)
    assert shop.scan().deleted == 1
    *_, last = shop.log("2")
    assert (last.version, last.kind, last.previous, last.document) == (3, "deleted", {}, None)
    assert shop.row("2")["deleted_at"] is not None
    (told,) = shop.deliver()
    assert (told["type"], told["data"]["previous"]) == ("things.deleted", {})
    assert shop.verified() == 2
    shop.has(thing(1), person(2), thing(3))
    assert shop.scan().restored == 1
    assert shop.log("2")[-1].changed == [""]
    assert shop.verified() == 2


def test_a_row_that_somebody_has_emptied_is_found_and_put_back_before_its_record_is_told_as_deleted(
    shop: Erasable,
) -> None:
    scanned_twice(shop)
    with shop.database.write() as session:
        erasures.empty(session, "things", "shop", [Id("", "2")])
    found = shop.commands("verify")
    assert (found.code, "BAD mirror" in found.out, "things/2" in found.out) == (6, True, True)
    shop.has(thing(1), thing(3))
    shop.server_says_gone(2)
    assert shop.scan().deleted == 1
    assert shop.commands("verify").code == 0
    assert shop.log("2")[-1].previous[""]["id"] == 2


def test_of_a_deleted_record_the_last_document_goes_too(shop: Erasable) -> None:
    scanned_twice(shop)
    shop.has(thing(1), thing(3))
    shop.server_says_gone(2)
    shop.scan()
    found = shop.erase("2", "--yes")
    assert (found.code, "comes back" in found.out) == (0, False)
    assert [(row.kind, row.previous, row.salt) for row in shop.log("2")][-1] == ("deleted", {}, None)
    assert (shop.row("2")["document"], shop.row("2")["deleted_at"] is None) == (None, False)
    assert shop.scan().deleted == 0
    assert shop.verified() == 3


def test_what_is_owed_of_it_is_skipped_and_never_sent(shop: Erasable) -> None:
    scanned_twice(shop)
    found = shop.erase("2", "--yes")
    assert "2 deliveries that are owed will be skipped" in found.out
    assert sorted(shop.states(), key=str) == [
        ("due", None),
        ("due", None),
        ("skipped", "erased"),
        ("skipped", "erased"),
    ]
    told = shop.deliver()
    assert sorted(each["data"]["key"] for each in told) == ["1", "3"]
    again = shop.commands("deliveries", "retry", "--point", "AUDIT", "--state", "skipped", "--json").json
    assert again == {"retried": 0, "superseded": 0, "erased": 2, "paused": []}
    assert (
        "2 are left out: what was to be told was erased"
        in shop.commands("deliveries", "retry", "--point", "AUDIT", "--state", "skipped").out
    )
    assert shop.deliver() == []


def test_what_is_made_due_all_the_same_is_skipped_before_it_is_sent(shop: Erasable) -> None:
    scanned_twice(shop)
    shop.erase("2", "--yes")
    shop.has(thing(1), person(2, size=23), thing(3))
    shop.scan()
    shop.sql("UPDATE mirrorpoint_delivery SET state = 'due', due_at = created_at WHERE change_seq = 2")
    shop.sql("UPDATE mirrorpoint_delivery SET state = 'due', due_at = NULL WHERE change_seq = 4")
    shop.sql("UPDATE mirrorpoint_delivery SET due_at = NULL WHERE change_seq = 5")
    told = shop.deliver()
    assert [(each["data"]["key"], each["data"]["version"]) for each in told if each["data"]["key"] == "2"] == [("2", 3)]
    assert [state for state in shop.states() if state[0] == "skipped"] == [("skipped", "erased")] * 2


def test_what_a_receiver_said_when_it_refused_goes_too(shop: Erasable) -> None:
    scanned_twice(shop)
    shop.refuses("1", "2", "3")
    shop.deliver()
    assert shop.sql("SELECT count(*) FROM mirrorpoint_attempt WHERE answer IS NOT NULL")[0][0] == 4
    shop.erase("2", "--yes")
    found = shop.sql("SELECT change_seq FROM mirrorpoint_attempt WHERE answer IS NOT NULL ORDER BY change_seq")
    assert [row[0] for row in found] == [1, 3]


def test_what_it_says_after_the_erasure_is_not_kept_either(shop: Erasable) -> None:
    scanned_twice(shop)

    def erases_meanwhile(request: Any) -> Reply:
        if request.json()["data"]["key"] == "2":
            with shop.database.write() as session:
                erasures.erase(session, [2, 4])
        return Reply(500, f"I will not take {NEEDLE}".encode())

    shop.shop.server.on("POST", "/hook", erases_meanwhile)
    shop.deliver()
    found = shop.sql("SELECT change_seq, status, answer FROM mirrorpoint_attempt ORDER BY change_seq")
    assert [(seq, status, answer is None) for seq, status, answer in found] == [
        (1, 500, False),
        (2, 500, True),
        (3, 500, False),
    ]


def test_a_delivery_that_is_under_way_is_waited_for(shop: Erasable, monkeypatch: pytest.MonkeyPatch) -> None:
    from worker.commands.record import erasing as command

    scanned_twice(shop)
    with shop.database.write() as session:
        (leased,) = outbox.lease_due(
            session, now=shop.services.now(), lease_seconds=60, limit=1, per_point={"AUDIT": 1}, at_once=1
        )
    shop.sql("UPDATE mirrorpoint_delivery SET change_seq = 100 + change_seq WHERE change_seq IN (1, 2)")
    shop.sql("UPDATE mirrorpoint_delivery SET change_seq = 2 WHERE change_seq = 101")
    assert leased.change_seq == 1
    looks: list[float] = []

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 2:
            outcome = outbox.Outcome(leased, DeliveryState.DELIVERED, settled_at=shop.services.now())
            with shop.database.write() as session:
                outbox.settle(session, [outcome])

    monkeypatch.setattr(command.time, "sleep", sleep)
    found = shop.erase("2", "--yes")
    assert (found.code, "1 delivery under way may still arrive" in found.out) == (0, True)
    assert len(looks) == 2
    assert ("delivered", None) in shop.states()


def test_without_a_yes_and_a_terminal_it_only_tells_what_would_go(shop: Erasable) -> None:
    scanned_twice(shop)
    shop.shop.parts(2, '{"id": 7}')
    shop.scan("parts")
    for options in ((), ("--json",)):
        found = shop.erase("2", *options)
        assert found.code == 130
    assert found.json == {
        "source": "shop",
        "resource": "things",
        "parent_key": "",
        "key": "2",
        "versions": 2,
        "owed": 2,
        "under_way": 0,
        "living": True,
        "children": {"parts": 1},
        "bytes": found.json["bytes"],
        "done": False,
    }
    assert found.json["bytes"] > 0
    told = shop.erase("2")
    assert "shop:things/2: the content of 2 versions goes" in told.out
    assert "what is below it stays as it is, and is erased record by record: 1 of parts" in told.out
    assert told.err == "nothing was erased: add --yes\n"
    assert (shop.actions(), shop.row("2")["document"]) == ([], person(2, size=22))


def test_on_a_terminal_it_asks(shop: Erasable, monkeypatch: pytest.MonkeyPatch) -> None:
    import typer

    from worker.commands.record import erasing as command

    asked: list[str] = []

    def no(question: str, **_: Any) -> None:
        asked.append(question)
        raise typer.Abort

    scanned_twice(shop)
    monkeypatch.setattr(command.sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(typer, "confirm", no)
    found = shop.erase("2")
    assert (found.code, asked) == (130, ["erase it? It cannot be undone"])
    assert shop.row("2")["document"] == person(2, size=22)
    monkeypatch.setattr(typer, "confirm", lambda *_, **__: True)
    assert shop.erase("2").code == 0
    assert shop.row("2")["document"] is None


def test_what_is_below_it_is_erased_on_its_own(shop: Erasable) -> None:
    scanned_twice(shop)
    shop.shop.parts(2, '{"id": 7, "who": "Quixotl"}')
    shop.shop.parts(3, '{"id": 7}')
    shop.scan("parts")
    shop.erase("2", "--yes")
    assert shop.log("7")[0].document == {"id": 7, "who": NEEDLE}
    assert shop.erase("7", "--yes", resource="parts").code == 2, "of two it must be said which"
    assert shop.erase("7", "--yes", "--parent", "2", resource="parts").code == 0
    assert [(row.parent_key, row.document) for row in shop.log("7")] == [("2", None), ("3", {"id": 7})]
    assert shop.actions()[-1].target == "shop:parts/2/7"


def test_columns_that_an_older_catalogue_made_are_emptied_too(shop: Erasable) -> None:
    scanned_twice(shop)
    shop.sql("ALTER TABLE things ADD COLUMN nickname TEXT")
    shop.sql(f"UPDATE things SET nickname = '{NEEDLE}'")
    shop.sql(
        "ALTER TABLE things ADD COLUMN twice INTEGER GENERATED ALWAYS AS (version * 2) "
        + ("VIRTUAL" if shop.database.dialect == "sqlite" else "STORED")
    )
    assert shop.erase("2", "--yes").code == 0
    assert [tuple(row) for row in shop.sql("SELECT key, nickname, twice FROM things ORDER BY key")] == [
        ("1", NEEDLE, 2),
        ("2", None, 4),
        ("3", NEEDLE, 2),
    ]


def test_a_record_of_what_is_not_configured_any_more_is_erased(shop: Erasable) -> None:
    scanned_twice(shop)
    (shop.folder / "shop.toml").write_text('[resources.leaflets]\npath = "/leaflets"\n')
    found = shop.erase("2", "--yes")
    assert found.code == 0, found.err
    assert "comes back when somebody scans it" in found.out
    assert shop.sql("SELECT name, size FROM things WHERE key = '2'") == [(None, None)]


def test_a_version_that_comes_meanwhile_is_erased_too_under_an_action_of_its_own(
    shop: Erasable, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanned_twice(shop)
    real, count = erasing.erase, []

    def erase(*arguments: Any, **more: Any) -> Any:
        if not count:
            count.append(1)
            shop.sql(
                "INSERT INTO mirrorpoint_change SELECT 5, 'another', source, resource, parent_key, key, 3, kind,"
                " changed, previous, document, observed_after, observed_at, scan_id, digest, salt, document_digest,"
                " previous_digest FROM mirrorpoint_change WHERE seq = 4"
            )
        return real(*arguments, **more)

    monkeypatch.setattr(erasing, "erase", erase)
    assert shop.erase("2", "--yes").code == 0
    assert [(row.of, row.outcome) for row in shop.actions()] == [
        (None, None),
        (3, "failed: it has changed meanwhile, and is looked at again"),
        (None, None),
        (5, "done: versions erased: 3, deliveries skipped: 2"),
    ]
    assert [row.arguments.get("last_seq") for row in shop.actions()] == [4, None, 5, None]
    assert [row.salt for row in shop.log("2")] == [None] * 3


def test_a_scan_that_is_under_way_is_waited_for_and_one_that_was_only_slow_writes_nothing(
    shop: Erasable, monkeypatch: pytest.MonkeyPatch
) -> None:
    from worker.commands.record import erasing as command

    scanned_twice(shop)
    name, now = leases.of_scan("shop", "things"), shop.services.now()
    with shop.database.write() as session:
        fence = leases.acquire(session, name, holder="somebody", now=now, seconds=60)
    assert fence is not None

    def sleep(_: float) -> None:
        with shop.database.write() as session:
            leases.release(session, name, fence=fence)

    monkeypatch.setattr(command.time, "sleep", sleep)
    found = shop.erase("2", "--yes")
    assert found.code == 0
    assert "somebody is scanning things; waiting for the end of the slice" in found.err
    with shop.database.read() as session:
        assert leases.held_names(session, name, now=now) == set(), "it was given back"


def test_a_slice_that_read_the_record_before_does_not_bring_it_back(shop: Erasable) -> None:
    scanned_twice(shop)
    is_asked, go_on = threading.Event(), threading.Event()
    rows = '{"total":1,"data":[{"id":2,"name":"Quixotl again"}]}'

    def slowly(_: Any) -> Reply:
        is_asked.set()
        go_on.wait(20)
        return Reply(200, rows.encode())

    shop.shop.server.on("GET", "/things", slowly)
    slow = threading.Thread(target=lambda: scan_slice(shop.services, "shop", "things"))
    slow.start()
    assert is_asked.wait(20)
    shop.sql("UPDATE mirrorpoint_lease SET expires_at = NULL WHERE name = 'scan:shop/things'")  # it seems to have died
    assert shop.erase("2", "--yes").code == 0
    shop.has(thing(1), thing(3))
    go_on.set()
    slow.join()
    assert [row.salt for row in shop.log("2")] == [None, None]
    assert shop.row("2")["document"] is None


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_reason_must_be_given(shop: Erasable, reason: str) -> None:
    scanned_twice(shop)
    assert shop.commands("erase", "things", "2", "--yes").code == 2
    assert shop.commands("erase", "things", "2", "--yes", "--reason", reason).code == 2
    assert shop.row("2")["document"] is not None


def test_who_is_not_there_cannot_be_erased(shop: Erasable) -> None:
    scanned_twice(shop)
    assert shop.erase("99", "--yes").code == 3
    assert shop.erase("2", "--yes", resource="thongs").code == 2


def test_a_key_that_begins_with_a_dash_is_taken_for_one(shop: Erasable) -> None:
    shop.has(thing(1), person(-5))
    shop.scan()
    found = shop.commands("erase", "things", "-5", "--reason", "-why not", "--yes", "--json")
    assert (found.code, found.json["key"], shop.actions()[0].arguments["reason"]) == (0, "-5", "-why not"), found.err
