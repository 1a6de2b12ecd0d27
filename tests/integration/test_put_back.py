"""What somebody else writes into the mirror is put back as the log has it, and no change is told of it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage import actions as stored_actions
from tasks.scan import against_log
from tasks.scan import slice as slices
from tasks.scan.head import HeadEnd, scan_head
from tasks.scan.lease import Progress
from tasks.scan.put_back import PUT_BACK
from tasks.scan.slice import scan_slice
from tasks.scan.slice_end import Outcome
from tasks.services import Services
from tests.commands import Commands
from tests.integration import shop as shops
from tests.integration.scripted_server import Reply, Request
from tests.integration.shop import Shop, keys, mirrored, problems, row, run, scanned, things, told
from tests.mirrored_world import log

ON_SQLITE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
COLUMNS = "source, parent_key, key, document, version, fingerprint, first_seen_at, changed_at"
AS_999 = COLUMNS.replace(" key", " '999'")
AHEAD = AS_999.replace("changed_at", "'2030-01-01 00:00:00+00'")
#: What strangers do to record 7 of `things`, or beside it.
STRANGE = [
    "DELETE FROM things WHERE key = '7'",
    """UPDATE things SET document = '{"id":7,"name":"strange"}' WHERE key = '7'""",
    "UPDATE things SET fingerprint = 'x' WHERE key = '7'",
    """UPDATE things SET document = '{"id":7,"name":"strange"}', fingerprint = 'x' WHERE key = '7'""",
    (
        "UPDATE things SET document = (SELECT document FROM things WHERE key = '8'), fingerprint ="
        " (SELECT fingerprint FROM things WHERE key = '8') WHERE key = '7'"
    ),
    "UPDATE things SET name = 'strange' WHERE key = '7'",
    "UPDATE things SET deleted_at = changed_at WHERE key = '7'",
    "UPDATE things SET version = 99 WHERE key = '7'",
    "UPDATE things SET first_seen_at = '2020-01-01 00:00:00+00' WHERE key = '7'",
    "UPDATE things SET key = '777' WHERE key = '7'",
    f"INSERT INTO things ({COLUMNS}) SELECT {AS_999} FROM things WHERE key = '7'",
    f"INSERT INTO things ({COLUMNS}) SELECT {AHEAD} FROM things WHERE key = '7'",
    "DELETE FROM things",
]

file, services = shops.file, shops.services


def actions(services: Services) -> list[tuple[str, int]]:
    """The resources and numbers of rows of what is on record as put back."""
    with services.database.read() as session:
        told = [intent.arguments for intent in stored_actions.intents(session, (PUT_BACK,))]
    return [(each["resource"], each["rows"]) for each in told]


@pytest.mark.parametrize("what", STRANGE)
def test_it_is_put_back_where_the_source_has_not_changed(shop: Shop, services: Services, what: str) -> None:
    shop.lists("things", *things())
    shop.gone(777, 999)
    scanned(services, "things")
    before, row_before = mirrored(services, "things"), row(services, "things", "7")
    run(services, what)
    for _ in range(3):
        assert scanned(services, "things").state == "complete"
    assert mirrored(services, "things") == before
    assert row(services, "things", "7") == row_before
    assert told(services) == []
    assert problems(services) == []
    assert len(actions(services)) == 1


@pytest.mark.parametrize("what", STRANGE)
def test_it_is_no_old_value_of_what_changes_then(shop: Shop, services: Services, what: str) -> None:
    shop.lists("things", *things())
    shop.gone(777, 999)
    scanned(services, "things")
    run(services, what)
    shop.lists("things", *things(t7="new", t9="new"))
    for _ in range(3):
        assert scanned(services, "things").state == "complete"
    assert told(services) == [("updated", "7", 2), ("updated", "9", 2)]
    assert [change.previous for change in log(services)[-2:]] == [{"/name": "n7"}, {"/name": "n9"}]
    assert len(keys(services, "things")) == 30
    assert problems(services) == []


@pytest.mark.parametrize("what", STRANGE)
def test_a_record_that_goes_then_is_told_as_deleted_once(shop: Shop, services: Services, what: str) -> None:
    shop.lists("things", *things())
    scanned(services, "things")
    run(services, what)
    shop.lists("things", *(each for each in things() if '"id": 7,' not in each))
    shop.gone(7, 777, 999)
    for _ in range(3):
        assert scanned(services, "things").state == "complete"
    assert told(services) == [("deleted", "7", 2)]
    assert log(services)[-1].previous == {"": {"id": 7, "name": "n7", "size": 7}}
    assert len(keys(services, "things")) == 29
    assert problems(services) == []


@pytest.mark.parametrize(
    "what",
    [
        "DELETE FROM things WHERE key = '29'",
        "UPDATE things SET deleted_at = NULL WHERE key = '29'",
        """UPDATE things SET document = '{"id":29,"name":"strange"}' WHERE key = '29'""",
        "UPDATE things SET deleted_at = NULL, version = 1 WHERE key = '29'",
    ],
)
def test_a_deleted_record_stays_deleted_and_comes_back_from_what_it_was(
    shop: Shop, services: Services, what: str
) -> None:
    shop.lists("things", *things())
    scanned(services, "things")
    shop.lists("things", *things(29))
    shop.gone(29)
    for _ in range(2):
        scanned(services, "things")
    run(services, what)
    for _ in range(3):
        assert scanned(services, "things").state == "complete"
    assert told(services) == [("deleted", "29", 2)]
    assert problems(services) == []
    run(services, what)
    shop.lists("things", *things(30, t29="new"))
    assert scanned(services, "things").state == "complete"
    assert told(services) == [("deleted", "29", 2), ("restored", "29", 3)]
    assert log(services)[-1].previous == {"/name": "n29"}
    assert problems(services) == []


@pytest.mark.parametrize("what", [each.replace("things", "parts") for each in STRANGE if "SET name" not in each])
def test_the_same_holds_below_parents(shop: Shop, services: Services, what: str) -> None:
    shop.lists("things", '{"id":1}', '{"id":2}')
    shop.parts(1, *things(10))
    shop.parts(2, *things(5))
    scanned(services, "things")
    scanned(services, "parts")
    before = mirrored(services, "parts")
    run(services, what)
    for _ in range(3):
        assert scanned(services, "parts").state == "complete"
    assert mirrored(services, "parts") == before
    assert told(services, "parts") == []
    assert problems(services) == []


def test_what_a_stranger_writes_while_a_list_is_read_is_no_old_value_either(shop: Shop, services: Services) -> None:
    """All rows have been compared before."""
    shop.lists("things", *things(120))
    scanned(services, "things")
    whole = shops.paged([each.encode() for each in things(119, t7="new", t110="new")])
    shop.gone(119)

    def with_a_stranger(request: Request) -> Reply:
        if int(request.query.get("offset", 0)) < 50:
            run(
                services, """UPDATE things SET document = '{"id":110,"name":"strange"}', name = 'x' WHERE key = '110'"""
            )
            run(services, """UPDATE things SET document = '{"id":119,"name":"strange"}' WHERE key = '119'""")
        return whole(request)

    shop.server.on("GET", "/things", with_a_stranger)
    assert scanned(services, "things").state == "complete"
    shop.server.on("GET", "/things", whole)
    assert scanned(services, "things").state == "complete"
    assert sorted(told(services)) == [("deleted", "119", 2), ("updated", "110", 2), ("updated", "7", 2)]
    assert {change.key: change.previous for change in log(services)[-3:]} == {
        "7": {"/name": "n7"},
        "110": {"/name": "n110"},
        "119": {"": {"id": 119, "name": "n119", "size": 119}},
    }
    assert problems(services) == []


def test_a_head_scan_tells_what_the_log_had_before(shop: Shop, services: Services) -> None:
    shop.lists("things", '{"id":1}')
    shop.parts(1, *things(10))
    for name in ("things", "parts"):
        scanned(services, name)
    run(services, """UPDATE parts SET document = '{"id":7,"name":"strange"}' WHERE key = '7'""")
    shop.lists("things", '{"id":1,"name":"x"}')
    shop.parts(1, *things(10, t7="new"))
    scanned(services, "things")
    assert scan_head(services, "shop", "parts") is HeadEnd.ENDED
    assert told(services, "parts") == [("updated", "7", 2)]
    assert log(services)[-1].previous == {"/name": "n7"}
    assert actions(services) == [("parts", 1)]
    scanned(services, "parts")
    assert problems(services) == []


def test_a_record_that_came_twice_in_one_transaction_is_compared_with_what_came_first(
    shop: Shop, services: Services
) -> None:
    shop.lists("leaflets", *things(120))
    scanned(services, "leaflets")
    rows = things(120, t20="first")
    rows[60] = json.dumps({"id": 20, "name": "second", "size": 20})
    shop.lists("leaflets", *rows)
    scanned(services, "leaflets")
    changes = [change for change in log(services) if change.key == "20" and change.kind == "updated"]
    assert [change.previous for change in changes[:2]] == [{"/name": "n20"}, {"/name": "first"}]
    assert actions(services) == []


@ON_SQLITE
def test_what_the_database_has_not_counted_is_put_back_within_a_day(shop: Shop, services: Services) -> None:
    """Such as `REPLACE`, and whatever is done without the triggers."""
    shop.lists("things", *things())
    scanned(services, "things")
    before = row(services, "things", "7")
    columns = f"{COLUMNS}, name"
    run(
        services,
        f"REPLACE INTO things ({columns}) SELECT {COLUMNS}, 'strange' FROM things WHERE key = '7'",
    )
    for hours in (0, 23, 25):
        later = replace(services, now=lambda hours=hours: datetime.now(UTC) + timedelta(hours=hours))
        assert scanned(later, "things").state == "complete"
        assert (row(services, "things", "7") == before) is (hours > 24)


@ON_SQLITE
def test_a_clock_that_was_ahead_has_said_nothing_of_when_rows_were_compared(shop: Shop, services: Services) -> None:
    shop.lists("things", *things())
    ahead = replace(services, now=lambda: datetime.now(UTC) + timedelta(days=3000))
    assert scanned(ahead, "things").state == "complete"
    run(services, "DROP TRIGGER mirrorpoint_delete_things")
    run(services, "DELETE FROM things WHERE key = '7'")
    assert scanned(services, "things").state == "complete"
    assert "7" in keys(services, "things")


def test_what_mirrorpoint_writes_itself_has_nothing_compared_again(
    shop: Shop, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.gone(29)
    shop.lists("things", *things())
    scanned(services, "things")
    monkeypatch.setattr(against_log._Comparison, "next", lambda _: pytest.fail("it compares"))
    for rows in (things(t7="x"), things(29, t7="x"), things(29), things(), things(), things(31)):
        shop.lists("things", *rows)
        assert scanned(services, "things").state == "complete"


def test_a_comparison_goes_on_where_a_slice_has_ended(
    shop: Shop, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.lists("things", *things(120))
    scanned(services, "things")
    before = mirrored(services, "things")
    run(services, "UPDATE things SET name = 'strange' WHERE key IN ('7', '110')")
    run(services, "DELETE FROM things WHERE substr(key, 1, 1) IN ('5', '9')")
    monkeypatch.setattr(against_log, "_ROWS", 10)
    is_over, ended, is_turn = slices._Slice._is_over, 0, [False]

    def every_second_time(self: slices._Slice) -> bool:
        is_turn[0] = not is_turn[0]
        return is_over(self) or (is_turn[0] and self._position.compared is not None)

    monkeypatch.setattr(slices._Slice, "_is_over", every_second_time)
    while scan_slice(services, "shop", "things").outcome is Outcome.AGAIN:
        ended += 1
    assert ended > 5
    assert mirrored(services, "things") == before
    assert problems(services) == []
    assert sum(rows for _, rows in actions(services)) == 2 + 22


@pytest.mark.parametrize("is_disturbed", [False, True])
def test_a_first_scan_asks_the_log_in_its_later_slices_only_where_a_stranger_was(
    shop: Shop, services: Services, monkeypatch: pytest.MonkeyPatch, is_disturbed: bool
) -> None:
    shop.lists("things", *things(150))
    is_over, is_turn, texts = slices._Slice._is_over, [True], list[str]()

    def every_second_time(self: slices._Slice) -> bool:
        is_turn[0] = not is_turn[0]
        return is_over(self) or is_turn[0]

    monkeypatch.setattr(slices._Slice, "_is_over", every_second_time)
    services.database.watchers.append(lambda text, _: texts.append(text))
    outcome = scan_slice(services, "shop", "things").outcome
    while outcome is Outcome.AGAIN:
        if is_disturbed:
            run(services, "DELETE FROM things WHERE key IN ('7', '8')")
        outcome = scan_slice(services, "shop", "things").outcome
    assert any("ORDER BY version DESC LIMIT 1" in text for text in texts) is is_disturbed
    monkeypatch.undo()
    if is_disturbed:
        assert scanned(services, "things").state == "complete"
    assert len(keys(services, "things")) == 150
    assert told(services) == []
    assert problems(services) == []


@pytest.mark.parametrize(
    "what",
    [
        "UPDATE things SET deleted_at = changed_at WHERE key = '7'",
        """UPDATE things SET document = '{"id":7,"name":"strange"}', fingerprint = 'x' WHERE key = '7'""",
    ],
)
def test_what_a_stranger_writes_during_the_first_scan_is_put_back_too(
    shop: Shop, services: Services, what: str
) -> None:
    """The record comes once more on a later page."""
    rows = things(1_300)
    shop.lists("things", *rows[:1_200], rows[7], *rows[1_200:])
    were_there: list[int] = []

    def when_some_are_written(progress: Progress) -> None:
        if progress.rows < 1_200 and not were_there:
            were_there.append(progress.rows)
            run(services, what)

    assert scan_slice(services, "shop", "things", on_progress=when_some_are_written).outcome is Outcome.ENDED
    assert were_there
    scanned(services, "things")
    assert told(services) == []
    assert len(log(services)) == 1_300
    assert problems(services) == []


@ON_SQLITE
def test_a_row_stays_as_it_is_where_the_log_itself_was_altered(shop: Shop, services: Services) -> None:
    """Which of the two was the source's, the digest says."""
    shop.lists("things", *things())
    scanned(services, "things")
    before = row(services, "things", "7")
    run(services, """UPDATE mirrorpoint_change SET document = '{"id":7,"name":"strange"}' WHERE key = '7'""")
    run(services, "UPDATE things SET fingerprint = fingerprint WHERE key = '7'")
    scanned(services, "things")
    assert row(services, "things", "7") == before
    shop.lists("things", *things(t7="new"))
    scanned(services, "things")
    assert log(services)[-1].previous == {"/name": "n7"}


@ON_SQLITE
def test_a_row_that_was_made_unreadable_goes_on_where_the_log_has_left_it(shop: Shop, services: Services) -> None:
    shop.lists("things", *things())
    scanned(services, "things")
    run(services, "UPDATE things SET document = 'not json', deleted_at = 'never' WHERE key IN ('7', '8')")
    run(services, "UPDATE things SET fingerprint = x'00', version = 'two' WHERE key = '10'")
    shop.lists("things", *things(t7="x", t9="x"))
    assert scanned(services, "things").state == "complete"
    assert told(services) == [("updated", "7", 2), ("updated", "9", 2)]
    assert {change.previous["/name"] for change in log(services)[-2:]} == {"n7", "n9"}
    assert problems(services) == []


def test_a_row_that_somebody_removed_goes_on_where_the_log_has_left_it(shop: Shop, services: Services) -> None:
    shop.lists("things", *things(30))
    scanned(services, "things")
    shop.lists("things", *things(29, t7="x"))
    shop.gone(29)
    for _ in range(2):
        scanned(services, "things")
    run(services, "DELETE FROM things WHERE key IN ('5', '7', '29')")
    shop.lists("things", *things(30, t7="y", t29="z"))
    assert scanned(services, "things").state == "complete"
    assert told(services) == [("updated", "7", 2), ("deleted", "29", 2), ("updated", "7", 3), ("restored", "29", 3)]
    assert log(services)[-2].previous == {"/name": "x"}
    assert {row(services, "things", key)["version"] for key in ("7", "29")} == {3}
    assert row(services, "things", "5")["version"] == 1


def test_a_row_that_somebody_set_back_goes_on_where_the_log_has_left_it(shop: Shop, services: Services) -> None:
    shop.lists("things", *things(30))
    scanned(services, "things")
    shop.lists("things", *things(30, t7="x", t8="x"))
    scanned(services, "things")
    run(services, "UPDATE things SET version = 1, fingerprint = 'old', document = '{}' WHERE key IN ('7', '8')")
    shop.lists("things", *things(30, t7="x", t8="y"))
    assert scanned(services, "things").state == "complete"
    changes = [(change.key, change.version) for change in log(services) if change.kind == "updated"]
    assert changes == [("7", 2), ("8", 2), ("8", 3)]
    assert log(services)[-1].previous == {"/name": "x"}
    assert [row(services, "things", key)["version"] for key in ("7", "8")] == [2, 3]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["3"], "1 row of the mirror was not as the change log says, and was put back: "),
        (["3", "4"], "2 rows of the mirror were not as the change log says, and were put back: "),
    ],
    ids=["one", "several"],
)
def test_sync_says_how_many_rows_it_has_put_back(
    shop: Shop, file: Path, services: Services, capsys: pytest.CaptureFixture[str], wrong: list[str], said: str
) -> None:
    shop.lists("things", *things(5))
    commands = Commands(file, capsys)
    assert "put back" not in commands("sync", "things").err
    for key in wrong:
        run(services, f"UPDATE things SET document = '{{}}' WHERE key = '{key}'")
    assert said in commands("sync", "things").err
    assert "put back" not in commands("sync", "things").err
