"""What single members of a catalogue may hold: pointers, keys, columns, statuses, what is sent; used by its tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field, PlainValidator

from changes import members, pointers
from changes.explain import unfit
from changes.problems import Misfit
from changes.records import Json
from changes.resources import PLACEHOLDER, ColumnType, Key, column_name
from changes.tables import HeaderName, Text
from upstream.sent_texts import is_carried

#: Rows that may be asked for in one request.
LARGEST_PAGE_ROWS = 10_000
_MAX_COLUMN_CHARACTERS = 63
#: Headers that the connection, the body or the source's `auth` decide.
_TAKEN_HEADERS = {
    "authorization": "credentials belong into `auth` of the source",
    **dict.fromkeys(
        ("accept-encoding", "connection", "content-length", "content-type", "cookie", "host", "transfer-encoding"),
        "leave it out: Mirrorpoint sets it, or never sends it",
    ),
}

_Entry = TypeVar("_Entry", bound=Hashable)


def pointer(value: str, *, star: bool = False, at: str = "") -> str:
    """The JSON Pointer `value` if it is one; `at`: where that is said of it, where it is none."""
    try:
        steps = pointers.split(value)
    except ValueError:
        steps = ("",)
    if "" in steps:
        hint = 'begin it with "/", as in "/options/password"; in a name, / is written ~1 and ~ is written ~0'
        raise Misfit(f'"{value}" is not a JSON Pointer', hint, at=at)
    if "*" in steps and not star:
        raise Misfit(f'"{value}" points at many places', "point at one member", at=at)
    return value


def member(value: str, *, at: str = "") -> str:
    """The name of a member, or the JSON Pointer into the value that `value` is."""
    return pointer(value, at=at) if members.is_pointer(value) else value


def _texts(value: object) -> tuple[str, ...]:
    """A list of texts; one text alone stands for a list of one."""
    entries = list(value) if isinstance(value, list | tuple) else [value] if isinstance(value, str) else None
    if entries is None or not all(isinstance(entry, str) and entry for entry in entries):
        raise unfit("a list of texts", value)
    return tuple(_each_once(entries))


def _each_once(entries: list[_Entry]) -> list[_Entry]:
    if len(set(entries)) < len(entries):
        raise Misfit("the list names something twice", "name each only once")
    return entries


def _all(check: Callable[[str], str]) -> Callable[[Iterable[str]], tuple[str, ...]]:
    return lambda values: tuple(check(value) for value in values)


def _key(value: object) -> Key:
    """A list of texts and of lists of texts; one text alone stands for a list of one."""
    alternatives: list[Any] = value if isinstance(value, list) else [value]
    if not alternatives:
        raise Misfit("the list is empty", 'name a member, or "$" for lists of texts')
    lists: list[list[Any]] = [each if isinstance(each, list) else [each] for each in alternatives]
    for names in lists:
        if not names or not all(isinstance(name, str) and name for name in names):
            hint = 'write ["…", "…"], or [["…", "…"]] for members that identify together'
            raise Misfit(str(unfit("a list of texts", value)), hint)
        for part in _each_once(names):
            if part in ("$", "#") and len(names) > 1:
                raise Misfit(f'"{part}" is no member, so it cannot be a part', "name members only")
            member(part)
        if len({column_name(part) for part in names}) < len(names):
            raise Misfit(f"two parts of {names} are called the same", "leave one of them out")
    key = tuple(_each_once([names[0] if len(names) == 1 else tuple(names) for names in lists]))
    if "#" in key[:-1]:
        raise Misfit('"#", the fingerprint, always fits, so nothing after it counts', 'put "#" last')
    return key


def _deleted(value: object) -> Mapping[str, tuple[str | int | bool, ...]]:
    """Members with the values that say that a row is gone; without values each is a flag or a stamp."""
    if not isinstance(value, dict):
        return dict.fromkeys((member(each) for each in _texts(value)), ())
    if not value:
        raise Misfit("the table is empty", 'write deleted = { status = ["archived"] }')
    found = {}
    for name, listed in value.items():
        entries = listed if isinstance(listed, list) else [listed]
        if not entries or not all(isinstance(entry, str | int) for entry in entries):
            fault = str(unfit("a text", listed)).partition(", ")[2]
            message = f"texts, whole numbers or true and false are expected, {fault}"
            raise Misfit(message, f'write {name} = ["…", "…"]', at=name)
        found[member(name)] = tuple(entries)
    return found


def _columns(types: Mapping[str, ColumnType]) -> Mapping[str, ColumnType]:
    taken: dict[str, str] = {}
    for each in types:
        name = column_name(member(each, at=each))
        if not re.fullmatch(r"[a-z_][a-z0-9_]*", name) or not name.strip("_") or len(name) > _MAX_COLUMN_CHARACTERS:
            hint = "leave it out: it stays in the column `document`"
            raise Misfit("this member's name cannot become a column", hint, at=each)
        if name in taken:
            message = f'it becomes the column {name}, as "{taken[name]}" does'
            raise Misfit(message, "leave one of them out", at=each)
        taken[name] = each
    return types


def _headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    seen: set[str] = set()
    for name, value in headers.items():
        if name.lower() in _TAKEN_HEADERS:
            raise Misfit("this header is not the catalogue's to set", _TAKEN_HEADERS[name.lower()], at=name)
        if not is_carried(value):
            raise Misfit("the value holds characters that no header can carry", "write it in plain ASCII", at=name)
        if name.lower() in seen:
            raise Misfit("this header is there twice", "case makes no difference: name it only once", at=name)
        seen.add(name.lower())
    return headers


def statuses(meaning: str, hint: str, *, never: Iterable[int]) -> PlainValidator:
    """Statuses from 400 to 499; one alone stands for a list of one. `meaning`: what is said of one of `never`."""

    def read(value: object) -> tuple[int, ...]:
        entries: list[Any] = list(value) if isinstance(value, list | tuple) else [value]
        if not all(isinstance(entry, int) and not isinstance(entry, bool) for entry in entries):
            raise unfit("a list of numbers", value)
        for status in entries:
            if not 400 <= status < 500 or status in never:
                raise Misfit(f"{status} {meaning}", hint)
        return tuple(entries)

    return PlainValidator(read)


def _call_path(value: str) -> str:
    if not value.startswith("/") or PLACEHOLDER.search(value):
        raise Misfit(f'"{value}" is not a path', 'begin it with "/"; the host stands in base_url')
    return value


def _json(body: dict[str, Any]) -> Mapping[str, Json]:
    """A date is refused, since JSON has none."""
    rest: list[tuple[str, Any]] = list(body.items())
    for name, value in rest:  # grows
        if isinstance(value, dict):
            rest += ((f"{name}.{each}", inner) for each, inner in value.items())
        elif isinstance(value, list):
            rest += ((name, inner) for inner in value)
        elif not isinstance(value, str | int | float):
            raise Misfit("a date or time cannot be sent as JSON", 'write it in quotes: "…"', at=name)
    return body


Texts = Annotated[tuple[str, ...], PlainValidator(_texts)]
#: A plain name, or a JSON Pointer into the value.
Member = Annotated[Text, AfterValidator(member)]
Members = Annotated[Texts, AfterValidator(_all(member))]
#: JSON Pointers to one place each.
Places = Annotated[Texts, AfterValidator(_all(pointer))]
#: JSON Pointers, `*` for any member or index.
Pointers = Annotated[Texts, AfterValidator(_all(lambda value: pointer(value, star=True)))]
KeyOfRows = Annotated[Key, PlainValidator(_key)]
Deleted = Annotated[Mapping[str, tuple[Json, ...]], PlainValidator(_deleted)]
Columns = Annotated[dict[str, ColumnType], AfterValidator(_columns)]
Headers = Annotated[dict[HeaderName, Text], AfterValidator(_headers)]
Params = dict[str, Text]
PageSize = Annotated[int, Field(strict=True, ge=1, le=LARGEST_PAGE_ROWS)]
#: Of a request that belongs to no list.
CallPath = Annotated[Text, AfterValidator(_call_path)]
#: A table that is sent as JSON.
Body = Annotated[dict[str, Any], AfterValidator(_json)]
