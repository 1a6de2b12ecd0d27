"""Gives the typed columns of a document; what does not fit its column stays in the document alone.

Called through normalise.columns, for each mirror row that is written. Nearly all values have their column's type: each
conversion looks for that first.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from types import MappingProxyType

from changes import fingerprint
from changes.records import Json
from changes.resources import ColumnType

_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:$|[T ])")
#: RFC 9110, section 5.6.7: the usual form, and the two of old.
_HTTP_DATE = re.compile(r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? ")
_FIRST_SECONDS, _FIRST_MILLISECONDS = 1e8, 1e11
_BOOLEANS: Mapping[str, bool] = MappingProxyType(
    dict.fromkeys(("true", "1", "yes", "on"), True) | dict.fromkeys(("false", "0", "no", "off"), False)
)


def _text(value: Json) -> str:
    if type(value) is str and value.isascii() and "\0" not in value:
        return value
    if isinstance(value, str):
        return fingerprint.repaired(value)
    if isinstance(value, dict | list):
        raise ValueError("not a text")  # noqa: TRY004  # one kind of error for all that does not convert
    return fingerprint.canonical(value).decode()


def _integer(value: Json) -> int:
    if type(value) is int and -(2**63) <= value < 2**63:
        return value
    if (isinstance(value, str) and _INTEGER.fullmatch(value)) or (isinstance(value, float) and value.is_integer()):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise ValueError("not an integer of 64 bits")
    return value


def _number(value: Json) -> float:
    if type(value) is float and value - value == 0:
        return value
    is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    if not is_number and not (isinstance(value, str) and _NUMBER.fullmatch(value)):
        raise ValueError("not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError("not a number that a double holds")
    return number


def _boolean(value: Json) -> bool:
    if value is True or value is False:
        return value
    if isinstance(value, str) and value.lower() in _BOOLEANS:
        return _BOOLEANS[value.lower()]
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    raise ValueError("not a boolean")


def _time(value: Json) -> datetime:
    is_date = isinstance(value, str) and _DATE.match(value) is not None
    if not is_date:
        is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
        if is_number or (isinstance(value, str) and _NUMBER.fullmatch(value)):
            return _epoch(_number(value))
        if not isinstance(value, str) or not _HTTP_DATE.match(value):
            raise ValueError("not a time in ISO 8601 or of HTTP")
    try:
        moment = datetime.fromisoformat(value) if is_date else parsedate_to_datetime(value)
        if moment.tzinfo is UTC:
            return moment
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:  # the first or the last day of all, in another time zone
        raise ValueError("not a time within the calendar") from None


def _epoch(number: float) -> datetime:
    """Seconds or milliseconds since 1970; what would be before 1973 as seconds may be anything, as a day in digits."""
    if _FIRST_SECONDS <= number < _FIRST_MILLISECONDS:
        return datetime.fromtimestamp(number, UTC)
    if _FIRST_MILLISECONDS <= number < _FIRST_MILLISECONDS * 1000:
        return datetime.fromtimestamp(number / 1000, UTC)
    raise ValueError("not a time in seconds or milliseconds")


def as_it_is(value: Json) -> Json:
    return value


#: From a value that is not null to what its column takes; `ValueError` where it does not convert.
CONVERSIONS: Mapping[ColumnType, Callable[[Json], object]] = MappingProxyType(
    {
        ColumnType.TEXT: _text,
        ColumnType.INTEGER: _integer,
        ColumnType.NUMBER: _number,
        ColumnType.BOOLEAN: _boolean,
        ColumnType.TIME: _time,
        ColumnType.JSON: as_it_is,
    }
)
