"""What the catalogue says of one list endpoint; read by every other room."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from changes import members
from changes.records import Id, Json

PLACEHOLDER = re.compile(r"\{(\w+)\}")

#: What a row may be keyed by: a member, `$` the row itself, `#` its fingerprint, or several members together.
Alternative = str | tuple[str, ...]
#: The first that is there counts.
Key = tuple[Alternative, ...]


class Shape(StrEnum):
    """How an answer's body becomes records."""

    LIST = "list"  #: rows of objects or strings, one record each
    OBJECT = "object"  #: the whole body is one record; its key is the parent's key
    TREE = "tree"  #: rows with children; one record per node


class ColumnType(StrEnum):
    """Types that a catalogue may give a column."""

    TEXT = "text"
    INTEGER = "integer"  #: signed 64 bits
    NUMBER = "number"  #: IEEE double
    BOOLEAN = "boolean"
    TIME = "time"  #: ISO 8601, an HTTP date, or (milli)seconds since 1970 in the document; UTC in the table
    JSON = "json"


class Class(StrEnum):
    """What a resource is to its operator; the promises of the plan go by it."""

    SET_UP = "set-up"  #: connections, products, templates, rights: small and precious
    TRAFFIC = "traffic"  #: clients, accounts, logs: large and busy


#: Begins the name of a total that stands in a header.
HEADER = "header:"


@dataclass(frozen=True, slots=True)
class Envelope:
    """Where rows and total are in a body: members or pointers, the first that fits; "$" is the body itself.

    A `total` may be a header: "header:X-Total-Count".
    """

    rows: tuple[str, ...] = ("data", "$")
    total: tuple[str, ...] = ("total",)
    more: tuple[str, ...] | None = None  #: members that are true where more rows follow; None: the usual ones


@dataclass(frozen=True, slots=True)
class PointFields:
    """Members of a record, or pointers into it, that make it an integration point."""

    code: str
    type: str
    url: str
    token: str
    token_local: str | None = None  #: what the point reads the feed with


@dataclass(frozen=True, slots=True)
class Resource:
    """One list endpoint as the mirror sees it."""

    name: str  #: also the name of its table
    title: str
    path: str  #: `{parent}` is the nearest parent's key, `{ancestor_name}` that of any ancestor
    item_path: str | None = None  #: the same, `{key}`, and the parts of a composite key; None: there is no such path
    key: Key = ("id",)
    ancestors: tuple[str, ...] = ()  #: resource names from the outermost to the parent
    ancestor_keys: tuple[Key, ...] = ()  #: theirs
    sort: str | None = None
    created: str | None = None  #: the member with the creation stamp, or a pointer to it
    created_assumed: bool = False  #: nobody documents that the list can be sorted by it: its answers decide
    columns: Mapping[str, ColumnType] = field(default_factory=dict)  #: member or pointer -> type
    #: Member or pointer -> the values that say that a row is gone; without any it is a flag or a stamp.
    deleted: Mapping[str, tuple[Json, ...]] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()  #: JSON Pointers, `*` for any member
    volatile: tuple[str, ...] = ()  #: JSON Pointers, `*` for any member
    unordered: tuple[str, ...] = ()  #: JSON Pointers to lists whose order means nothing, `*` for any member
    schedule: str = "5m"  #: "30s", "5m", a cron line, "auto" or "off"
    class_: Class | None = None  #: None: by what a full scan costs
    documented: bool = True  #: False: inferred by analogy
    shape: Shape = Shape.LIST
    children: str = "children"  #: the member, or a pointer to it, that holds a tree's child nodes
    paged: bool = True  #: False: one request answers the whole list
    page_size: int | None = None  #: rows asked for in one request; None: as many as the source's limits say
    #: Sent with every list request, those of the source too; may hold placeholders.
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)  #: sent with every request, those of the source too
    empty: tuple[int, ...] = ()  #: statuses by which the source says that a list is empty
    envelope: Envelope = Envelope()
    points: PointFields | None = None  #: set where records are integration points

    @property
    def parent(self) -> str | None:
        """The resource whose records this one's lists belong to."""
        return self.ancestors[-1] if self.ancestors else None

    def column_names(self) -> dict[str, str]:
        """Member name -> SQL column name, in the catalogue's order."""
        return {member: column_name(member) for member in self.columns}


#: Columns that every mirrored table has; a member of the same name gets an underscore behind it.
FIXED_COLUMNS = frozenset(
    {"source", "parent_key", "key", "document", "version", "fingerprint", "first_seen_at", "changed_at", "deleted_at"}
)


#: Names that a database keeps for itself, PostgreSQL's and SQLite's: an underscore behind these too, on either.
SYSTEM_COLUMNS = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid", "oid", "rowid", "_rowid_"})


def column_name(member: str) -> str:
    """`groupId` -> `group_id`, `2faRequired` -> `_2fa_required`, `key` -> `key_`, `/meta/at` -> `meta_at`."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", members.words(member))
    words = re.sub(r"[^0-9A-Za-z]+", "_", spaced)
    name = words.lower()
    if name[:1].isdigit():
        name = "_" + name
    return name + "_" if name in FIXED_COLUMNS or name in SYSTEM_COLUMNS else name


def join_keys(keys: tuple[str, ...]) -> str:
    """Parents' keys from the outermost, joined by `/`; inside a key `/` is written `%2F` (and `%` `%25`)."""
    return "/".join(key.replace("%", "%25").replace("/", "%2F") for key in keys)


def split_keys(parent_key: str) -> tuple[str, ...]:
    """The keys that `join_keys` has joined."""
    if not parent_key:
        return ()
    return tuple(part.replace("%2F", "/").replace("%25", "%") for part in parent_key.split("/"))


def child_parent_key(parent_key: str, key: str) -> str:
    """The `parent_key` of the children of the record (`parent_key`, `key`)."""
    own = join_keys((key,))
    return f"{parent_key}/{own}" if parent_key else own


def parent_id(id_: Id) -> Id:
    """The record whose list a nested record belongs to."""
    *outer, last = split_keys(id_.parent_key)
    return Id(join_keys(tuple(outer)), last)
