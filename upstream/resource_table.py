"""Reads one [resources.*] table of a catalogue and refuses what could not work; used by catalogue.py."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from changes import members, pointers, schedules
from changes.resources import PLACEHOLDER, ColumnType, Envelope, Key, PointFields, Resource, Shape, column_name
from changes.strict_toml import Table, meant
from upstream import open_secrets, path_words, sent_texts
from upstream.path_words import Words

#: What such a table may hold.
MEMBERS = frozenset(
    {"title", "path", "item_path", "key", "parent", "sort", "created", "columns", "secrets", "volatile", "schedule"}
    | {"documented", "shape", "children", "paged", "paging", "page_size", "params", "headers", "envelope", "points"}
    | {"deleted", "empty", "unordered"}
)

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_MAX_NAME_CHARACTERS = 50  # indexes are named after the table, and PostgreSQL cuts names at 63
_TAKEN_PREFIXES = ("mirrorpoint_", "sqlite_")
_TAKEN_NAMES = frozenset({"key", "parent"})  # they mean something else in the braces of a path
_MAX_COLUMN_CHARACTERS = 63
#: Rows that may be asked for in one request.
LARGEST_PAGE_ROWS = 10_000

_Choice = TypeVar("_Choice", Shape, ColumnType)


def check_name(resources: Table, name: str) -> None:
    """A resource's name is the name of its table, so not every name will do."""
    if not _NAME.fullmatch(name) or len(name) > _MAX_NAME_CHARACTERS:
        hint = f"Use up to {_MAX_NAME_CHARACTERS} of a-z, 0-9 and _, and begin with a letter, such as product_notes"
        raise resources.error(name, "this name cannot be the name of a table", hint)
    if name.startswith(_TAKEN_PREFIXES) or name in _TAKEN_NAMES:
        raise resources.error(name, "this name is taken by Mirrorpoint or the database", "Choose another name")


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds for all resources of a source, unless one of them says otherwise."""

    envelope: Envelope
    page_size: int | None
    headers: Mapping[str, str]
    params: Mapping[str, str]


def read(
    table: Table, *, name: str, ancestors: Mapping[str, Key], defaults: Defaults, taken: Collection[str]
) -> Resource:
    """`ancestors` from the outermost to the parent, with their keys; `taken`: parameters that its scan sets itself."""
    shape = _choice(table, "shape", Shape, Shape.LIST)
    key = _key(table)
    words = path_words.of_resource(ancestors, key)
    params = _params(table, defaults, words, taken)
    resource = Resource(
        name=name,
        title=table.text("title") or name.replace("_", " ").capitalize(),
        path=_path(table, words, params),
        item_path=_item_path(table, words),
        key=key,
        ancestors=tuple(ancestors),
        ancestor_keys=tuple(ancestors.values()),
        sort=table.text("sort"),
        created=_member(table, "created"),
        columns=_columns(table),
        deleted=_deleted(table, key),
        secrets=_pointers(table, "secrets"),
        volatile=_pointers(table, "volatile"),
        unordered=_pointers(table, "unordered"),
        schedule=_schedule(table),
        documented=table.flag("documented", default=True),
        shape=_checked_shape(table, shape),
        children=_member(table, "children") or "children",
        paged=table.flag("paged", default=shape is Shape.LIST),
        page_size=page_size(table) or defaults.page_size,
        params=params,
        headers=sent_texts.headers(table, defaults.headers),
        envelope=envelope(table, defaults.envelope),
        empty=_empty(table),
        points=_points(table),
    )
    open_secrets.refuse(table, resource.secrets, _uses(resource))
    return resource


def _uses(resource: Resource) -> Iterator[tuple[str, str]]:
    """Where values of a row's members stand beside its document: a key of the table, and the member."""
    if resource.shape is not Shape.OBJECT:
        parts = (part for each in resource.key for part in ((each,) if isinstance(each, str) else each))
        yield from (("key", part) for part in parts if part not in ("$", "#"))
    yield from ((f"columns.{member}", member) for member in resource.columns)
    yield from ((name, member) for name in ("created", "sort") if (member := getattr(resource, name)) is not None)
    if resource.points is not None:
        yield from ((f"points.{name}", getattr(resource.points, name)) for name in ("code", "type", "url"))


def page_size(table: Table) -> int | None:
    """Rows asked for in one request, if the table says so."""
    return table.number("page_size", least=1, most=LARGEST_PAGE_ROWS)


def envelope(table: Table, defaults: Envelope) -> Envelope:
    """The table's own envelope; what it leaves out is as in `defaults`."""
    own = table.table("envelope", ("rows", "total"))
    if own is None:
        return defaults
    rows = own.texts("rows", defaults.rows)
    if not rows:
        raise own.error("rows", "the list is empty", 'Name the member that holds the rows, or "$" for the body itself')
    total = own.texts("total", defaults.total)
    if "$" in total:
        raise own.error("total", '"$" is the whole answer, which is no number', "Name a member, or write total = []")
    for name, names in (("rows", rows), ("total", total)):
        for each in names:
            member(own, name, each)
    return Envelope(rows=rows, total=total)


def member(table: Table, name: str, value: str) -> str:
    """The name of a member, or the JSON Pointer into the value that `value` is."""
    return pointer(table, name, value) if members.is_pointer(value) else value


def pointer(table: Table, name: str, value: str, *, star: bool = False) -> str:
    """The JSON Pointer `value` if it is one."""
    try:
        steps = pointers.split(value)
    except ValueError:
        steps = ("",)
    if "" in steps:
        hint = 'Begin it with "/", as in "/options/password"; in a name, / is written ~1 and ~ is written ~0'
        raise table.error(name, f'"{value}" is not a JSON Pointer', hint)
    if "*" in steps and not star:
        raise table.error(name, f'"{value}" points at many places', "Point at one member")
    return value


def _member(table: Table, name: str) -> str | None:
    value = table.text(name)
    return None if value is None else member(table, name, value)


def _key(table: Table) -> Key:
    key = table.alternatives("key", ("id",))
    if "#" in key[:-1]:
        raise table.error("key", '"#", the fingerprint, always fits, so nothing after it counts', 'Put "#" last')
    if not key:
        raise table.error("key", "the list is empty", 'Name a member, or "$" for lists of texts')
    for each in key:
        names = (each,) if isinstance(each, str) else each
        for part in names:
            if part in ("$", "#") and len(names) > 1:
                raise table.error("key", f'"{part}" is no member, so it cannot be a part', "Name members only")
            member(table, "key", part)
        if len({column_name(part) for part in names}) < len(names):
            raise table.error("key", f"two parts of {list(names)} are called the same", "Leave one of them out")
    return key


def _deleted(table: Table, key: Key) -> Mapping[str, tuple[str | int | bool, ...]]:
    """Members with the values that say that a row is gone; without values each is a flag or a stamp."""
    if not table.is_table("deleted"):
        found: Mapping[str, tuple[str | int | bool, ...]] = dict.fromkeys(table.texts("deleted", ()), ())
    else:
        values = table.table("deleted", None)
        found = values.scalars() if values is not None else {}
        if not found:
            raise table.error("deleted", "the table is empty", 'Write deleted = { status = ["archived"] }')
    for name in found:
        member(table, "deleted", name)
    if found and key == ("#",):
        hint = 'Give the rows a key of members, such as key = "id"'
        raise table.error("deleted", "the key is the fingerprint, which is another one once a row is flagged", hint)
    return found


def _pointers(table: Table, name: str) -> tuple[str, ...]:
    return tuple(pointer(table, name, value, star=True) for value in table.texts(name, ()))


def _choice(table: Table, name: str, choices: type[_Choice], default: _Choice | None = None) -> _Choice:
    word = table.text(name) or default
    if word not in set(choices):
        raise table.error(name, f'"{word}" is not one of its values', meant(str(word), set(choices)))
    return choices(word)


def _checked_shape(table: Table, shape: Shape) -> Shape:
    if shape is not Shape.LIST and table.flag("paged", default=False):
        raise table.error("paged", f"a {shape} is read in one request", "Leave paged out")
    if shape is not Shape.TREE and table.text("children"):
        raise table.error("children", "only a tree has children", 'Add shape = "tree", or leave children out')
    if "paging" in table.names() and not table.flag("paged", default=shape is Shape.LIST):
        raise table.error("paging", "the list is read in one request", "Leave out paging, or paged = false")
    return shape


def _path(table: Table, words: Words, params: Mapping[str, str]) -> str:
    value = table.required_text("path")
    path_words.check(table, "path", value, words.of_path)
    named = {word for text in (value, *params.values()) for word in PLACEHOLDER.findall(text)}
    if words.parent and not words.names_parent(named):
        hint = 'Add {parent} to it, or a parameter such as params = { "…" = "{parent}" }'
        raise table.error("path", f'it does not say where the key of its parent "{words.parent}" goes', hint)
    return value


def _item_path(table: Table, words: Words) -> str | None:
    value = table.text("item_path")
    if value is None:
        return None
    path_words.check(table, "item_path", value, words.of_item_path)
    if not words.names_record(set(PLACEHOLDER.findall(value))):
        parts = " and ".join(f"{{{min(names, key=len)}}}" for names in words.own_parts if names)
        hint = "Add {key}, mostly at its end" + (f", or {parts}" if parts else "")
        raise table.error("item_path", "it does not say where the record's key goes", hint)
    return value


def _columns(table: Table) -> Mapping[str, ColumnType]:
    columns = table.table("columns", None)
    if columns is None:
        return {}
    types = {each: _choice(columns, each, ColumnType) for each in columns.names()}
    taken: dict[str, str] = {}
    for each in types:
        name = column_name(member(columns, each, each))
        if not re.fullmatch(r"[a-z_][a-z0-9_]*", name) or not name.strip("_") or len(name) > _MAX_COLUMN_CHARACTERS:
            hint = "Leave it out: it stays in the column `document`"
            raise columns.error(each, "this member's name cannot become a column", hint)
        if name in taken:
            message = f'it becomes the column {name}, as "{taken[name]}" does'
            raise columns.error(each, message, "Leave one of them out")
        taken[name] = each
    return types


def _schedule(table: Table) -> str:
    text = table.text("schedule") or "5m"
    try:
        schedules.parse(text)
    except ValueError as error:
        message, _, cure = str(error).partition(": ")
        raise table.error("schedule", message, (cure[:1].upper() + cure[1:]) or 'Write "5m" or "off"') from None
    return text


def _params(table: Table, defaults: Defaults, words: Words, taken: Collection[str]) -> Mapping[str, str]:
    for name in taken:
        if name in defaults.params:
            message = f'"{name}" is in params of [source] as well, and can be sent only once'
            raise table.error("paging", message, "Leave it out there")
    params = sent_texts.params(table, defaults.params, taken)
    own = table.table("params", None)
    if own is not None:
        for name in own.names():
            path_words.check_param(own, name, params[name], words.of_path)
    return params


def _empty(table: Table) -> tuple[int, ...]:
    statuses = table.numbers("empty") or ()
    for status in statuses:
        if not 400 <= status < 500 or status in (401, 429):
            hint = "Write the statuses by which the source says that a list is empty, such as [404]"
            raise table.error("empty", f"{status} says nothing of a list", hint)
    return statuses


def _points(table: Table) -> PointFields | None:
    names: Iterable[str] = ("code", "type", "url", "token")
    points = table.table("points", names)
    if points is None:
        return None
    return PointFields(**{name: member(points, name, points.required_text(name)) for name in names})
