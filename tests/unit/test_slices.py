"""A body cut into the bytes of its rows means what the same body means when it is read as a whole, or is not cut."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changes import bodies, fingerprint, normalise, raw_rows
from changes.resources import Envelope, Shape
from tests.unit.json_values import documents, fixed, resource, values

THINGS = resource()


def both(body: bytes, **parts: Any) -> tuple[list[Any], int | None]:
    """The rows and the total, seen to be the same in both ways."""
    of = resource(**parts)
    whole = bodies.rows_of(of, bodies.parse(body))
    cut = raw_rows.cut(of, body)
    assert cut is not None
    assert [cut.read(place) for place in range(len(cut.rows))] == whole.rows
    assert cut.total == whole.total
    return whole.rows, whole.total


@fixed
@given(st.lists(values, max_size=6), st.dictionaries(st.text(max_size=3), documents, max_size=3))
def test_rows_and_total_are_those_of_the_whole_body(rows: list[Any], beside: dict[str, Any]) -> None:
    body = {**beside, "data": rows, "total": len(rows)}
    assert both(json.dumps(body).encode())[1] == len(rows)
    assert both(json.dumps(rows, indent=1).encode())[1] is None


@pytest.mark.parametrize(
    ("body", "total"),
    [
        (b'{"total": "12", "data": []}', 12),
        (b'{"total": null, "data": [1]}', None),
        (b'{"total": -1, "data": [1]}', None),
        (b'{"total": 3, "total": 4, "data": [1], "data": [1, 2]}', 4),
        (b' \r\n{"data":[ {"a" : 1} , {"b":2.0} ] , "total" : 2 } ', 2),
        (b'{"data":[{"id":123456789012345678901234567890}],"total":1}', 1),
        (b'{"data":[{"name":"\xff"}],"total":1}', 1),
    ],
)
def test_totals_and_rows_of_odd_bodies(body: bytes, total: int | None) -> None:
    assert both(body)[1] == total


def test_rows_are_found_where_the_catalogue_says() -> None:
    envelope = Envelope(rows=("result", "items"), total=("count",))
    assert both(b'{"items": [1, 2], "count": 9, "result": {}}', envelope=envelope) == ([1, 2], 9)


@pytest.mark.parametrize(
    ("rows", "total", "body"),
    [
        ("/result/items", "/meta/total", b'{"meta":{"total":"7"},"result":{"next":null,"items":[1,{"a":2.0}]}}'),
        ("/result/items", "/result/count/0", b'{"result":{"count":[7],"items":[1,{"a":2.0}]}}'),
        ("/a~1b/", "total", b'{"a/b":{"":[1,{"a":2}]},"total":7}'),
        ("/data", "/total", b'{"data":[1,{"a":2}],"total":7}'),
    ],
)
def test_pointers_lead_to_rows_and_total(rows: str, total: str, body: bytes) -> None:
    envelope = Envelope(rows=("other", rows), total=("/no/such", total))
    of = resource(envelope=envelope)
    whole, cut = bodies.rows_of(of, bodies.parse(body)), raw_rows.cut(of, body)
    assert (whole.rows, whole.total) == ([1, {"a": 2}], 7)
    if cut is not None:  # what leads through a list is read whole
        assert ([cut.read(place) for place in range(2)], cut.total) == (whole.rows, whole.total)
    assert (cut is None) == ("/0" in total)


def test_a_bare_list_may_hold_the_list_that_a_pointer_leads_to() -> None:
    of, body = resource(envelope=Envelope(rows=("/0/items", "$"))), b'[{"items": [1, 2]}]'
    assert bodies.rows_of(of, bodies.parse(body)).rows == [1, 2]
    assert raw_rows.cut(of, body) is None


def test_a_name_with_dots_that_leads_nowhere_is_told_as_the_pointer_that_was_meant() -> None:
    of = resource(envelope=Envelope(rows=("result.items",)))
    with pytest.raises(bodies.UnexpectedShape, match='is written "/result/items"'):
        bodies.rows_of(of, {"result": {"items": [1]}})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[1, 2",
        b'{"data": [1, 2}',
        b'{"data": {}}',
        b'{"data": [1]} x',
        b'{"data": [tru]}',
        b'{"data": [{"a": 01}]}',
        b"\xef\xbb\xbf[1]",
        b'{"data": [{"name": "\\ud800"}]}',
    ],
)
def test_what_is_no_plain_list_is_left_to_those_who_read_it_whole(body: bytes) -> None:
    assert raw_rows.cut(THINGS, body) is None


@pytest.mark.parametrize("levels", [254, 255, 300, 1_000, 1_100, 3_000, 20_000, 200_000])
@pytest.mark.parametrize("number", [b"1", b"123456789012345678901234567890"], ids=["plain", "huge"])
def test_how_deep_a_row_may_be_depends_neither_on_the_way_it_is_read_nor_on_the_version_of_python(
    levels: int, number: bytes
) -> None:
    deep = b'{"id":2,"a":' + b"[" * (levels - 1) + number + b"]" * (levels - 1) + b"}"
    body = b'{"data":[{"id":1},' + deep + b',{"id":3}],"total":3}'
    cut = raw_rows.cut(THINGS, body)  # some versions cut what others cannot, and leave it to be read as a whole
    ways = [bodies.rows_of(THINGS, bodies.parse(body)).rows]
    ways += [[cut.read(place) for place in range(len(cut.rows))]] if cut else []
    is_held = levels <= fingerprint.DEEPEST_DOCUMENT
    for rows in ways:
        batch = normalise.read(THINGS, rows, parent_key="", seal=lambda value: value)
        assert [record.id.key for record in batch.records] == (["1", "2", "3"] if is_held else ["1", "3"])
        assert batch.skipped == (() if is_held else ("products: row 2 is nested deeper than 254 levels",))


def test_only_lists_are_cut() -> None:
    assert raw_rows.cut(resource(shape=Shape.OBJECT), b"[]") is None
    assert raw_rows.cut(resource(shape=Shape.TREE), b"[]") is None
    assert raw_rows.cut(resource(envelope=Envelope(rows=("data",))), b"[]") is None


def test_equal_bytes_have_equal_marks_and_only_with_the_same_key() -> None:
    cut = raw_rows.cut(THINGS, b'[{"a":1},{"a":1},{"a":1 }]')
    assert cut is not None
    first, second, third = cut.marks(key=b"k")
    assert first == second != third
    assert len(first) == raw_rows.MARK_BYTES
    assert first not in cut.marks(key=b"another")
