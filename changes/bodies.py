"""Reads the body of an answer: its JSON, and where in it the rows and the total are.

Called through normalise, by the client for every page and by storage for every document it reads back.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal

import orjson

from changes import fingerprint, lenient, members, numbers
from changes.records import Json
from changes.resources import Resource, Shape

#: Raised where the same bytes are read otherwise than before: what was remembered of them is worth nothing then.
READING = 2
#: Members of an answer that say that it is an error.
TELLING_ERRORS = ("success", "error", "errors")
#: Levels that are read: more than a document may have, far fewer than Python's parser can take.
_DEEPEST_READ = fingerprint.DEEPEST_DOCUMENT + 16
_TOO_DEEP = "1e99999"  #: stands for what is nested deeper
_TEXT_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


class UnexpectedShape(ValueError):  # noqa: N818  # what is wrong is the answer
    """An answer is JSON, but not of the shape that the catalogue says."""

    def __init__(self, resource: str, found: str, expected: str) -> None:
        super().__init__(resource, found, expected)
        self.resource, self.found, self.expected = resource, found, expected

    def __str__(self) -> str:
        return f"{self.resource}: the answer is {self.found}, expected {self.expected}"


@dataclass(frozen=True, slots=True)
class Rows:
    """What one answer holds."""

    rows: list[Json]
    total: int | None  #: how many the source says there are in all


def parse(body: bytes | str) -> Json:
    """The JSON of a body, numbers of any size exact; `ValueError` says what it is instead, never what it contains."""
    raw = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
    # orjson rounds long numbers without saying so: those bodies go the slow way.
    if not numbers.are_long(raw):
        try:
            return orjson.loads(raw)
        except orjson.JSONDecodeError:
            pass  # half characters, numbers beyond doubles, a byte order mark: the slow way knows better
    return _parsed_exactly(raw)


def _parsed_exactly(raw: bytes) -> Json:
    # Bytes that are no UTF-8 become lone surrogates here, which are repaired and counted row by row.
    text = raw.decode("utf-8-sig", "surrogateescape")
    try:
        try:
            return _loads(text)
        except RecursionError:
            text = _flattened(text)
            return _loads(text)
    except json.JSONDecodeError:
        return _read_leniently(_flattened(text), size=len(raw))


def _read_leniently(text: str, *, size: int) -> Json:
    try:
        return lenient.read(text, _loads)
    except json.JSONDecodeError as error:
        start = text.lstrip()[:1]
        if not start:
            reason = "the answer is empty"
        elif start == "<":
            reason = "the answer is HTML or XML, not JSON"
        elif start in "[{" and (error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated")):
            reason = f"the answer is cut short after {size} bytes"
        else:
            reason = f"the answer is not JSON: {error.msg} at character {error.pos} of {len(text)}"
        raise ValueError(reason) from None


def _loads(text: str) -> Json:
    return json.loads(text, parse_int=_integer, parse_float=_number, parse_constant=_constant, strict=False)


def _flattened(text: str) -> str:
    """The text with what is nested too deep to be read at all replaced, so that its row alone is lost."""
    parts, depth, start = [], 0, 0
    for found in _TEXT_OR_BRACKET.finditer(text):
        if found[0] in "[{":
            depth += 1
            if depth == _DEEPEST_READ:
                parts.append(text[start : found.start()])
        elif found[0] in "]}":
            if depth == _DEEPEST_READ:
                parts.append(_TOO_DEEP)
                start = found.end()
            depth -= 1
    is_cut = depth >= _DEEPEST_READ
    return "".join(parts) + ("" if is_cut else text[start:])


def _integer(digits: str) -> Json:
    return int(digits) if len(digits) <= numbers.MOST_DIGITS else fingerprint.Unholdable()


def _number(digits: str) -> Json:
    if digits == _TOO_DEEP:
        return fingerprint.Unholdable("is nested too deep")
    number = numbers.read(digits)
    return fingerprint.Unholdable() if number is None else number


def _constant(name: str) -> Json:
    return fingerprint.Unholdable(f"holds {name}, which is no number of JSON")


def rows_of(resource: Resource, body: Json) -> Rows:
    """The rows of an answer and the source's total: list rows, a tree's roots, or the one settings object."""
    if resource.shape is Shape.OBJECT:
        if isinstance(body, dict | list) and not is_error(body):
            return Rows([body], None)
        raise UnexpectedShape(resource.name, "an error" if is_error(body) else what(body), "one object")
    for name in resource.envelope.rows:
        rows = listed(body if name == "$" else members.value(body, name))
        if rows is not None:
            if not rows and is_error(body):
                raise ValueError(f"{resource.name}: the answer has no rows, and says itself that it is an error")
            return Rows(rows, total_of(resource, body))
    if resource.shape is Shape.TREE and isinstance(members.value(body, resource.children), list):
        return Rows([body], None)
    if resource.shape is Shape.LIST and _says_nothing(resource, body):
        return Rows([], total_of(resource, body))
    names = resource.envelope.rows
    expected = " or ".join("a list" if name == "$" else f"an object with a list under {name!r}" for name in names)
    pointer = next((found for name in names if (found := members.meant(body, name))), None)
    if pointer is not None:
        expected += f' (what stands inside of a member is written "{pointer}")'
    raise UnexpectedShape(resource.name, what(body), expected)


def listed(value: Json) -> list[Json] | None:
    """A list, also one that its server writes as `{"0": …, "1": …}`, as PHP does with a list that has gaps."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict) and value and all(name.isdecimal() for name in value):
        rows = list(value.values())
        return rows if all(isinstance(row, dict) for row in rows) else None
    return None


def is_error(body: Json) -> bool:
    """Whether an answer says itself that it is none."""
    return isinstance(body, dict) and bool(body.get("success") is False or body.get("error") or body.get("errors"))


def _says_nothing(resource: Resource, body: Json) -> bool:
    """Whether an answer without a list says that it has no rows: null, `{}`, a member that is null, a total alone."""
    if body is None or body == {}:
        return True
    if not isinstance(body, dict) or is_error(body):
        return False
    told = [name for name in resource.envelope.rows if members.is_told(body, name)]
    is_null = all(members.value(body, name) in (None, {}) for name in told)
    return is_null and (bool(told) or total_of(resource, body) == 0 or body.keys() <= {*resource.envelope.total})


def total_of(resource: Resource, body: Json) -> int | None:
    """How many rows the source says there are; None where it says nothing that could be a number."""
    totals = (count(members.value(body, name)) for name in resource.envelope.total)
    return next((total for total in totals if total is not None), None)


def count(value: Json) -> int | None:
    """A number of rows, written as a number or in digits; None where it is none, or more than a database can count."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**18 else None


def what(value: Json) -> str:
    """A JSON type as a person says it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, dict):
        return "an object"
    return {str: "a text", int: "a number", float: "a fraction", Decimal: "a fraction", list: "a list"}.get(
        type(value), "a huge number"
    )
