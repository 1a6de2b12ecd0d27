"""Whatever somebody edits who may write to the database, verify names it; of an untouched record it names nothing."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from changes import digests
from storage import change_log, driver_values, log_rows
from storage.seals import Log
from tests.integration.recorded_world import Json, World, Worlds, bad, is_green

#: The change that is edited: things/2, version 2, with old values and a document.
SEQ = 15


@pytest.fixture
def world(worlds: Worlds, dialect: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[World]:
    with worlds.copy(dialect, tmp_path, capsys) as made:
        yield made


def flipped(value: Any) -> Any:
    """The value with its last character, or its last unit, changed."""
    if isinstance(value, datetime):
        return value + timedelta(microseconds=1)
    if isinstance(value, int):
        return value + 1
    return value[:-1] + ("0" if value[-1] != "0" else "1")


def test_an_untouched_record_is_green_whatever_has_happened_in_it(world: World) -> None:
    found = world.verify()
    assert is_green(found)
    assert {check["name"]: check["count"] for check in found["checks"]} == {
        "heads": 0, "signatures": 17, "numbers": 32, "digests": 32, "roots": 12, "mirror": 17, "deliveries": 10,
        "actions": 10,
    }  # fmt: skip
    assert (found["unsealed"], found["erased"]) == (0, 0)
    assert found["remarks"] == [
        "no head was kept outside: a tail that was cut off, or a rewritten log, would not be seen"
    ]


def test_parts_of_an_untouched_record_are_green_and_it_is_said_what_was_left_out(world: World) -> None:
    sampled = world.verify("--sample", "20")
    assert is_green(sampled)
    assert sampled["remarks"][0].startswith("only 20 changes and 20 records were looked at, drawn at random")
    at = world.value("SELECT observed_at FROM mirrorpoint_change WHERE seq = 21")
    since = world.verify("--since", str(driver_values.from_driver_time(at)))
    assert is_green(since)
    assert next(check["count"] for check in since["checks"] if check["name"] == "digests") == 12
    assert since["remarks"][0].startswith("only changes behind 20 and their records were looked at")
    assert is_green(world.verify("--since", "now"))


def test_what_is_looked_at_twice_counts_once(world: World) -> None:
    def counts(*options: str) -> dict[str, int]:
        return {check["name"]: check["count"] for check in world.verify(*options)["checks"]}

    whole = counts()
    records = world.value("SELECT count(*) FROM mirrorpoint_change WHERE version = 1")
    drawn = counts("--sample", "1000")
    assert (drawn["digests"], drawn["mirror"]) == (whole["digests"], records)
    since = counts("--since", "2020-01-01")
    assert (since["digests"], since["mirror"]) == (whole["digests"], records)


def test_one_byte_of_each_column_of_a_change_is_named_with_its_number(world: World) -> None:
    said = {
        "document": "its document does not match its digest",
        "document_digest": "its document does not match its digest",
        "previous": "its previous values do not match their digest",
        "previous_digest": "its previous values do not match their digest",
        "salt": "its salt, or both its document and its previous values, do not match their digests",
    }
    edits = {"changed": ("/price", "/pricf"), "previous": ("67.89", "67.80"), "document": ("67.88", "67.80")}
    for column in change_log.COLUMNS[1:]:
        value = world.value(f"SELECT {column} FROM mirrorpoint_change WHERE seq = {SEQ}")
        was, new = value, flipped(value) if value != "" and column not in edits else "1"
        if column in edits:
            was = Json(value if isinstance(value, str) else driver_values.json_text(value))
            new = Json(was.text.replace(*edits[column]))
        world.set("mirrorpoint_change", column, f"seq = {SEQ}", new)
        found = world.look()
        assert found["first_bad"]["seq"] == SEQ, column
        told = bad(found)["digests"]
        assert told.startswith(f"change {SEQ}, "), column
        assert told.endswith(said.get(column, "what it says does not match its digest")), column
        world.set("mirrorpoint_change", column, f"seq = {SEQ}", was)
    assert is_green(world.look())


def test_the_words_and_the_exit_code_are_those_of_the_contract(world: World) -> None:
    world.set("mirrorpoint_change", "document", f"seq = {SEQ}", Json('{"id":2}'))
    result, told = world.run("verify"), "change 15, things/2 version 2: its document does not match its digest"
    assert result.code == 6
    assert f"the record was ALTERED: {told}" in result.out
    assert re.search(rf"^BAD digests +32 changes +[0-9.]+ s +{told}$", result.out, re.MULTILINE)
    assert re.search(r"^ok  roots +12 checkpoints +[0-9.]+ s$", result.out, re.MULTILINE)
    found = world.verify()
    assert found["code"] == 6
    assert found["first_bad"] == {"seq": SEQ, "resource": "things", "key": "2", "what": told}


def test_content_that_is_gone_without_an_action_is_named(world: World) -> None:
    world.alter(
        "UPDATE mirrorpoint_change SET document = NULL, previous = '{}', salt = NULL WHERE seq = 15",
        "UPDATE mirrorpoint_change SET document = NULL WHERE seq = 16",
        "UPDATE mirrorpoint_change SET salt = NULL WHERE seq = 20",
    )
    found = world.look()
    assert bad(found)["digests"] == "change 16, things/7 version 1: its document is missing; and 2 more"
    assert [found["first_bad"]["seq"], found["erased"]] == [15, 0]
    assert "no action says that it was erased" in found["first_bad"]["what"]


@pytest.mark.parametrize(("seq", "told"), [(1, "change 1 is missing"), (16, "change 16 is missing")])
def test_a_row_that_was_removed_is_named(world: World, seq: int, told: str) -> None:
    world.alter(f"DELETE FROM mirrorpoint_change WHERE seq = {seq}")
    found = world.look()
    assert found["first_bad"]["what"] == told
    assert found["first_bad"]["seq"] == seq
    assert "numbers" in bad(found)


def test_rows_that_were_removed_at_the_end_are_named_where_they_are_sealed(world: World) -> None:
    world.alter("DELETE FROM mirrorpoint_change WHERE seq > 30")
    found = world.look()
    assert found["first_bad"]["seq"] == 31
    assert bad(found)["numbers"] == "changes 31 to 32 are not there, though the checkpoint of 32 covers it"
    assert (
        "menus/1: it is version 4 in the mirror, which no change tells of; the log's last is 3" in bad(found)["mirror"]
    )


def test_several_things_are_all_named(world: World) -> None:
    world.alter(
        "DELETE FROM mirrorpoint_change WHERE seq IN (3, 4, 30)",
        "UPDATE mirrorpoint_change SET scan_id = 'x' WHERE seq IN (7, 29)",
        "UPDATE things SET size = 18 WHERE key = '5'",
        "UPDATE mirrorpoint_action SET who = 'nobody' WHERE id = 2",
        "DELETE FROM mirrorpoint_delivery WHERE id = 1",
    )
    said = "\n".join(world.look()["told"])
    for told in (
        "changes 3 to 4 are missing",
        "change 7, parts/1/7 version 1: what it says does not match its digest",
        "change 29, menus/1 version 3: what it says does not match its digest",
        "change 30 is missing",
        "things/5: its column size is not what its document says",
        "action 2: what it says does not match its digest",
        "attempt 1 is of delivery 1, which is not there",
    ):
        assert told in said


def test_two_rows_that_changed_places_are_named(world: World) -> None:
    world.alter(
        "UPDATE mirrorpoint_change SET seq = 1000 WHERE seq = 5",
        "UPDATE mirrorpoint_change SET seq = 5 WHERE seq = 6",
        "UPDATE mirrorpoint_change SET seq = 6 WHERE seq = 1000",
    )
    found = world.look()
    assert found["first_bad"]["what"] == "change 5, things/6 version 1: what it says does not match its digest"
    assert bad(found)["digests"].endswith("and 1 more")


@pytest.mark.parametrize("seq", [0, -7, 33, 2**40])
def test_a_row_that_was_put_in_is_named(world: World, seq: int) -> None:
    insert(world, seq=seq, version=9, key="5", is_digested=False)
    found = world.look()
    assert found["first_bad"]["seq"] in {seq, 33}
    assert {"numbers", "digests"} & bad(found).keys()


def test_a_row_that_was_put_in_with_its_digest_behind_the_seal_is_named_with_its_record(world: World) -> None:
    insert(world, seq=33, version=2, key="5")
    found = world.look()
    assert bad(found) == {"mirror": "things/5: it is version 1 in the mirror, and the log's last is 2"}
    assert found["unsealed"] == 1
    assert "the last change is not sealed yet" in found["remarks"]


def test_a_record_whose_versions_have_a_gap_or_begin_late_is_named(world: World) -> None:
    insert(world, seq=33, version=3, key="5")
    insert(world, seq=34, version=2, key="99")
    assert bad(world.look())["numbers"] == "things/5: it has 2 versions, from 1 to 3; and 1 more"


@pytest.mark.parametrize(
    ("key", "version", "kind", "told"),
    [
        ("6", 3, "updated", "change 33, things/6 version 3: it is updated, and the version before it is deleted"),
        ("6", 3, "deleted", "change 33, things/6 version 3: it is deleted, and the version before it is deleted"),
        ("5", 2, "restored", "change 33, things/5 version 2: it is restored, and the version before it is snapshot"),
        ("5", 2, "snapshot", "change 33, things/5 version 2: it is snapshot, and the version before it is snapshot"),
        ("5", 2, "created", "change 33, things/5 version 2: it is created, and it is not its record's first version"),
        ("99", 1, "updated", "change 33, things/99 version 1: a first version cannot be updated"),
    ],
)
def test_a_change_that_cannot_follow_is_named(world: World, key: str, version: int, kind: str, told: str) -> None:
    insert(world, seq=33, version=version, key=key, kind=kind)
    assert bad(world.look())["numbers"] == told


def test_a_log_without_its_unique_index_is_named(world: World) -> None:
    world.alter("DROP INDEX mirrorpoint_change_record")
    assert "source, resource, parent_key, key, version" in bad(world.look())["numbers"]


def test_each_column_of_a_mirrored_row_is_named_with_its_record(world: World) -> None:
    edits = {"name": "bolz", "size": 4, "price": 0.2, "sold": True, "since": None, "tags": Json('["a",{"b":true}]')}
    edits |= {"version": 2, "fingerprint": "1:0"}
    others = {
        "version": "it is version 2 in the mirror, which no change tells of; the log's last is 1",
        "fingerprint": "its fingerprint was made by no rule that its catalogue ever gave",
    }
    for column, value in edits.items():
        was = world.value(f"SELECT {column} FROM things WHERE key = '1'")
        if column == "tags":
            was = Json(was if isinstance(was, str) else driver_values.json_text(was))
        world.set("things", column, "key = '1'", value)
        found = world.look()
        told = others.get(column, f"its column {column} is not what its document says")
        assert bad(found)["mirror"].startswith(f"things/1: {told}"), column
        assert (found["first_bad"]["resource"], found["first_bad"]["key"]) == ("things", "1")
        world.set("things", column, "key = '1'", was)
    assert is_green(world.look())


def test_the_times_of_mirrored_rows_are_those_of_the_log(world: World) -> None:
    for key, column in (("4", "first_seen_at"), ("7", "changed_at"), ("5", "deleted_at"), ("1", "changed_at")):
        world.set(
            "things", column, f"key = '{key}'", flipped(world.value("SELECT changed_at FROM things WHERE key = '1'"))
        )
    world.set("things", "deleted_at", "key = '6'", None)
    told = world.look()["told"]
    assert sum(each.startswith("things/4: its first_seen_at is ") for each in told) == 1
    assert sum(each.startswith("things/7: its changed_at is ") for each in told) == 1
    assert sum(each.startswith("things/1: its changed_at is ") for each in told) == 1
    assert "things/5: it is marked deleted, and its last change, 5, did not delete it" in told
    assert "things/6: it is not marked deleted, and change 18 has deleted it" in told
    assert len(told) == 5


def test_mirrored_documents_are_named_with_where_they_differ(world: World) -> None:
    edits = {
        ("1", "/name"): ('"bolt"', '"bolz"'),
        ("1", "/labels"): ('["y","x"]', '["y","z"]'),
        ("1", "/password"): ("sealed:", "sealed;"),
        ("2", "/price"): ("67.88", "67.880000000000001"),
        ("2", "/size"): ("000007,", "000008,"),
        ("6", "/id"): ('"id":6', '"id":60'),
        ("5", "/tags"): ("{}", "[]"),
    }
    for (key, where), edit in edits.items():
        was = replace_in_document(world, "things", key, *edit)
        told = bad(world.look())["mirror"]
        assert told.startswith(f"things/{key}: its document is not that of change")
        assert f"(it differs in {where})" in told
        world.set("things", "document", f"key = '{key}'", was)
    assert is_green(world.look())


def test_documents_of_all_shapes_are_compared(world: World) -> None:
    replace_in_document(world, "parts", "7", "them", "us")
    replace_in_document(world, "leaflets", "a/b", "a/b", "a/c")
    replace_in_document(world, "menus", "3", "3", "4")
    said = "\n".join(world.look()["told"])
    assert "parts/1/7: its document is not that of change 21 (it differs in /made/by)" in said
    assert "leaflets/a%2Fb: its document is not that of change 9 (it differs in the whole of it)" in said
    assert "menus/3: its document is not that of change 32 (it differs in /id)" in said


def test_volatile_members_may_differ_but_not_from_the_fingerprint(world: World) -> None:
    replace_in_document(world, "things", "1", '"seen":2', '"seen":4')
    assert bad(world.look()) == {"mirror": "things/1: its fingerprint is not that of its document"}


def test_a_document_that_says_the_same_in_another_form_is_named(world: World) -> None:
    if world.dialect == "sqlite":  # PostgreSQL keeps values, which have no form
        replace_in_document(world, "things", "7", '"id":7', '"id": 7')
        world.set(
            "mirrorpoint_change", "document", "seq = 20", world.value("SELECT document FROM things WHERE key='7'")
        )
        assert bad(world.look()) == {
            "digests": "change 20, things/7 version 2: its document does not match its digest",
            "mirror": "things/7: its document is no JSON as Mirrorpoint writes it",
        }


def test_a_mirrored_row_that_was_added_or_removed_is_named(world: World) -> None:
    world.alter(
        "INSERT INTO leaflets (source, parent_key, key, document, version, fingerprint, first_seen_at, changed_at) "
        "SELECT source, parent_key, 'added', document, 1, fingerprint, first_seen_at, changed_at FROM leaflets "
        "WHERE key = 'a/b'",
        "DELETE FROM things WHERE key IN ('1', '6')",
        "UPDATE parts SET key = '9' WHERE key = '8'",
    )
    said = "\n".join(world.look()["told"])
    for told in (
        "leaflets/added: it is in the mirror, and no change tells of it",
        "things/1: it has no row in the mirror, and the log tells of it up to version 1",
        "things/6: it has no row in the mirror, and the log tells of it up to version 2",
        "parts/1/9: it is in the mirror, and no change tells of it",
        "parts/1/8: it has no row in the mirror, and the log tells of it up to version 2",
    ):
        assert told in said
    sampled = world.verify("--sample", "1000")
    assert "things/1: it has no row in the mirror" in bad(sampled)["mirror"]


def test_a_row_of_a_source_that_nobody_knows_is_named(world: World) -> None:
    world.set("things", "source", "key = '5'", "evil")
    said = "\n".join(world.look()["told"])
    assert "things/5: it is in the mirror, and no change tells of it" in said
    assert "things/5: it has no row in the mirror" in said


@pytest.mark.parametrize("table", ["things", "mirrorpoint_seal", "mirrorpoint_change"])
def test_a_table_that_is_gone_is_named(world: World, table: str) -> None:
    world.alter(f"DROP TABLE {table}" + ("" if world.dialect == "sqlite" else " CASCADE"))
    found = world.look()
    assert f"the table {'of shop:things' if table == 'things' else table} is gone" in found["first_bad"]["what"]
    assert bad(found)


def test_a_typed_column_that_is_gone_is_named(world: World) -> None:
    world.alter("ALTER TABLE things DROP COLUMN size")
    assert "the table of shop:things does not have the columns any more" in bad(world.look())["mirror"]


def test_who_forgets_that_columns_were_filled_does_not_keep_them_from_being_compared(world: World) -> None:
    world.alter("DELETE FROM mirrorpoint_prepared", "UPDATE things SET size = 4 WHERE key = '1'")
    assert bad(world.look())["mirror"] == "things/1: its column size is not what its document says"


def test_who_forgets_all_that_is_kept_of_a_list_is_found_out(world: World) -> None:
    world.alter("DELETE FROM mirrorpoint_prepared", "UPDATE mirrorpoint_resource SET read_as = NULL")
    world.alter("UPDATE things SET size = 4 WHERE key = '1'")
    said = "\n".join(world.look()["told"])
    assert "mirrorpoint_resource does not have the rule of shop:things that action " in said
    assert "things/1: its column size is not what its document says" in said


def test_who_forgets_that_columns_were_filled_does_not_hide_that_one_is_gone(world: World) -> None:
    world.alter("DELETE FROM mirrorpoint_prepared", "ALTER TABLE things DROP COLUMN size")
    assert "the table of shop:things does not have the columns any more" in bad(world.look())["mirror"]


def test_deliveries_and_attempts_of_changes_that_are_not_there_are_named(world: World) -> None:
    world.alter(
        "UPDATE mirrorpoint_delivery SET change_seq = 500 WHERE id = 1",
        "UPDATE mirrorpoint_delivery SET record = 'shop/things/5' WHERE id = 2",
        "UPDATE mirrorpoint_delivery SET change_seq = NULL WHERE id = 3",
        "UPDATE mirrorpoint_delivery SET change_seq = NULL, notice_id = 'x' WHERE id = 4",
        "UPDATE mirrorpoint_attempt SET delivery_id = 700 WHERE id = 2",
    )
    said = "\n".join(world.look()["told"])
    for told in (
        "delivery 1 is of change 500, which is not there",
        "delivery 2 is of change 16, which is of another record than shop/things/5",
        "delivery 3 belongs to no change and to no notice",
        "delivery 4 is of a notice that is not there",
        "attempt 1 is of another change or point than its delivery 1",
        "attempt 2 is of delivery 700, which is not there",
    ):
        assert told in said


def test_one_byte_of_each_column_of_an_action_is_named(world: World) -> None:
    for column in log_rows.COLUMNS[Log.ACTIONS][2:]:
        value = world.value(f"SELECT {column} FROM mirrorpoint_action WHERE id = 2")
        was, new = (Json("{}"), Json('{"a":1}')) if column == "arguments" else (value, flipped(value))
        world.set("mirrorpoint_action", column, "id = 2", new)
        assert bad(world.look())["actions"].startswith("action 2: what it says does not match its digest"), column
        world.set("mirrorpoint_action", column, "id = 2", was)
    assert is_green(world.look())


def test_actions_that_were_removed_put_in_or_hung_elsewhere_are_named(world: World) -> None:
    world.set("mirrorpoint_action", "of", "id = 2", None)
    assert bad(world.look()) == {"actions": "action 2: what it says does not match its digest"}
    world.alter("DELETE FROM mirrorpoint_action WHERE id = 2")
    assert bad(world.look())["actions"] == "action 2 is missing"
    world.alter("DELETE FROM mirrorpoint_action")
    assert bad(world.look())["actions"] == "actions 1 to 10 are not there, though the checkpoint of 10 covers it"


def test_a_checkpoint_that_was_edited_is_named(world: World) -> None:
    where = "log = 'changes' AND size = 8"
    for column in ("root", "checkpoint"):
        was = world.value(f"SELECT {column} FROM mirrorpoint_seal WHERE {where}")
        world.set("mirrorpoint_seal", column, where, flipped(was))
        assert bad(world.look())["signatures"].startswith("the checkpoint of 8 changes was edited")
        world.set("mirrorpoint_seal", column, where, was)
    world.set("mirrorpoint_seal", "size", where, 9)
    assert bad(world.look())["signatures"].startswith("the checkpoint of 9 changes was edited")


def test_text_that_is_none_is_named_and_ends_nothing(world: World) -> None:
    if world.dialect == "sqlite":  # PostgreSQL takes none
        world.alter(
            "UPDATE mirrorpoint_change SET scan_id = CAST(x'ff41' AS TEXT) WHERE seq = 5",
            "UPDATE mirrorpoint_change SET document = 17 WHERE seq = 6",
            "UPDATE mirrorpoint_change SET version = 'two', key = CAST(x'fe' AS TEXT) WHERE seq = 15",
            "UPDATE things SET document = CAST(x'ff' AS TEXT), version = 'one' WHERE key = '1'",
            "UPDATE things SET document = '{', changed_at = 'never' WHERE key = '5'",
            "UPDATE mirrorpoint_action SET arguments = 'nonsense', at = 'never' WHERE id = 1",
        )
        result = world.run("verify")
        assert result.code == 6
        for seq in (5, 6, 15):
            assert f"change {seq}, things/" in result.out
        found = world.look()
        assert bad(found)
        for what in (
            "things/1: ",
            "things/5: its document is no JSON",
            "action 1: it holds what Mirrorpoint never writes",
        ):
            assert any(each.startswith(what) for each in found["told"])


def test_a_part_of_the_record_finds_what_lies_in_it(world: World) -> None:
    world.set("mirrorpoint_change", "scan_id", "seq = 32", "x")
    world.set("menus", "fingerprint", "key = '1'", "1:0")
    at = driver_values.from_driver_time(world.value("SELECT observed_at FROM mirrorpoint_change WHERE seq = 31"))
    assert bad(world.verify("--since", str(at))).keys() == {"digests", "mirror"}
    assert bad(world.verify("--sample", "1000")).keys() == {"digests", "mirror"}
    replace_digest(world, 32)
    told = "one of changes 1 to 32: the checkpoint of 32 was made over other digests"
    assert bad(world.verify("--sample", "1000"))["roots"] == told


def replace_in_document(world: World, table: str, key: str, old: str, new: str) -> Json:
    """Returns what it was."""
    value = world.value(f"SELECT document FROM {table} WHERE key = '{key}'")
    text = value if world.dialect == "sqlite" else driver_values.json_text(value)
    assert old in text
    world.set(table, "document", f"key = '{key}'", Json(text.replace(old, new)))
    return Json(text)


def replace_digest(world: World, seq: int) -> None:
    """Somebody who knows how a digest is made."""
    with world.database() as database, database.read() as session:
        (row,) = log_rows.by_number(session, Log.CHANGES, [seq])
    world.set("mirrorpoint_change", "digest", f"seq = {seq}", digest_of(row))


def digest_of(row: Any) -> str:
    """Of a row as the driver gives it, by what is written down in docs/record.md alone."""
    fields = [*row[:9], row[16], row[15], *row[11:14]]
    if isinstance(fields[8], str):
        fields[8] = json.loads(fields[8])
    for place in (11, 12):
        moment = driver_values.from_driver_time(fields[place])
        fields[place] = None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return hashlib.sha256(json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()


def insert(world: World, *, seq: int, version: int, key: str, kind: str = "updated", is_digested: bool = True) -> None:
    """A change of a thing as somebody would write it who knows the form."""
    columns = ", ".join(name for name in change_log.COLUMNS if name not in {"seq", "id", "version", "kind", "key"})
    (id_,) = digests.ids([datetime.fromisoformat("2026-11-22T00:00:00+00:00")])
    world.alter(
        f"INSERT INTO mirrorpoint_change (seq, id, version, kind, key, {columns}) "
        f"SELECT {seq}, '{id_}', {version}, '{kind}', '{key}', {columns} FROM mirrorpoint_change WHERE seq = {SEQ}"
    )
    if is_digested:
        replace_digest(world, seq)
