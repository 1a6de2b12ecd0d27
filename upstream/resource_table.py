"""[resources.NAME] of a catalogue: what it may hold, and the `Resource` that it becomes; part of catalogue.py."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from changes.problems import Misfit
from changes.resources import PLACEHOLDER, Class, Key, PointFields, Resource, Shape
from changes.tables import Flag, Schedule, Table, Text
from upstream import open_secrets, path_words, sent_texts
from upstream.catalogue_fields import (
    Columns,
    Deleted,
    Headers,
    KeyOfRows,
    Member,
    PageSize,
    Params,
    Pointers,
    statuses,
)
from upstream.paging_table import Paging
from upstream.path_words import Words
from upstream.source_table import EnvelopeTable, SourceTable, refuse_taken

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_MAX_NAME_CHARACTERS = 50  # indexes are named after the table, and PostgreSQL cuts names at 63
_TAKEN_PREFIXES = ("mirrorpoint_", "sqlite_")
_TAKEN_NAMES = frozenset({"key", "parent"})  # they mean something else in the braces of a path


def _name(name: str) -> str:
    """A resource's name is the name of its table, so not every name will do."""
    if not _NAME.fullmatch(name) or len(name) > _MAX_NAME_CHARACTERS:
        hint = f"use up to {_MAX_NAME_CHARACTERS} of a-z, 0-9 and _, and begin with a letter, such as product_notes"
        raise Misfit("this name cannot be the name of a table", hint)
    if name.startswith(_TAKEN_PREFIXES) or name in _TAKEN_NAMES:
        raise Misfit("this name is taken by Mirrorpoint or the database", "choose another name")
    return name


ResourceName = Annotated[str, AfterValidator(_name)]
#: Statuses that say that a list is empty.
Empty = Annotated[
    tuple[int, ...],
    statuses(
        "says nothing of a list",
        "write the statuses by which the source says that a list is empty, such as [404]",
        never=(401, 429),
    ),
]


class PointsTable(Table):
    """Members of a record, or pointers into it, that make it an integration point."""

    code: Member = Field(examples=["code"])
    type: Member = Field(examples=["type"])
    url: Member = Field(examples=["url"])
    token: Member = Field(examples=["token"])
    token_local: Member | None = None


class ResourceTable(Table):
    """A list. What it has in common with `Resource` is taken over by name; what it means is said there."""

    title: Text | None = None
    path: Text = Field(examples=["/products"])
    item_path: Text | None = None
    key: KeyOfRows = ("id",)
    parent: Text | None = None
    sort: Text | None = None
    created: Member | None = None
    created_assumed: Flag = False
    columns: Columns = Field(default_factory=dict)
    deleted: Deleted = Field(default_factory=dict)
    secrets: Pointers = ()
    volatile: Pointers = ()
    unordered: Pointers = ()
    schedule: Schedule = "5m"
    class_: Class | None = Field(default=None, alias="class")
    documented: Flag = True
    shape: Shape = Shape.LIST
    children: Member = "children"
    paged: Flag | None = None  #: None: a list is, what has another shape is not
    paging: Paging | None = None  #: None: that of the source; so are the next four laid over those of the source
    page_size: PageSize | None = None
    params: Params = Field(default_factory=dict)
    headers: Headers = Field(default_factory=dict)
    envelope: EnvelopeTable | None = None
    empty: Empty = ()
    points: PointsTable | None = None

    @property
    def is_paged(self) -> bool:
        """Whether the list comes in pages."""
        return self.shape is Shape.LIST if self.paged is None else self.paged

    @model_validator(mode="after")
    def _check(self) -> ResourceTable:
        if self.shape is not Shape.LIST and self.paged:
            raise Misfit(f"a {self.shape} is read in one request", "leave paged out", at="paged")
        if self.shape is not Shape.TREE and "children" in self.model_fields_set:
            raise Misfit("only a tree has children", 'add shape = "tree", or leave children out', at="children")
        if self.paging is not None and not self.is_paged:
            raise Misfit("the list is read in one request", "leave out paging, or paged = false", at="paging")
        if self.deleted and self.key == ("#",):
            message = "the key is the fingerprint, which is another one once a row is flagged"
            raise Misfit(message, 'give the rows a key of members, such as key = "id"', at="deleted")
        if self.created_assumed and self.created is None:
            raise Misfit("no creation stamp is named", "name it in created", at="created_assumed")
        open_secrets.refuse(self.secrets, _uses(self))
        return self


def _uses(table: ResourceTable) -> Iterator[tuple[str, str]]:
    """Where values of a row's members stand beside its document: a key of the table, and the member."""
    if table.shape is not Shape.OBJECT:
        parts = (part for each in table.key for part in ((each,) if isinstance(each, str) else each))
        yield from (("key", part) for part in parts if part not in ("$", "#"))
    yield from ((f"columns.{member}", member) for member in table.columns)
    yield from ((name, member) for name in ("created", "sort") if (member := getattr(table, name)) is not None)
    if table.points is not None:
        yield from ((f"points.{name}", getattr(table.points, name)) for name in ("code", "type", "url"))


#: What a resource has as its table does.
_SAME = frozenset(each.name for each in fields(Resource)) & ResourceTable.model_fields.keys()


def resource(table: ResourceTable, *, name: str, ancestors: Mapping[str, Key], source: SourceTable) -> Resource:
    """`ancestors` from the outermost to the parent, with their keys; Misfit says what cannot work together."""
    words = path_words.of_resource(ancestors, table.key)
    params = {**source.params, **table.params}
    _check_params(table, source, words)
    _check_paths(table, words, params)
    if table.sort and source.sorting is None:
        hint = 'add sorting = { by = "…" } to [source], or leave sort out'
        raise Misfit("the source has no parameter to sort by", hint, at="sort")
    own = {
        "name": name,
        "title": table.title or name.replace("_", " ").capitalize(),
        "ancestors": tuple(ancestors),
        "ancestor_keys": tuple(ancestors.values()),
        "paged": table.is_paged,
        "page_size": table.page_size or source.page_size,
        "params": params,
        "headers": sent_texts.over(source.headers, table.headers),
        "envelope": table.envelope.over(source.usual_envelope) if table.envelope else source.usual_envelope,
        "points": PointFields(**dict(table.points)) if table.points else None,
    }
    return Resource(**{each: getattr(table, each) for each in _SAME} | own)


def _check_params(table: ResourceTable, source: SourceTable, words: Words) -> None:
    taken = source.set_by_scans(table.paging or source.paging)
    for name in taken & source.params.keys():
        message = f'"{name}" is in params of [source] as well, and can be sent only once'
        raise Misfit(message, "leave it out there", at="paging")
    refuse_taken(table.params, taken)
    for name, value in table.params.items():
        path_words.check_param(f"params.{name}", value, words.of_path)


def _check_paths(table: ResourceTable, words: Words, params: Mapping[str, str]) -> None:
    path_words.check("path", table.path, words.of_path)
    named = {word for text in (table.path, *params.values()) for word in PLACEHOLDER.findall(text)}
    if words.parent and not words.names_parent(named):
        hint = 'add {parent} to it, or a parameter such as params = { "…" = "{parent}" }'
        raise Misfit(f'it does not say where the key of its parent "{words.parent}" goes', hint, at="path")
    if table.item_path is None:
        return
    path_words.check("item_path", table.item_path, words.of_item_path)
    if not words.names_record(set(PLACEHOLDER.findall(table.item_path))):
        parts = " and ".join(f"{{{min(names, key=len)}}}" for names in words.own_parts if names)
        hint = "add {key}, mostly at its end" + (f", or {parts}" if parts else "")
        raise Misfit("it does not say where the record's key goes", hint, at="item_path")
