"""What the sandbox knows of one list endpoint; every other file of the sandbox reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import quote

from sandbox.fields import Json, Make


class Shape(StrEnum):
    """How a list looks on the wire."""

    LIST = "list"  #: objects in {"total", "data"}
    BARE = "bare"  #: objects in a plain array
    STRINGS = "strings"  #: a plain array of strings, each its own key
    OBJECT = "object"  #: one object under a parent
    TREE = "tree"  #: nested nodes with `children` in {"total", "data"}
    BARE_TREE = "bare tree"  #: the same in a plain array


class Type(StrEnum):
    """What a member of a request's body may be."""

    TEXT = "string"
    INTEGER = "integer"
    FLAG = "boolean"  #: also 0, 1, "0", "1": the documents' own examples send those
    LIST = "array"
    OBJECT = "object"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a body that creates or updates a record."""

    type: Type = Type.TEXT
    required: bool = False
    choices: tuple[Json, ...] = ()
    row_of: str | None = None  #: path of the list whose key it must be


@dataclass(frozen=True, slots=True)
class Writes:
    """The documented methods that change a resource."""

    create: Mapping[str, Member]
    update: Mapping[str, Member]
    initial: Mapping[str, Json] = field(default_factory=dict)  #: values of fields that the creator left out; else null
    verbs: tuple[str, ...] = ("PATCH",)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One list endpoint, its records, and what may be asked of it."""

    path: str  #: parents' keys in braces
    fields: Mapping[str, Make] = field(default_factory=dict)
    count: int = 12  #: rows seeded; under a parent: at most so many
    key: str | tuple[str, ...] = "id"  #: of several members: their texts, joined
    sorts: tuple[str, ...] = ("createTime",)  #: another one is refused
    default_sort: str | None = None  #: None: the order of arrival
    filters: str = ""  #: names; `name=member` where they differ, `name>=member`, `name<=member` for spans
    needs_filter: tuple[str, str] | None = None  #: a filter that must be sent, and its only value
    shape: Shape = Shape.LIST
    has_item: bool = True
    is_paged: bool = True  #: False: without `limit` the whole list is answered
    scales: bool = True  #: False: `--scale` leaves its count alone
    seeds: tuple[str, ...] = ()  #: the strings of a list of strings
    hidden: tuple[str, Json] | None = None  #: rows with this value of this member are never shown
    takes: tuple[tuple[str, str], ...] = ()  #: (path, member): rows that go when the row they refer to goes
    still: tuple[str, ...] = ()  #: members that random changes leave alone
    kind: str = ""  #: where rows travel as {"type": kind, "attributes": row}
    gone: str = ""  #: the member that is true in rows that are deleted and listed all the same
    mixed: tuple[str, ...] = ()  #: lists inside of rows that stand in another order in each answer
    writes: Writes | None = None

    @property
    def parents(self) -> tuple[str, ...]:
        """Paths of the lists that the keys in braces belong to, from the outermost."""
        parts = self.path.split("/")
        return tuple("/".join(parts[:place]) for place, part in enumerate(parts) if part.startswith("{"))

    def filled(self, parents: tuple[str, ...]) -> str:
        """The path with its parents' keys, quoted as in a URL."""
        keys = iter(parents)
        return "/".join(quote(next(keys), safe="") if part.startswith("{") else part for part in self.path.split("/"))

    @property
    def key_members(self) -> tuple[str, ...]:
        return (self.key,) if isinstance(self.key, str) else self.key

    def key_of(self, document: Mapping[str, Json]) -> str:
        """Of several members joined with slashes; in each of them percent signs and slashes are escaped."""
        if isinstance(self.key, str):
            return str(document[self.key])
        return "/".join(str(document[name]).replace("%", "%25").replace("/", "%2F") for name in self.key)

    def travelling(self, row: bytes) -> bytes:
        """The row as lists and its own path show it."""
        return b'{"type":"%s","attributes":%s}' % (self.kind.encode(), row) if self.kind else row

    @property
    def is_tree(self) -> bool:
        return self.shape in (Shape.TREE, Shape.BARE_TREE)
