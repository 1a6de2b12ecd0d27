"""Typed columns of a document: what converts, what does not, and that nothing is guessed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changes import normalise
from changes.conversions import CONVERSIONS
from changes.resources import ColumnType
from storage import driver_values
from tests.unit.json_values import documents, fixed, resource, scalars, values

MIDNIGHT = datetime(2022, 1, 1, tzinfo=UTC)


def columns(value: Any, column: ColumnType) -> tuple[dict[str, object], list[str]]:
    return normalise.columns(resource(columns={"theValue": column}), {"theValue": value})


@pytest.mark.parametrize(
    ("column", "value", "converted"),
    [
        (ColumnType.TEXT, "a", "a"),
        (ColumnType.TEXT, "", ""),
        (ColumnType.TEXT, 5, "5"),
        (ColumnType.TEXT, 5.0, "5"),
        (ColumnType.TEXT, 0.5, "0.5"),
        (ColumnType.TEXT, 2**70, str(2**70)),
        (ColumnType.TEXT, True, "true"),
        (ColumnType.TEXT, False, "false"),
        (ColumnType.TEXT, "a\x00b", "a\u2400b"),
        (ColumnType.INTEGER, 5, 5),
        (ColumnType.INTEGER, 5.0, 5),
        (ColumnType.INTEGER, "5", 5),
        (ColumnType.INTEGER, "-05", -5),
        (ColumnType.INTEGER, "+5", 5),
        (ColumnType.INTEGER, 2**63 - 1, 2**63 - 1),
        (ColumnType.INTEGER, str(-(2**63)), -(2**63)),
        (ColumnType.NUMBER, 5, 5.0),
        (ColumnType.NUMBER, "5.25", 5.25),
        (ColumnType.NUMBER, "-1e3", -1000.0),
        (ColumnType.NUMBER, ".5", 0.5),
        (ColumnType.NUMBER, 2**70, float(2**70)),
        (ColumnType.BOOLEAN, True, True),
        (ColumnType.BOOLEAN, 0, False),
        (ColumnType.BOOLEAN, 1.0, True),
        (ColumnType.BOOLEAN, "0", False),
        (ColumnType.BOOLEAN, "true", True),
        (ColumnType.BOOLEAN, "True", True),
        (ColumnType.BOOLEAN, "yes", True),
        (ColumnType.BOOLEAN, "off", False),
        (ColumnType.TIME, "2022-01-01T00:00:00+00:00", MIDNIGHT),
        (ColumnType.TIME, "2022-01-01T02:00:00+02:00", MIDNIGHT),
        (ColumnType.TIME, "2022-01-01T00:00:00Z", MIDNIGHT),
        (ColumnType.TIME, "2022-01-01T00:00:00.250Z", MIDNIGHT.replace(microsecond=250_000)),
        (ColumnType.TIME, "2022-01-01T00:00:00.1234567Z", MIDNIGHT.replace(microsecond=123_456)),
        (ColumnType.TIME, "2022-01-01T00:00:00", MIDNIGHT),
        (ColumnType.TIME, "2022-01-01 00:00:00", MIDNIGHT),
        (ColumnType.TIME, "2022-01-01T05:30:00+0530", MIDNIGHT),
        (ColumnType.TIME, "2022-01-01", MIDNIGHT),
        (ColumnType.TIME, 1640995200, MIDNIGHT),
        (ColumnType.TIME, "1640995200", MIDNIGHT),
        (ColumnType.TIME, 1640995200.25, MIDNIGHT.replace(microsecond=250_000)),
        (ColumnType.TIME, 1640995200000, MIDNIGHT),
        (ColumnType.TIME, "Sat, 01 Jan 2022 00:00:00 GMT", MIDNIGHT),
        (ColumnType.TIME, "Sat, 01 Jan 2022 02:00:00 +0200", MIDNIGHT),
        (ColumnType.TIME, "Sat, 01 Jan 2022 00:00:00 -0000", MIDNIGHT),
        (ColumnType.TIME, "Saturday, 01-Jan-22 00:00:00 GMT", MIDNIGHT),
        (ColumnType.TIME, "Sat Jan  1 00:00:00 2022", MIDNIGHT),
        (ColumnType.JSON, {"a": [1]}, {"a": [1]}),
        (ColumnType.JSON, "text", "text"),
    ],
)
def test_what_fits_is_converted(column: ColumnType, value: Any, converted: object) -> None:
    found, unconverted = columns(value, column)
    assert (found, unconverted) == ({"the_value": converted}, [])
    assert type(found["the_value"]) is type(converted)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        (ColumnType.TEXT, {}),
        (ColumnType.TEXT, []),
        (ColumnType.INTEGER, True),
        (ColumnType.INTEGER, 1.5),
        (ColumnType.INTEGER, "1.0"),
        (ColumnType.INTEGER, ""),
        (ColumnType.INTEGER, " 5"),
        (ColumnType.INTEGER, "1_000"),
        (ColumnType.INTEGER, "٣"),
        (ColumnType.INTEGER, 2**63),
        (ColumnType.INTEGER, "9" * 9000),
        (ColumnType.INTEGER, []),
        (ColumnType.NUMBER, True),
        (ColumnType.NUMBER, "nan"),
        (ColumnType.NUMBER, "inf"),
        (ColumnType.NUMBER, "1e999"),
        (ColumnType.NUMBER, "1_0"),
        (ColumnType.NUMBER, "1,5"),
        (ColumnType.NUMBER, 10**400),
        (ColumnType.NUMBER, {}),
        (ColumnType.BOOLEAN, 2),
        (ColumnType.BOOLEAN, []),
        (ColumnType.TIME, 20220101),
        (ColumnType.TIME, 10**400),
        (ColumnType.TIME, "9" * 400),
        (ColumnType.TIME, "Fri, 31 Dec 9999 23:59:59 -0200"),
        (ColumnType.TIME, "Sat, 01 Foo 2022 00:00:00 GMT"),
        (ColumnType.TIME, "20220101"),
        (ColumnType.TIME, "0000-00-00 00:00:00"),
        (ColumnType.TIME, "2022-02-30T00:00:00Z"),
        (ColumnType.TIME, "0001-01-01T00:00:00+05:00"),
        (ColumnType.TIME, "yesterday"),
        (ColumnType.TIME, True),
    ],
)
def test_what_does_not_fit_leaves_its_column_null_and_is_told(column: ColumnType, value: Any) -> None:
    assert columns(value, column) == ({"the_value": None}, ["theValue"])


@pytest.mark.parametrize("column", list(ColumnType))
def test_null_and_absence_are_null_and_no_trouble(column: ColumnType) -> None:
    assert columns(None, column) == ({"the_value": None}, [])
    declared = resource(columns={"key": column})
    assert normalise.columns(declared, {}) == ({"key_": None}, [])
    assert normalise.columns(declared, "a text") == ({"key_": None}, [])


@fixed
@given(value=values)
@pytest.mark.parametrize("column", list(ColumnType))
def test_any_value_converts_or_is_told(column: ColumnType, value: Any) -> None:
    found, unconverted = columns(value, column)
    assert list(found) == ["the_value"]
    assert (found["the_value"] is None) is (unconverted == ["theValue"] or value is None)


class _Text(str):
    """A text that no quick look takes for one, so that it goes the careful way."""


class _Integer(int):
    """The same of an integer."""


class _Number(float):
    """The same of a number."""


#: What each kind of column looks for first, and how the same value gets past that.
PAST_THE_QUICK_WAY: dict[ColumnType, tuple[type, Any]] = {
    ColumnType.TEXT: (str, _Text),
    ColumnType.INTEGER: (int, _Integer),
    ColumnType.NUMBER: (float, _Number),
}


def converted(column: ColumnType, value: Any) -> Any:
    try:
        return CONVERSIONS[column](value)
    except ValueError:
        return "does not convert"


@fixed
@given(value=st.one_of(scalars, st.text(max_size=4), st.sampled_from(["a\x00", "\ud800", "2026-11-22T10:00:00Z"])))
@pytest.mark.parametrize("column", PAST_THE_QUICK_WAY)
def test_the_quick_way_and_the_careful_one_give_the_same(column: ColumnType, value: Any) -> None:
    usual, made = PAST_THE_QUICK_WAY[column]
    careful = made(value) if type(value) is usual else value

    assert converted(column, value) == converted(column, careful)


@fixed
@given(
    document=documents,
    columns=st.dictionaries(
        st.sampled_from(["id", "name", "/name/id", "/a~1b", "0"]), st.sampled_from(ColumnType), min_size=1
    ),
)
def test_a_document_converts_as_each_of_its_members_does(document: Any, columns: dict[str, ColumnType]) -> None:
    found, unconverted = normalise.columns(resource(columns=columns), document)

    each = {member: normalise.columns(resource(columns={member: kind}), document) for member, kind in columns.items()}
    assert list(found.items()) == [pair for one, _ in each.values() for pair in one.items()]
    assert unconverted == [member for _, lost in each.values() for member in lost]


@fixed
@given(
    seconds=st.integers(-60_000_000_000, 250_000_000_000), micro=st.integers(0, 999_999), minutes=st.integers(-720, 720)
)
def test_sqlite_is_given_a_time_in_utc_with_all_digits(seconds: int, micro: int, minutes: int) -> None:
    in_utc = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds, microseconds=micro)
    text = driver_values.sqlite_time(in_utc.astimezone(timezone(timedelta(minutes=minutes))))

    assert text == in_utc.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
    assert driver_values.from_driver_time(text) == in_utc
