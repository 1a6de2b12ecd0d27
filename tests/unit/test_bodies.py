"""Reading the body of an answer: its JSON, its rows, its total."""

from __future__ import annotations

import json
import pickle
from typing import Any

import orjson
import pytest
from hypothesis import given

from changes import fingerprint, lenient, normalise, raw_rows
from changes.resources import Envelope, Shape
from tests.unit.json_values import fixed, resource, values


@fixed
@given(value=values)
def test_whatever_json_says_is_read_back(value: Any) -> None:
    assert normalise.parse(fingerprint.canonical(value)) == value


@pytest.mark.parametrize(
    "number",
    [2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 10**30, -(10**400)],
    ids=lambda number: f"{str(number)[:22]}",
)
@pytest.mark.parametrize("around", ["%d", "[%d]", '{"id":%d}', '{"id": %d }', "[1,%d,2]", "[\n%d\n]"])
def test_integers_of_any_size_are_exact(number: int, around: str) -> None:
    found = normalise.parse((around % number).encode())
    while not isinstance(found, int):
        found = max(found.values() if isinstance(found, dict) else found, key=abs)
    assert found == number


def test_long_digits_in_a_text_do_not_change_what_is_read() -> None:
    body = {
        "number": "12345678901234567890123",
        "text": "1, 12345678901234567890, 2",
        "share": 0.12345678901234567890123,
    }
    assert normalise.parse(orjson.dumps(body)) == body


def test_a_text_is_read_as_its_bytes_are() -> None:
    assert normalise.parse('{"a":"é"}') == normalise.parse('{"a":"é"}'.encode()) == {"a": "é"}


def test_half_characters_survive_the_reading_so_that_their_row_alone_is_repaired() -> None:
    assert normalise.parse(rb'["\ud83d", "\ud83d\ude00"]') == ["\ud83d", "\U0001f600"]


def test_bytes_that_are_no_utf_8_become_half_characters() -> None:
    assert fingerprint.written(normalise.parse(b'["caf\xe9"]')) == ('["caf\ufffd"]'.encode(), True)


def test_a_byte_order_mark_is_passed_over() -> None:
    assert normalise.parse(b'\xef\xbb\xbf{"a":1}') == {"a": 1}


@pytest.mark.parametrize("digits", ["1e4400", "-1e999999", "9" * 5000])
def test_a_number_beyond_all_bounds_does_not_spoil_its_neighbours(digits: str) -> None:
    small, huge = normalise.parse(f'[{{"a":1}}, {{"a":{digits}}}]'.encode())
    assert small == {"a": 1}
    assert isinstance(huge["a"], fingerprint.Unholdable)


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_what_is_nested_deeper_than_can_be_read_does_not_spoil_its_neighbours(opening: bytes) -> None:
    closing = b"]" if opening == b"[" else b"}"
    deep = opening * 100_000 + b'"[{"' + closing * 100_000
    first, between, last = normalise.parse(b'{"data":[{"a":1}, {"a":' + deep + b'}, {"a":"]}"}]}')["data"]
    assert (first, last) == ({"a": 1}, {"a": "]}"})
    with pytest.raises(ValueError, match="is nested"):
        fingerprint.written(between)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "is empty"),
        (b"  \n", "is empty"),
        (b"<!DOCTYPE html><html></html>", "is HTML or XML"),
        (b"\xef\xbb\xbf <html>", "is HTML or XML"),
        (b'{"data":[{"id":1},{"id"', "is cut short after 23 bytes"),
        (b'{"data":[{"id":1},{"id":2', "is cut short"),
        (b'{"data":[{"id":1},', "is cut short"),
        (b'{"data":[{"name":"secret', "is cut short"),
        (b'{"total":12345678901234567890,"da', "is cut short"),
        (b"OK", "is not JSON"),
        (b'{"a":1} trailing', "is not JSON"),
        (b"\xff\xfe\x00", "is not JSON"),
        (b"[" * 100_000, "is cut short after 100000 bytes"),
    ],
)
def test_what_is_no_json_says_what_it_is(body: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        normalise.parse(body)
    assert "secret" not in str(caught.value)


def test_rows_are_in_the_envelope_or_are_the_body() -> None:
    rows = [{"id": 1}, {"id": 2}]
    assert normalise.rows_of(resource(), {"total": 7, "data": rows}) == normalise.Rows(rows, 7)
    assert normalise.rows_of(resource(), rows) == normalise.Rows(rows, None)
    assert normalise.rows_of(resource(), {"data": []}) == normalise.Rows([], None)


def test_the_first_envelope_that_fits_is_taken() -> None:
    foreign = resource(envelope=Envelope(rows=("items", "data"), total=("count", "total")))
    body = {"items": None, "data": [1], "count": "many", "total": "12"}
    assert normalise.rows_of(foreign, body) == normalise.Rows([1], 12)


@pytest.mark.parametrize(
    ("said", "total"),
    [
        (0, 0),
        ("0", 0),
        ("007", 7),
        (None, None),
        (True, None),
        (-1, None),
        (1.5, None),
        ("1.5", None),
        ("", None),
        ("٣", None),
        ([], None),
        ("9" * 30, None),
        (10**18 - 1, 10**18 - 1),
        (2**63, None),
        (2**70, None),
    ],
)
def test_a_total_is_a_number_or_nothing(said: Any, total: int | None) -> None:
    assert normalise.rows_of(resource(), {"data": [], "total": said}).total == total


def test_settings_are_the_whole_body_even_where_it_looks_like_an_envelope() -> None:
    settings = resource(shape=Shape.OBJECT)
    body = {"data": [1], "total": 1}
    assert normalise.rows_of(settings, body) == normalise.Rows([body], None)
    assert normalise.rows_of(settings, []) == normalise.Rows([[]], None)


def test_a_tree_is_its_roots_or_its_one_root() -> None:
    menus = resource(shape=Shape.TREE)
    root = {"id": 1, "children": [{"id": 2}]}
    assert normalise.rows_of(menus, [root]).rows == [root]
    assert normalise.rows_of(menus, {"total": 1, "data": [root]}) == normalise.Rows([root], 1)
    assert normalise.rows_of(menus, root).rows == [root]


@pytest.mark.parametrize(
    "body", [None, {}, {"data": None}, {"data": {}}, {"data": None, "total": 0}, {"total": 0}, {"total": 5}]
)
def test_an_answer_that_says_that_there_is_nothing_is_an_empty_list(body: Any) -> None:
    assert [] == normalise.rows_of(resource(), body).rows


@pytest.mark.parametrize(
    ("shape", "body", "message"),
    [
        (Shape.LIST, 7, "products: the answer is a number, expected an object with a list under 'data' or a list"),
        (Shape.LIST, {"data": "secret"}, "products: the answer is an object, expected"),
        (Shape.LIST, {"success": False}, "products: the answer is an object, expected"),
        (Shape.LIST, {"data": None, "success": False}, "products: the answer is an object, expected"),
        (Shape.LIST, {"total": 5, "items": [1]}, "products: the answer is an object, expected"),
        (Shape.LIST, {"error": "secret"}, "products: the answer is an object, expected"),
        (Shape.LIST, "secret", "products: the answer is a text, expected"),
        (Shape.TREE, {"id": 1}, "products: the answer is an object, expected"),
        (Shape.OBJECT, "secret", "products: the answer is a text, expected one object"),
        (Shape.OBJECT, None, "products: the answer is null, expected one object"),
    ],
)
def test_another_shape_is_told_and_never_taken_for_an_empty_list(shape: Shape, body: Any, message: str) -> None:
    with pytest.raises(normalise.UnexpectedShape) as caught:
        normalise.rows_of(resource(shape=shape), body)
    assert str(caught.value).startswith(message)
    assert "secret" not in str(caught.value)


def test_an_unexpected_shape_survives_pickling() -> None:
    error = normalise.UnexpectedShape("products", "null", "a list")
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.resource) == (str(error), "products")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"data": {"0": {"id": 1}, "1": {"id": 2}}, "total": 2}, [1, 2]),
        ({"data": {"10": {"id": 11}, "11": {"id": 12}}}, [11, 12]),
        ({"data": {"2": {"id": 3}, "0": {"id": 1}}}, [3, 1]),
        ({"0": {"id": 1}, "1": {"id": 2}}, [1, 2]),
    ],
    ids=str,
)
def test_rows_may_be_the_members_of_an_object_that_are_named_by_numbers(body: Any, expected: list[int]) -> None:
    raw = orjson.dumps(body)
    assert raw_rows.cut(resource(), raw) is None
    assert [row["id"] for row in normalise.rows_of(resource(), normalise.parse(raw)).rows] == expected


@pytest.mark.parametrize("body", [{"data": {"0": 1, "1": 2}}, {"data": {"a": {"id": 1}}}, {"0": {"id": 1}, "total": 1}])
def test_another_object_is_no_list(body: Any) -> None:
    with pytest.raises(normalise.UnexpectedShape):
        normalise.rows_of(resource(), body)


NO_VALUE, NO_TEXT = "holds a value that JSON does not have", "holds a text that cannot be read"
ODD_VALUES = {
    "NaN": "holds NaN",
    "-Infinity": "holds -Infinity",
    "undefined": NO_VALUE,
    "007": NO_VALUE,
    "+1": NO_VALUE,
    ".5": NO_VALUE,
    "0x1F": NO_VALUE,
    "'text'": NO_VALUE,
    "": NO_VALUE,
    "[1,,2]": NO_VALUE,
    r'"a\x41"': NO_TEXT,
    r'"it\'s"': NO_TEXT,
    r'"\u12"': NO_TEXT,
    r'{"\d":1}': NO_TEXT,
}


@pytest.mark.parametrize("odd", ODD_VALUES)
@pytest.mark.parametrize("around", ['{"data":[%s],"total":3}', "[%s]"])
def test_a_value_that_json_does_not_have_costs_its_row_and_not_the_list(odd: str, around: str) -> None:
    rows = [r'{"id":1,"name":"a\\x"}', '{"id":2,"name":%s}' % odd, '{"id":3,"name":"c"}']  # noqa: UP031
    body = (around % ",".join(rows)).encode()
    kind = resource()
    cut = raw_rows.cut(kind, body)
    for found in (normalise.rows_of(kind, normalise.parse(body)).rows, [cut.read(n) for n in range(3)] if cut else []):
        batch = normalise.read(kind, found, parent_key="", seal=lambda value: value)
        if found:
            assert ["1", "3"] == [record.id.key for record in batch.records]
            assert ODD_VALUES[odd] in batch.skipped[0]


@pytest.mark.parametrize("body", ['[{"id":1},{"id":2},]', '{"data":[{"id":1},{"id":2,}],}', '[{"id":1},{"id":2}\n,\n]'])
def test_a_comma_behind_the_last_is_no_row(body: str) -> None:
    assert [{"id": 1}, {"id": 2}] == normalise.rows_of(resource(), normalise.parse(body.encode())).rows


@pytest.mark.parametrize(
    "body",
    [
        '[{"id":1,"n":NaN},{"id":2}',
        '[{"id":1,"n":NaN},{"id":2,"a":"b',
        '[{"id":1,"n":NaN} {"id":2}]',
        '[{"id":1,"n":NaN},{"id":2}]]',
        '[{"id":1,"n":NaN},{"id":2}}',
        '[{"id":1,"name":"5" screen"},{"id":2,"name":"x"},{"id":3,"name":"7" tv"}]',
        r'[{"id":1,"path":"C:\"},{"id":2,"path":"D:\"}]',
        '[{"id":1,"n":undefined,"id":2}]',
        "[<br />\n<b>Warning</b>: 1]",
        "NaN, 1",
    ],
)
def test_where_nobody_can_tell_which_rows_are_there_the_whole_is_refused(body: str) -> None:
    with pytest.raises(ValueError, match=r"cut short|is not JSON"):
        normalise.parse(body.encode())


@fixed
@given(values)
def test_the_lenient_way_reads_json_as_any_other(value: Any) -> None:
    text = fingerprint.canonical(value).decode()
    assert json.loads(text) == lenient.read(text, json.loads)


@pytest.mark.parametrize("raw", ["\n", "\t", "\x01", "a\r\nb"])
def test_a_text_with_characters_that_should_have_been_escaped_is_read_as_it_is(raw: str) -> None:
    assert [{"id": 1, "name": raw}, {"id": 2}] == normalise.parse(f'[{{"id":1,"name":"{raw}"}},{{"id":2}}]'.encode())


@pytest.mark.parametrize("body", [{"success": False}, {"error": "busy"}, {"errors": ["busy"], "id": 1}])
def test_an_error_told_with_200_is_no_settings_object(body: Any) -> None:
    with pytest.raises(normalise.UnexpectedShape, match="the answer is an error, expected one object"):
        normalise.rows_of(resource("settings", shape=Shape.OBJECT), body)
