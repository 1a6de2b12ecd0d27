"""Numbers stay exactly what was sent, and equal ones have one form, however they are written."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from changes import events, fingerprint, numbers, raw_rows, written
from changes.bodies import parse
from tests.unit.json_values import fixed, resource

LONG = [
    "0.123456789012345678",
    "12345678901234567.89",
    "1.000000000000000001",
    "100000000000000000000.5",
    "-0.1000000000000000055511151231257827",
    "1e-400",
    "1e400",
    "-1.5E+3000",
    "123456789.123456789E-330",
    "0." + "1" * 900,
]


@pytest.mark.parametrize("digits", LONG)
@pytest.mark.parametrize("around", ["%s", '{"id":%s}', '{"id": %s }', "[1,%s,2]", "[\n%s\n]"])
def test_a_fraction_of_any_length_is_kept_digit_by_digit(digits: str, around: str) -> None:
    form = fingerprint.canonical(parse((around % digits).encode()))

    kept = form.decode().strip('{}[]"id: \n').removeprefix("1,").removesuffix(",2")
    assert Decimal(digits) == Decimal(kept)
    assert "e" not in kept
    assert form == fingerprint.canonical(parse(form))


@pytest.mark.parametrize(
    "same",
    [
        ["1", "1.0", "1.00", "1e0", "10E-1", "1." + "0" * 30],
        ["0.1", "0.10", "1e-1", "0.1" + "0" * 30],
        ["0", "-0", "0.0", "-0.0", "0e5", "0." + "0" * 30],
        ["0.123456789012345678", "0.1234567890123456780", "123456789012345678e-18"],
        ["1e23", "100000000000000000000000", "1E+23", "100000000000000000000000.0"],
        ["12345678901234567890.0", "12345678901234567890", "1234567890123456789e1"],
        ["9007199254740993", "9007199254740993.0", "9007199254740993e0", "9007199254740993E+0"],
        ["1e400", "1" + "0" * 400, "10E399"],
    ],
)
def test_equal_numbers_have_one_form(same: list[str]) -> None:
    assert 1 == len({fingerprint.canonical(parse(digits.encode())) for digits in same})


def test_what_differs_in_the_last_digit_differs() -> None:
    for digits in LONG[:5]:
        other = digits[:-1] + ("8" if digits[-1] == "7" else "7")
        assert fingerprint.canonical(parse(digits.encode())) != fingerprint.canonical(parse(other.encode()))


@fixed
@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**40), max_value=10**40))
def test_any_number_is_read_as_it_was_written(number: Decimal) -> None:
    for digits in (format(number, "f"), format(number, "E").replace("E", "e")):
        body = f'{{"amount":{digits}}}'.encode()
        assert Decimal(numbers.text(_exactly(parse(body)["amount"]))) == number


def _exactly(value: Any) -> Any:
    return Decimal(repr(value)) if isinstance(value, float) else value


@fixed
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_what_a_double_holds_stays_the_number_that_its_text_names(number: float) -> None:
    assert Decimal(fingerprint.canonical(parse(repr(number).encode())).decode()) == Decimal(repr(number))


@pytest.mark.parametrize(
    "text",
    [
        "1e9999",
        "1e-9999999",
        "1e-99999999999999999999",
        "-1E+99999999999999999999",
        "1" + "0" * 5000,
        "0." + "1" * 5000,
    ],
)
def test_what_is_longer_than_any_number_costs_its_row_alone(text: str) -> None:
    rows = parse(f'[{{"id":1}},{{"id":2,"n":{text}}}]'.encode())
    assert rows[0] == {"id": 1}
    with pytest.raises(ValueError, match="beyond all bounds"):
        fingerprint.canonical(rows[1])


def test_a_number_in_another_form_is_no_text_that_was_repaired() -> None:
    assert (b"[100000000000000000000000]", False) == fingerprint.written(parse(b"[1e23]"))


@pytest.mark.parametrize("digits", LONG)
def test_rows_cut_out_of_a_body_are_read_as_exactly(digits: str) -> None:
    cut = raw_rows.cut(resource(), f'{{"data":[{{"id":1,"n":{digits}}}],"total":1}}'.encode())
    assert cut is not None
    assert fingerprint.canonical(cut.read(0)["n"]) == fingerprint.canonical(parse(digits.encode()))


def test_events_and_commands_write_every_digit() -> None:
    value = {"amount": parse(b"0.123456789012345678"), "count": 2**70, "name": "ü"}

    assert json.loads(events.body(value), parse_float=numbers.read) == value
    assert b'{"amount":0.123456789012345678,"count":1180591620717411303424,"name":"\xc3\xbc"}' == events.body(value)
    assert '{"amount": 0.123456789012345678, "count": 1180591620717411303424, "name": "ü"}' == written.dumps(value)


@pytest.mark.parametrize(
    "text",
    [
        "0.30000000000000004",
        "1764311111111111111"[:18],
        '"1.2.3.4.5.6.7.8.9.10.11"',
        '"3e-912a"',
        '"0f8fad3e-469f-4165-8e-7867728950e"',
        '"1764311111111111"',
        "1764311111111111",
    ],
)
def test_a_body_without_such_numbers_goes_the_quick_way(text: str) -> None:
    body = f'{{"n":{text}}}'.encode()
    assert not numbers.are_long(body)
    assert parse(body) == orjson.loads(body)
