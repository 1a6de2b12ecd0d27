"""What Mirrorpoint does by itself causes no false alarm: other catalogues, other keys, erasures, scans meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from changes import sealing
from record import notes
from storage import actions, sql
from storage.engine import Database
from tasks.record import retention
from tasks.record import sealing as seals
from tasks.record.checks import whole
from tasks.record.checks.looks import Looks
from tasks.record.checks.outcome import Outcome
from tasks.record.checks.whole import Record, Wanted
from tasks.services import Services
from tests import mirrored_world
from tests.commands import Commands
from tests.integration import shop as shops
from tests.integration.scripted_server import Reply
from tests.integration.shop import Shop
from worker import bootstrap, settings

PLAIN = """
[resources.things]
path = "/things"
item_path = "/things/{key}"
columns = { name = "text", size = "integer" }
"""
THINGS = [
    '{"id":1,"name":"a","size":1,"seen":1,"pin":"1234","tags":["x","y"]}',
    '{"id":2,"name":"b","size":2,"seen":1,"pin":"5678","tags":["x"]}',
    '{"id":3,"name":"c","size":3,"seen":1,"pin":null,"tags":[]}',
]


class Place:
    """A configuration whose catalogue a test changes, and the list that it reads."""

    def __init__(self, shop: Shop, folder: Path, url: str) -> None:
        self.shop, self.folder = shop, folder
        self.file = shops.configure(folder, database=url, url=shop.server.url, catalogue=PLAIN)
        self.file.write_text(
            self.file.read_text() + '\n[record]\nname = "example.com/m"\nsigning_key = "file:mirrorpoint.sign"\n'
        )
        (folder / "mirrorpoint.sign").write_text(notes.new_pem())

    def catalogue(self, *more: str, columns: str = 'name = "text", size = "integer"') -> None:
        """What the catalogue says from now on, beside what it always does."""
        text = PLAIN.replace('name = "text", size = "integer"', columns)
        (self.folder / "shop.toml").write_text(text + "".join(f"{line}\n" for line in more))

    @contextmanager
    def services(self) -> Iterator[Services]:
        built = mirrored_world.services(self.file)
        yield built
        built.close()

    def scan(self, *rows: str) -> None:
        """The list is that, and is read."""
        self.shop.lists("things", *rows)
        with self.services() as services:
            assert shops.scanned(services, "things").state == "complete"
            seals.seal_all(services.database, services.record.signer, now=services.now())

    def look(self, **wanted: Any) -> Outcome:
        with self.services() as services:
            return look(services, **wanted)

    def alter(self, *statements: str) -> None:
        with self.services() as services, services.database.write() as session:
            for statement in statements:
                session.execute(statement)

    def value(self, statement: str) -> Any:
        with self.services() as services, services.database.read() as session:
            return sql.fetch(session, statement, ())[0][0]


def look(services: Services, **wanted: Any) -> Outcome:
    resources = {name: source.catalogue.resources for name, source in services.sources.items()}
    record = Record(resources, services.record.signer, services.record.keep, services.vault.seal)
    with services.database.kept_open() as connection:
        return whole.verify(Looks(connection), record, Wanted(**wanted))


def said(outcome: Outcome) -> list[str]:
    return [problem.what for problem in outcome.problems]


@pytest.fixture
def place(shop: Shop, database_url: str, tmp_path: Path) -> Place:
    return Place(shop, tmp_path, database_url)


def with_seen(rows: list[str], number: int) -> list[str]:
    return [row.replace('"seen":1', f'"seen":{number}') for row in rows]


def test_members_that_were_volatile_for_a_while_cause_no_alarm(place: Place) -> None:
    place.scan(*THINGS)
    place.catalogue('volatile = ["/seen"]')
    place.scan(*with_seen(THINGS, 2))
    assert said(place.look()) == []
    place.scan(*with_seen(THINGS, 3))  # the mirror is refreshed, and the log tells nothing
    assert said(place.look()) == []
    place.catalogue()
    before = place.look()  # it was not read by this catalogue yet
    assert said(before) == []
    assert any("the catalogue has changed since the last scan of shop:things" in each for each in before.remarks)
    place.scan(*with_seen(THINGS, 3))
    found = place.look()
    assert said(found) == []
    assert not any("the catalogue has changed" in each for each in found.remarks)
    # What is not covered by a former rule is named as before, and so is what came after it.
    place.scan(*with_seen(THINGS, 4))
    place.alter("UPDATE things SET document = replace(CAST(document AS TEXT), '4', '5')" + cast(place, "key = '1'"))
    (problem,) = said(place.look())
    assert "things/1: its document is not that of change" in problem
    assert "/seen" in problem


def test_each_rule_that_begins_is_an_action_of_its_own(place: Place) -> None:
    place.scan(*THINGS)
    place.scan(*THINGS)
    place.catalogue('volatile = ["/seen"]')
    place.scan(*THINGS)
    place.scan(*THINGS)
    with place.services() as services, services.database.read() as session:
        first, _, intent, outcome = actions.read(session)
    assert (first.arguments["from"], first.arguments["to"]["volatile"]) == (None, [])
    assert (intent.who, intent.how, intent.what, intent.target) == ("mirrorpoint", "by itself", "rule", "shop:things")
    assert intent.arguments["from"]["volatile"] == []
    assert intent.arguments["to"]["volatile"] == ["/seen"]
    assert (intent.arguments["last_seq"], outcome.outcome) == (3, "done: the catalogue says so")


def with_volatile(place: Place) -> str:
    """A statement that lets the rule that is kept leave out a member."""
    colon = ":" if "sqlite" in place.file.read_text() else ": "
    new = f"""replace(CAST(read_as AS TEXT), '"volatile"{colon}[]', '"volatile":["/name"]')"""
    return f"UPDATE mirrorpoint_resource SET read_as = {new}" + cast(place, "resource = 'things'")


def test_a_rule_that_was_edited_together_with_rows_is_named_before_and_after_the_next_scan(place: Place) -> None:
    place.scan(*THINGS)
    edited = """UPDATE things SET name = 'z', document = replace(CAST(document AS TEXT), '"b"', '"z"')"""
    place.alter(with_volatile(place), edited + cast(place, "key = '2'"))
    before = said(place.look())
    told = "mirrorpoint_resource does not have the rule of shop:things that action 1 says was begun: volatile differs"
    assert before[0] == told
    assert any("things/2" in each for each in before)
    place.scan(*THINGS)  # it puts the row back, then reads by the catalogue's rule again: both are actions
    after = said(place.look())
    assert after[0] == "action 5 found another rule of shop:things than action 1 had left: volatile differs"
    assert not any("things/2" in each for each in after)


def test_a_list_without_an_action_about_its_rule_causes_no_alarm_and_has_one_after_its_next_scan(place: Place) -> None:
    place.scan(*THINGS)
    place.alter(*(f"DELETE FROM mirrorpoint_{table}" for table in ("action", "seal", "tile")))
    found = place.look()
    assert said(found) == []
    assert "no action says by which rule shop:things began to be read: the next scan writes one" in found.remarks
    place.scan(*THINGS)
    found = place.look()
    assert said(found) == []
    assert not any("no action says" in each for each in found.remarks)
    place.alter(with_volatile(place))
    assert len(said(place.look())) == 1


def test_secrets_that_come_and_go_cause_no_alarm_and_neither_does_another_order(place: Place) -> None:
    place.scan(*THINGS)
    place.catalogue('secrets = ["/pin"]', 'unordered = ["/tags"]')
    place.scan(*[row.replace('["x","y"]', '["y","x"]') for row in THINGS])
    assert said(place.look()) == []
    place.shop.server.on("GET", "/things/2", Reply(404))
    place.scan(THINGS[0], THINGS[2])
    assert said(place.look()) == []
    place.catalogue()
    place.scan(THINGS[0], THINGS[2])
    assert said(place.look()) == []
    place.scan(THINGS[0].replace('"a"', '"z"'), THINGS[2])
    assert said(place.look()) == []


def test_another_seal_key_causes_no_alarm_once_it_was_accepted(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.catalogue('secrets = ["/pin"]')
    place.scan(*THINGS)
    (place.folder / "mirrorpoint.key").write_text(sealing.new_key())
    commands = Commands(place.file, capsys)
    assert commands("verify", "--json").code == 2  # it is another database's key, or was exchanged
    commands("check", "--accept-seal-key")
    assert said(place.look()) == []
    place.scan(*THINGS)
    assert said(place.look()) == []
    place.scan(*THINGS[1:], THINGS[0].replace('"a"', '"z"').replace("1234", "4321"))
    assert said(place.look()) == []
    fingerprint = place.value("SELECT fingerprint FROM things WHERE key = '1'")
    name, _, rest = fingerprint.partition(":")
    place.alter(
        f"UPDATE things SET fingerprint = '{name[:-1]}{'0' if name[-1] != '0' else '1'}:{rest}' WHERE key = '1'"
    )
    assert said(place.look()) == ["things/1: its fingerprint was made with a seal key that was not in use"]


def test_columns_that_the_catalogue_gets_cause_no_alarm(place: Place) -> None:
    place.scan(*THINGS)
    place.catalogue(columns='name = "text", size = "text", pin = "integer"')
    # Whoever only reads finds the tables as they were.
    configuration = settings.load(str(place.file), environ={})
    catalogues = {name: each.resources for name, each in bootstrap.load_catalogues(configuration).items()}
    database = Database(configuration.storage.url, only_reads=True)
    with database.kept_open() as connection:
        found = whole.verify(Looks(connection), Record(catalogues), Wanted())
    database.dispose()
    assert said(found) == []
    assert any("typed columns were not compared of shop:things" in each for each in found.remarks)
    assert said(place.look()) == []
    # A process that still has the former catalogue writes a row without the new column.
    place.alter("UPDATE things SET pin = NULL, size = '1' WHERE key = '1'")
    assert said(place.look()) == []
    place.scan(*THINGS)
    assert said(place.look()) == []
    place.scan(THINGS[0].replace('"a"', '"z"'), *THINGS[1:])
    place.alter("UPDATE things SET pin = NULL WHERE key = '1'")
    assert said(place.look()) == ["things/1: its column pin is not what its document says"]


def test_what_is_not_configured_any_more_is_compared_as_far_as_it_is_known(place: Place) -> None:
    place.scan(*THINGS)
    (place.folder / "shop.toml").write_text('[resources.others]\npath = "/leaflets"\n')
    found = place.look()
    assert said(found) == []
    assert any("of what is not configured any more (shop:things)" in each for each in found.remarks)
    place.alter("UPDATE things SET version = 2 WHERE key = '1'", "DELETE FROM things WHERE key = '2'")
    assert said(place.look()) == [
        "things/1: it is version 2 in the mirror, which no change tells of; the log's last is 1",
        "things/2: it has no row in the mirror, and the log tells of it up to version 1",
    ]
    place.alter("DROP TABLE things")
    gone = place.look()
    assert said(gone) == []
    assert "shop:things is not configured any more, and its table is gone" in gone.remarks


def erase(place: Place, key: str, *, is_told: bool = True) -> int:
    """What the command `erase` does; the number of its last change."""
    last = int(place.value(f"SELECT max(seq) FROM mirrorpoint_change WHERE key = '{key}'"))
    if is_told:
        arguments = {"source": "shop", "resource": "things", "parent_key": "", "key": key, "reason": "x"}
        note(place, "erase", {**arguments, "last_seq": last})
    place.alter(
        f"UPDATE mirrorpoint_change SET document = NULL, previous = '{{}}', salt = NULL WHERE key = '{key}'",
        f"UPDATE things SET document = 'null', name = NULL, size = NULL, fingerprint = 'erased:' WHERE key = '{key}'",
    )
    return last


def note(place: Place, what: str, arguments: Mapping[str, Any]) -> None:
    with place.services() as services, services.database.write() as session:
        actions.intend(
            session, who="anna", how="command", what=what, target="x", arguments=arguments, now=services.now()
        )


def test_a_record_that_was_erased_is_counted_and_may_come_back(place: Place) -> None:
    place.scan(*THINGS)
    place.scan(THINGS[0].replace('"a"', '"z"'), *THINGS[1:])
    erase(place, "1")
    found = place.look()
    assert (said(found), found.erased) == ([], 2)
    assert "the content of 2 changes was erased, as actions say" in found.remarks
    place.scan(THINGS[0], *THINGS[1:])
    assert (
        place.value("SELECT kind FROM mirrorpoint_change WHERE key = '1' ORDER BY version DESC LIMIT 1") == "restored"
    )
    found = place.look()
    assert (said(found), found.erased) == ([], 2)


def test_the_command_erase_and_the_retention_leave_the_record_green(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.scan(*THINGS)
    place.scan(THINGS[0].replace('"a"', '"z"'), *THINGS[1:])
    place.shop.server.on("GET", "/things/3", Reply(404))
    place.scan(THINGS[0].replace('"a"', '"y"'), THINGS[1])
    commands = Commands(place.file, capsys)
    assert commands("erase", "things", "2", "--reason", "asked for", "--yes").code == 0
    found = place.look()
    assert (said(found), found.erased) == ([], 1)
    with place.services() as services:
        later = services.now() + timedelta(days=2)
        swept = retention.sweep(services.database, timedelta(days=1), now=lambda: later, stopping=services.stopping)
    assert swept > 0
    found = place.look()
    assert (said(found), found.erased) == ([], 1 + swept)
    assert commands("verify").code == 0
    place.scan(THINGS[0], THINGS[1])
    found = place.look()
    assert (said(found), found.erased) == ([], 1 + swept)


def test_content_that_is_left_of_an_erased_record_is_named(place: Place) -> None:
    place.scan(*THINGS)
    erase(place, "1")
    place.alter("UPDATE things SET name = 'a' WHERE key = '1'")
    assert said(place.look()) == ["things/1: its content is there, though it was erased"]
    place.alter("UPDATE things SET name = NULL, deleted_at = changed_at WHERE key = '1'")
    assert said(place.look()) == ["things/1: it is marked deleted, and its last change, 1, did not delete it"]


def test_what_was_erased_without_an_action_or_behind_one_is_named(place: Place) -> None:
    place.scan(*THINGS)
    erase(place, "1", is_told=False)
    note(place, "erase", {"source": "shop", "resource": "things", "parent_key": "", "key": "2", "last_seq": 3})
    note(place, "approve", {"source": "shop", "resource": "things", "parent_key": "", "key": "1", "last_seq": 3})
    assert said(place.look())[0] == (
        "change 1, things/1 version 1: its content is not there any more, and no action says that it was erased"
    )


def test_retention_accounts_for_the_ranges_that_it_names(place: Place) -> None:
    place.scan(*THINGS)
    place.scan(*[row.replace('"a"', '"z"').replace('"b"', '"y"') for row in THINGS])
    place.alter("UPDATE mirrorpoint_change SET document = NULL, previous = '{}', salt = NULL WHERE seq IN (1, 2)")
    note(place, "retention", {"seqs": [[1, 1], "nonsense", [5]]})
    found = place.look()
    assert (len(said(found)), found.erased) == (1, 1)
    assert said(found)[0].startswith("change 2, things/2 version 1: its content is not there any more")
    note(place, "retention", {"seqs": [[2, 2]]})
    found = place.look()
    assert (said(found), found.erased) == ([], 2)


def test_scans_that_run_meanwhile_cause_no_alarm(place: Place) -> None:
    rows = [f'{{"id":{number},"name":"n","size":0}}' for number in range(1, 200)]
    place.scan(*rows)
    done, looked = threading.Event(), list[Outcome]()

    def watch() -> None:
        with place.services() as services:
            while not done.is_set() or not looked:
                looked.append(look(services))

    watching = threading.Thread(target=watch)
    watching.start()
    for size in range(1, 9):
        place.scan(*[row.replace('"size":0', f'"size":{size}') for row in rows[size:]])
    done.set()
    watching.join()
    assert len(looked) > 3
    assert [said(each) for each in looked] == [[]] * len(looked)
    assert said(place.look()) == []


def cast(place: Place, where: str) -> str:
    """How a text is put into a column of JSON."""
    return f" WHERE {where}" if "sqlite" in place.file.read_text() else f"::jsonb WHERE {where}"
