"""Rows become records: keys, sealing, repairs, doubles, trees; what cannot be taken is skipped with a reason."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changes import fingerprint, normalise
from changes.records import Batch, Id
from changes.resources import PointFields, Resource, Shape, child_parent_key
from tests.unit.json_values import documents, fixed, resource, values


def sealed(value: Any) -> Any:
    return f"sealed({fingerprint.canonical(value).decode()})"


def read(of: Resource, *rows: Any, parent_key: str = "") -> Batch:
    return normalise.read(of, rows, parent_key=parent_key, seal=sealed)


def keys(batch: Batch) -> list[str]:
    return [record.id.key for record in batch.records]


def documents_of(batch: Batch) -> list[Any]:
    return [normalise.parse(record.canonical) for record in batch.records]


def test_a_row_becomes_a_record_under_its_parent() -> None:
    batch = read(resource(), {"name": "b", "id": 7}, parent_key="42")
    (record,) = batch.records
    assert record.id == Id("42", "7")
    assert record.canonical == b'{"id":7,"name":"b"}'
    assert record.fingerprint == fingerprint.fingerprint(resource(), {"id": 7, "name": "b"})
    assert record.point is None
    assert (batch.skipped, batch.doubles, batch.repaired) == ((), 0, 0)


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (7, "7"),
        (7.0, "7"),
        ("7", "7"),
        (-1, "-1"),
        (0, "0"),
        (2**70, str(2**70)),
        (1e22, "1" + "0" * 22),
        (" ", " "),
        ("x" * 500, "x" * 500),
    ],
)
def test_a_usable_key_is_kept_as_text(value: Any, key: str) -> None:
    assert keys(read(resource(), {"id": value})) == [key]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (True, "cannot be keyed by id: it is a boolean"),
        ({"a": "secret"}, "cannot be keyed by id: it is an object"),
        (["secret"], "cannot be keyed by id: it is a list"),
        (1.5, "cannot be keyed by id: it is a fraction"),
        ("", "cannot be keyed by id: it is empty"),
        ("x" * 501, "cannot be keyed by id: it is 501 characters long, at most 500 fit"),
        (10**500, "cannot be keyed by id: it is 501 characters long, at most 500 fit"),
        (None, "has no id that could be its key"),
        (fingerprint.Unholdable(), "holds a number beyond all bounds"),
    ],
)
def test_an_unusable_key_skips_its_row_alone_and_says_why(value: Any, reason: str) -> None:
    batch = read(resource(), {"id": 1}, {"id": value}, {"id": 3}, parent_key="42")
    assert keys(batch) == ["1", "3"]
    assert batch.skipped == (f"products under 42: row 2 {reason}",)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (None, "products: row 1 is null"),
        (5, "products: row 1 is a number, not an object"),
        (False, "products: row 1 is a boolean, not an object"),
        (["secret"], "products: row 1 is a list, not an object"),
        ({"name": "secret"}, "products: row 1 has no id that could be its key"),
        ("", "products: row 1 cannot be keyed by its text: it is empty"),
    ],
)
def test_a_row_that_is_no_record_is_skipped_without_a_word_of_its_contents(row: Any, reason: str) -> None:
    assert read(resource(), row).skipped == (reason,)


def test_a_row_nested_too_deep_is_skipped_alone() -> None:
    deep: Any = 1
    for _ in range(300):
        deep = [deep]
    batch = read(resource(), {"id": 1, "deep": deep}, {"id": 2})
    assert (keys(batch), batch.skipped) == (["2"], ("products: row 1 is nested deeper than 254 levels",))


def test_a_row_that_cannot_be_taken_is_known_to_be_there_by_its_key() -> None:
    beyond = fingerprint.Unholdable()
    batch = read(resource(), {"id": 7, "rate": beyond}, {"rate": beyond}, None, {"id": "a\0", "rate": beyond})
    assert (batch.records, batch.unread) == ((), (Id("", "7"), Id("", "a\u2400")))


@pytest.mark.parametrize(("parent_key", "key", "size"), [("p" * 1200, "k" * 500, 1701), ("", "\U0001f600" * 500, 2000)])
def test_a_key_that_no_index_can_hold_skips_its_row(parent_key: str, key: str, size: int) -> None:
    batch = read(resource(), {"id": key}, {"id": key[:100]}, parent_key=parent_key)
    assert keys(batch) == [key[:100]]
    assert batch.skipped[0].endswith(f"row 1 has a key of {size} bytes, with those of its parents, at most 1600 fit")


def test_rows_are_counted_from_the_first_of_the_list() -> None:
    batch = normalise.read(resource(), [{"id": 1}, None], parent_key="", seal=sealed, places=[101, 102])
    assert batch.skipped == ("products: row 102 is null",)


def test_the_first_member_that_is_there_is_the_key() -> None:
    guessed = resource(key=("id", "name", "code", "type", "#"))
    batch = read(guessed, {"code": "c", "name": "n"}, {"id": None, "type": "t"}, {"id": 0, "name": "n"})
    assert keys(batch) == ["n", "t", "0"]


def test_the_fingerprint_is_the_key_where_there_is_no_other() -> None:
    guessed = resource(key=("id", "#"), volatile=("/seen",))
    batch = read(guessed, {"a": 1, "seen": 1}, {"seen": 2, "a": 1.0}, {"a": 2}, 5, [5])
    assert len(set(keys(batch))) == 4
    assert batch.doubles == 1
    assert {len(key) for key in keys(batch)} == {32}
    assert keys(batch)[0] == fingerprint.main_hash(batch.records[0].fingerprint)


@pytest.mark.parametrize("key", [("id",), ("$",), ("id", "#")])
def test_a_text_is_its_own_key_and_document(key: tuple[str, ...]) -> None:
    batch = read(resource(key=key), "sms", "smtp")
    assert (keys(batch), documents_of(batch)) == (["sms", "smtp"], ["sms", "smtp"])


def test_rows_themselves_as_keys_may_be_numbers() -> None:
    batch = read(resource(key=("$",)), 840, {"id": 1})
    assert keys(batch) == ["840"]
    assert batch.skipped == ("products: row 2 cannot be keyed by the row itself: it is an object",)


def test_of_two_rows_with_one_key_the_last_wins_and_it_is_counted() -> None:
    batch = read(resource(), {"id": 1, "v": 1}, {"id": 2}, {"id": "1", "v": 2}, {"id": 1.0, "v": 3})
    assert (keys(batch), batch.doubles) == (["1", "2"], 2)
    assert documents_of(batch)[0] == {"id": 1, "v": 3}


def test_nul_and_half_characters_are_repaired_in_keys_too_and_their_rows_counted() -> None:
    batch = read(resource(key=("id", "name")), {"id": "a\x00", "b\ud800": "\x00\x00"}, {"id": 2}, "c\udcff")
    assert (keys(batch), batch.repaired) == (
        ["a\u2400", "2", fingerprint.repaired_key("c\udcff")],
        2,
    )
    assert documents_of(batch) == [{"id": "a\u2400", "b\ufffd": "\u2400\u2400"}, {"id": 2}, "c\ufffd"]


def test_integers_beyond_64_bits_stay_exact_to_the_record() -> None:
    rows = normalise.rows_of(resource(), normalise.parse(b'{"data":[{"id":123456789012345678901234567890}]}')).rows
    (record,) = read(resource(), *rows).records
    assert (record.id.key, record.canonical) == (
        str(123456789012345678901234567890),
        b'{"id":123456789012345678901234567890}',
    )


def test_a_row_of_200_kilobytes_is_a_row() -> None:
    (record,) = read(resource(), {"id": 1, "text": "\U0001f600" * 50_000}).records
    assert len(record.canonical) > 200_000


def test_secrets_are_sealed_whole_before_anything_is_made_of_them() -> None:
    connections = resource("connections", secrets=("/providerOptions/*", "/rows/*/token"))
    row = {"id": 1, "providerOptions": {"login": "l", "deep": {"password": "p"}}, "rows": [{"token": "t", "n": 1}, {}]}
    before = repr(row)
    (record,) = read(connections, row).records
    document = normalise.parse(record.canonical)
    assert document == {
        "id": 1,
        "providerOptions": {"login": 'sealed("l")', "deep": 'sealed({"password":"p"})'},
        "rows": [{"token": 'sealed("t")', "n": 1}, {}],
    }
    assert fingerprint.main_hash(record.fingerprint) == fingerprint.main_hash(
        fingerprint.fingerprint(connections, document)
    )
    assert repr(row) == before


@pytest.mark.parametrize("options", ["login:secret", [{"name": "password", "value": "secret"}], ["secret"], 4711])
def test_secrets_in_another_dress_than_the_catalogue_expects_are_sealed_too(options: Any) -> None:
    connections = resource("connections", secrets=("/options/password",))
    (record,) = read(connections, {"id": 1, "options": options}).records
    assert normalise.parse(record.canonical) == {"id": 1, "options": sealed(options)}


def test_texts_in_a_list_of_objects_with_secrets_are_sealed_too() -> None:
    connections = resource("connections", secrets=("/rows/*/token",))
    (record,) = read(connections, {"id": 1, "rows": ["secret", {"token": "secret"}, None, {}]}).records
    assert normalise.parse(record.canonical)["rows"] == [sealed("secret"), {"token": sealed("secret")}, None, {}]


def test_another_secret_is_another_fingerprint() -> None:
    connections = resource("connections", secrets=("/password",))
    marks = [read(connections, {"id": 1, "password": password}).records[0].fingerprint for password in ("a", "b")]
    assert not fingerprint.same_meaning(*marks)


def test_volatile_fields_are_in_the_document_and_in_the_last_part_of_the_fingerprint_only() -> None:
    accounts = resource("accounts", volatile=("/statement",))
    (calm,) = read(accounts, {"id": 1, "statement": 1}).records
    (busy,) = read(accounts, {"id": 1, "statement": 2}).records
    assert normalise.parse(busy.canonical) == {"id": 1, "statement": 2}
    assert calm.fingerprint != busy.fingerprint
    assert fingerprint.same_meaning(calm.fingerprint, busy.fingerprint)


def test_a_point_is_told_in_clear_beside_its_sealed_document() -> None:
    points = resource(
        "integration_points",
        secrets=("/token_remote",),
        points=PointFields(code="code", type="type", url="url", token="token_remote"),
    )
    row = {"id": 9, "code": "CRM", "type": 3, "url": None, "token_remote": "secret"}
    whole, bare = read(points, row, {"id": 10, "code": ["x"], "url": "https://a\x00b"}).records
    assert whole.point == {"code": "CRM", "type": "3", "url": "", "token": "secret"}
    assert bare.point == {"code": "", "type": "", "url": "https://a\u2400b", "token": ""}
    assert b"secret" not in whole.canonical.replace(b'sealed(\\"secret\\")', b"")


def test_settings_are_keyed_by_their_parent() -> None:
    settings = resource("sms_provider_settings", shape=Shape.OBJECT, ancestors=("sms_provider_types",))
    parent_key = child_parent_key("", "a/b")
    batch = read(settings, {"id": 5, "key": {"value": 1}}, parent_key=parent_key)
    assert batch.records[0].id == Id("a%2Fb", "a/b")
    assert keys(read(settings, [], parent_key="3/smsc")) == ["smsc"]
    assert keys(read(settings, {"a": 1})) == ["sms_provider_settings"]


def test_a_tree_is_one_record_per_node_with_the_keys_of_its_children() -> None:
    menus = resource("menus", shape=Shape.TREE)
    root = {"id": 1, "children": [{"id": 2, "children": [{"id": 3, "children": []}]}, {"id": 4}]}
    batch = read(menus, root, {"id": 5, "children": None})
    assert documents_of(batch) == [
        {"id": 1, "children": ["2", "4"]},
        {"id": 2, "children": ["3"]},
        {"id": 3, "children": []},
        {"id": 4},
        {"id": 5, "children": None},
    ]


def test_a_node_moved_changes_its_old_and_its_new_parent_and_nothing_above() -> None:
    menus = resource("menus", shape=Shape.TREE, children="items")
    before = read(menus, {"id": 1, "items": [{"id": 2, "items": [{"id": 9}]}, {"id": 3, "items": []}]})
    after = read(menus, {"id": 1, "items": [{"id": 2, "items": []}, {"id": 3, "items": [{"id": 9}]}]})
    marks = {record.id.key: record.fingerprint for record in before.records}
    assert {record.id.key for record in after.records if record.fingerprint != marks[record.id.key]} == {"2", "3"}


def test_a_node_that_cannot_be_taken_does_not_take_its_relatives_along() -> None:
    menus = resource("menus", shape=Shape.TREE)
    root = {"id": 1, "children": [None, {"name": "secret", "children": [{"id": 2}, "text"]}, {"id": 3}]}
    batch = read(menus, root)
    assert keys(batch) == ["1", "2", "text", "3"]
    assert documents_of(batch)[0] == {"id": 1, "children": ["3"]}
    assert batch.skipped == ("menus: row 1.1 is null", "menus: row 1.2 has no id that could be its key")


def test_a_node_that_cannot_be_taken_but_has_its_key_stays_a_child() -> None:
    menus = resource("menus", shape=Shape.TREE)
    batch = read(menus, {"id": 1, "children": [{"id": 2, "rate": fingerprint.Unholdable()}]})
    assert documents_of(batch) == [{"id": 1, "children": ["2"]}]
    assert batch.unread == (Id("", "2"),)


def test_nodes_keyed_by_their_fingerprint_have_keys() -> None:
    menus = resource("menus", shape=Shape.TREE, key=("id", "#"))
    batch = read(menus, {"children": [{"children": [{"a": 1}]}]})
    root, middle, leaf = batch.records
    assert normalise.parse(middle.canonical) == {"children": [leaf.id.key]}
    assert normalise.parse(root.canonical) == {"children": [middle.id.key]}


def test_a_tree_without_end_is_cut_and_told() -> None:
    menus = resource("menus", shape=Shape.TREE)
    node: Any = {"id": 0, "children": []}
    for number in range(1, 400):
        node = {"id": number, "children": [node]}
    batch = read(menus, node, {"id": "other"})
    assert len(batch.records) == 200
    assert len(batch.skipped) == 1
    assert batch.skipped[0].endswith("has nodes below level 200")


@fixed
@given(rows=st.lists(st.one_of(documents, values), max_size=6))
@pytest.mark.parametrize("key", [("id",), ("id", "name", "#"), ("$",)])
def test_every_row_is_a_record_a_double_or_a_reason(key: tuple[str, ...], rows: list[Any]) -> None:
    batch = read(resource(key=key), *rows)
    assert len(batch.records) + batch.doubles + len(batch.skipped) == len(rows)
    assert len({record.id for record in batch.records}) == len(batch.records)


@fixed
@given(rows=st.lists(st.one_of(documents, values), max_size=6))
def test_reading_what_was_read_changes_nothing(rows: list[Any]) -> None:
    guessed = resource(key=("id", "name", "#"), volatile=("/0",))
    once = read(guessed, *rows)
    again = read(guessed, *documents_of(once))

    assert [record._replace(parsed=None) for record in again.records] == [
        record._replace(parsed=None) for record in once.records
    ]
    assert replace(again, records=()) == Batch(())
