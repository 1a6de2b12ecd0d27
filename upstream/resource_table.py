"""Reads one [resources.*] table of a catalogue and refuses what could not work; used by catalogue.py."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypeVar

from changes import pointers, schedules
from changes.resources import (
    PLACEHOLDER,
    ColumnType,
    Envelope,
    PointFields,
    Resource,
    Shape,
    column_name,
)
from upstream.strict_toml import Table, meant

#: What such a table may hold.
MEMBERS = frozenset(
    {"title", "path", "item_path", "key", "parent", "sort", "created", "columns", "secrets", "volatile", "schedule"}
    | {"documented", "shape", "children", "paged", "params", "envelope", "points", "empty"}
)

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_MAX_NAME_CHARACTERS = 50  # indexes are named after the table, and PostgreSQL cuts names at 63
_TAKEN_PREFIXES = ("mirrorpoint_", "sqlite_")
_TAKEN_NAMES = frozenset({"key", "parent"})  # they mean something else in the braces of a path
_MAX_COLUMN_CHARACTERS = 63

_Choice = TypeVar("_Choice", Shape, ColumnType)


def check_name(resources: Table, name: str) -> None:
    """A resource's name is the name of its table, so not every name will do."""
    if not _NAME.fullmatch(name) or len(name) > _MAX_NAME_CHARACTERS:
        hint = f"Use up to {_MAX_NAME_CHARACTERS} of a-z, 0-9 and _, and begin with a letter, such as product_notes"
        raise resources.error(name, "this name cannot be the name of a table", hint)
    if name.startswith(_TAKEN_PREFIXES) or name in _TAKEN_NAMES:
        raise resources.error(name, "this name is taken by Mirrorpoint or the database", "Choose another name")


def read(
    table: Table, *, name: str, ancestors: tuple[str, ...], defaults: Envelope, paging_names: frozenset[str]
) -> Resource:
    """`ancestors` from the outermost to the parent; `paging_names` are parameters that the source uses itself."""
    shape = _choice(table, "shape", Shape, Shape.LIST)
    key = table.texts("key", ("id",))
    if "#" in key[:-1]:
        raise table.error("key", '"#", the fingerprint, always fits, so nothing after it counts', 'Put "#" last')
    if not key:
        raise table.error("key", "the list is empty", 'Name a member, or "$" for lists of texts')
    return Resource(
        name=name,
        title=table.text("title") or name.replace("_", " ").capitalize(),
        path=_path(table, "path", table.required_text("path"), ancestors),
        item_path=_item_path(table, ancestors),
        key=key,
        ancestors=ancestors,
        sort=table.text("sort"),
        created=table.text("created"),
        columns=_columns(table),
        secrets=_pointers(table, "secrets"),
        volatile=_pointers(table, "volatile"),
        schedule=_schedule(table),
        documented=table.flag("documented", default=True),
        shape=_checked_shape(table, shape),
        children=table.text("children") or "children",
        paged=table.flag("paged", default=shape is Shape.LIST),
        params=_params(table, paging_names),
        envelope=envelope(table, defaults),
        empty=_empty(table),
        points=_points(table),
    )


def envelope(table: Table, defaults: Envelope) -> Envelope:
    """The table's own envelope; what it leaves out is as in `defaults`."""
    own = table.table("envelope", ("rows", "total"))
    if own is None:
        return defaults
    rows = own.texts("rows", defaults.rows)
    if not rows:
        raise own.error("rows", "the list is empty", 'Name the member that holds the rows, or "$" for the body itself')
    return Envelope(rows=rows, total=own.texts("total", defaults.total))


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
    return shape


def _item_path(table: Table, ancestors: tuple[str, ...]) -> str | None:
    value = table.text("item_path")
    if value is None:
        return None
    _path(table, "item_path", value, (*ancestors, "key"))
    if "{key}" not in value:
        raise table.error("item_path", "it does not say where the record's key goes", "Add {key}, mostly at its end")
    return value


def _path(table: Table, name: str, value: str, ancestors: tuple[str, ...]) -> str:
    """`value` if it can be turned into an address; `ancestors` may hold more words that are allowed in braces."""
    if not value.startswith("/") or value.startswith("//") or re.search(r"[\s?#]", value):
        hint = 'Begin it with "/"; the host stands in base_url of the source, a query in params'
        raise table.error(name, f'"{value}" is not a path', hint)
    parents = [word for word in ancestors if word != "key"]
    used = PLACEHOLDER.findall(value)
    if re.search(r"[{}]", PLACEHOLDER.sub("", value)):
        raise table.error(name, f'a brace of "{value}" has no partner', "Write placeholders as {parent}")
    allowed = {*ancestors, *(["parent"] if parents else [])}
    for word in used:
        if word not in allowed:
            hint = 'Add parent = "…", the resource whose records are meant'
            if parents:
                hint = "Known here: " + ", ".join(f"{{{each}}}" for each in sorted(allowed))
            raise table.error(name, f"{{{word}}} stands for nothing that is known", hint)
    if name == "path" and parents and not {"parent", parents[-1]} & set(used):
        raise table.error(name, f'it does not say where the key of its parent "{parents[-1]}" goes', "Add {parent}")
    return value


def _columns(table: Table) -> Mapping[str, ColumnType]:
    columns = table.table("columns", None)
    if columns is None:
        return {}
    types = {member: _choice(columns, member, ColumnType) for member in columns.names()}
    members: dict[str, str] = {}
    for member in types:
        if member.startswith("/"):
            raise columns.error(member, "a column is a member of the record itself", "Use the outer member, as json")
        name = column_name(member)
        if not re.fullmatch(r"[a-z_][a-z0-9_]*", name) or not name.strip("_") or len(name) > _MAX_COLUMN_CHARACTERS:
            hint = "Leave it out: it stays in the column `document`"
            raise columns.error(member, "this member's name cannot become a column", hint)
        if name in members:
            message = f'it becomes the column {name}, as "{members[name]}" does'
            raise columns.error(member, message, "Leave one of them out")
        members[name] = member
    return types


def _schedule(table: Table) -> str:
    text = table.text("schedule") or "5m"
    try:
        schedules.parse(text)
    except ValueError as error:
        message, _, cure = str(error).partition(": ")
        raise table.error("schedule", message, (cure[:1].upper() + cure[1:]) or 'Write "5m" or "off"') from None
    return text


def _params(table: Table, paging_names: frozenset[str]) -> Mapping[str, str]:
    params = table.table("params", None)
    if params is None:
        return {}
    for name in params.names():
        if name in paging_names:
            hint = "Leave it out; see paging and sorting of [source]"
            raise params.error(name, "the scan sets this parameter itself", hint)
    return params.all_texts()


def _empty(table: Table) -> tuple[int, ...]:
    statuses = table.numbers("empty")
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
    return PointFields(**{name: points.required_text(name) for name in names})
