"""Makes records of an API's rows: text keys, sealed secrets, one canonical form, one fingerprint.

Called by the scan for every page, and by upstream for the parsing alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

from changes import bodies, fingerprint, flags, keys, members, pointers, resources, unordered
from changes.bodies import Rows, UnexpectedShape, parse, rows_of
from changes.conversions import CONVERSIONS, as_it_is
from changes.records import Batch, Id, Json, Record
from changes.resources import ColumnType, PointFields, Resource, Shape

__all__ = ["Rows", "UnexpectedShape", "columns", "document_of", "keys_of", "merge", "parse", "read", "rows_of"]

#: A record's key and those of its parents together: PostgreSQL's limit is 2704 for all columns of an index.
LONGEST_ID_BYTES = 1600
DEEPEST_NODE = 200  #: levels of a tree


def read(
    resource: Resource,
    rows: Sequence[Json],
    *,
    parent_key: str,
    seal: Callable[[Json], Json],
    places: Sequence[int] | None = None,
) -> Batch:
    """The records of a page's rows, each id once; a row that cannot be taken is skipped with its reason.

    `places`: where the rows stand in their list, counted from 1; the reasons name them.
    """
    placed = list(zip(places or range(1, len(rows) + 1), rows, strict=True))
    reader = _Reader(resource, parent_key, seal)
    if resource.shape is Shape.OBJECT:
        parents = resources.split_keys(parent_key)
        # A settings object without a parent is the only record of its resource.
        reader.take_all(placed, key=parents[-1] if parents else resource.name)
    elif resource.shape is Shape.TREE:
        for position, row in placed:
            reader.take_node(row, str(position), level=1)
    else:
        reader.take_all(placed)
    return reader.batch()


class _Reader:
    """Reads the rows of a batch: holds what is the same for all of them, and what has been taken so far."""

    def __init__(self, resource: Resource, parent_key: str, seal: Callable[[Json], Json]) -> None:
        self._resource = resource
        self._parent_key = parent_key
        self._secrets = pointers.compiled(resource.secrets)
        self._volatile = pointers.compiled(resource.volatile)
        self._unordered = unordered.passes(resource.unordered)
        self._key_of = keys.reader(resource.key)
        self._is_gone = flags.reader(resource)
        self._rule = fingerprint.prefix(resource)
        if resource.secrets:  # another key makes every secret look changed: that must not be told as changes
            self._rule += fingerprint.key_mark(seal)
        self._sealed: Callable[[str, Json], Json] = lambda _, secret: seal(secret)
        self._taken: list[Record] = []
        self._skipped: list[str] = []
        self._unread: list[Id] = []
        self._gone: dict[Id, None] = {}
        self._repaired = 0

    def batch(self) -> Batch:
        by_id = {record.id: record for record in self._taken}
        return Batch(
            records=tuple(by_id.values()),
            skipped=tuple(self._skipped),
            doubles=len(self._taken) - len(by_id),
            repaired=self._repaired,
            unread=tuple(self._unread),
            gone=tuple(id_ for id_ in self._gone if id_ not in by_id),
        )

    def take_all(self, rows: Iterable[tuple[int, Json]], *, key: str | None = None) -> None:
        for position, row in rows:
            try:
                if self._is_gone is not None and self._is_gone(row):
                    self._gone[self._id_of_gone(row, key)] = None
                else:
                    self._taken.append(self._record(row, key))
            except ValueError as error:
                self._skip(position, error)
                self._note_unread(row, key)

    def take_node(self, node: Json, position: str, *, level: int) -> str | None:
        """Take a node, then all below it; returns its key, or None if it has none."""
        place = len(self._taken)
        try:
            children = members.value(node, self._resource.children)
            if isinstance(children, list):
                # Keys in place of nodes: a change deep below is no change of the ancestors, but a move is one.
                taken = self._take_children(children, position, level=level + 1)
                node = members.replaced(node, self._resource.children, taken)
            if self._is_gone is not None and self._is_gone(node):
                self._gone[self._id_of_gone(node, None)] = None
                return None
            record = self._record(node, None)
        except ValueError as error:
            self._skip(position, error)
            return self._note_unread(node, None)
        self._taken.insert(place, record)
        return record.id.key

    def _take_children(self, nodes: list[Json], position: str, *, level: int) -> list[str]:
        if level > DEEPEST_NODE:
            raise ValueError(f"has nodes below level {DEEPEST_NODE}")
        keys = [self.take_node(node, f"{position}.{number}", level=level) for number, node in enumerate(nodes, 1)]
        return [key for key in keys if key is not None]

    def _skip(self, position: object, error: ValueError) -> None:
        under = f" under {self._parent_key}" if self._parent_key else ""
        self._skipped.append(f"{self._resource.name}{under}: row {position} {error}")

    def _note_unread(self, row: Json, key: str | None) -> str | None:
        """Note that the record is there although its row cannot be taken: it must not pass for deleted. Its key."""
        try:
            key = fingerprint.repaired_key(self._key_of(row, None) if key is None else key)
        except ValueError:
            return None
        self._unread.append(Id(self._parent_key, key))
        return key

    def _id_of_gone(self, row: Json, key: str | None) -> Id:
        """The id of a row that says that it is gone: nothing else of the row matters."""
        key = fingerprint.repaired_key(self._key_of(row, None) if key is None else key)
        _check_length(self._parent_key, key)
        return Id(self._parent_key, key)

    def _record(self, row: Json, key: str | None) -> Record:
        """The row as a record; `ValueError` says what is wrong with it, and quotes nothing of its contents."""
        if row is None:
            raise ValueError("is null")
        document = row
        if self._secrets:
            document = pointers.rewritten(row, self._secrets, self._sealed)
        form, was_repaired, parsed = fingerprint.plain(document), False, document
        if form is None:
            (form, was_repaired), parsed = fingerprint.written(document), None
        stamp = fingerprint.stamped(self._rule, self._volatile, self._unordered, document, form)
        if key is None:
            key = self._key_of(row, stamp)
        if was_repaired:
            self._repaired += 1
            key = fingerprint.repaired_key(key)
        _check_length(self._parent_key, key)
        fields = self._resource.points
        point = self._point(fields, row) if fields is not None and isinstance(row, dict) else None
        return Record(Id(self._parent_key, key), stamp, form, point, parsed)

    def _point(self, fields: PointFields, row: dict[str, Json]) -> dict[str, str]:
        """The members of `Record.point`."""
        names = {"code": fields.code, "type": fields.type, "url": fields.url, "token": fields.token}
        found = {name: _text_of(row, member) for name, member in names.items()}
        if fields.token_local is not None:
            found["token_local"] = str(self._sealed("", _text_of(row, fields.token_local)))
        return found


def keys_of(resource: Resource, row: Json) -> set[str]:
    """Every key that the row may have had, by whichever alternative of the catalogue its list was read."""
    return keys.every(resource.key, row)


def document_of(record: Record) -> Json:
    """The record's document as JSON."""
    return bodies.parse(record.canonical) if record.parsed is None else record.parsed


def _check_length(parent_key: str, key: str) -> None:
    if len(parent_key) + len(key) < LONGEST_ID_BYTES // 4:  # nearly always: no character takes more than 4 bytes
        return
    size = len(resources.child_parent_key(parent_key, key).encode())
    if size > LONGEST_ID_BYTES:
        raise ValueError(f"has a key of {size} bytes, with those of its parents, at most {LONGEST_ID_BYTES} fit")


def _text_of(row: dict[str, Json], name: str) -> str:
    value = members.value(row, name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return fingerprint.repaired(value) if isinstance(value, str) else ""


def merge(batches: Iterable[Batch]) -> Batch:
    """One batch made of several whose ids do not overlap."""
    parts = tuple(batches)
    return Batch(
        records=tuple(record for part in parts for record in part.records),
        skipped=tuple(reason for part in parts for reason in part.skipped),
        doubles=sum(part.doubles for part in parts),
        repaired=sum(part.repaired for part in parts),
        unread=tuple(id_ for part in parts for id_ in part.unread),
        unchanged=tuple(id_ for part in parts for id_ in part.unchanged),
        untouched=sum(part.untouched for part in parts),
        gone=tuple(id_ for part in parts for id_ in part.gone),
    )


#: SQL column -> value, and the names of the members that did not convert (their value is None).
Columns = tuple[dict[str, object], list[str]]
#: The same of a document, the values alone, in the catalogue's order.
Converter = Callable[[Json], tuple[list[object], list[str]]]
#: Into what the values of a kind of columns are put once they are converted.
Forms = tuple[tuple[ColumnType, Callable[[Any], object]], ...]


def columns(resource: Resource, document: Json) -> Columns:
    """The typed columns of one document."""
    values, unconverted = converter(resource)(document)
    return dict(zip(_column_names(tuple(resource.columns)), values, strict=True)), unconverted


def converter(resource: Resource, forms: Forms = ()) -> Converter:
    """Gives the typed columns of any number of the resource's documents."""
    return _converter(tuple(resource.columns.items()), forms)


@lru_cache(maxsize=1024)
def _converter(columns: tuple[tuple[str, ColumnType], ...], forms: Forms) -> Converter:
    into = dict(forms)
    steps = [(member, _in_form(CONVERSIONS[kind], into.get(kind))) for member, kind in columns]
    has_pointers = any(members.is_pointer(member) for member, _ in columns)

    def converted(document: Json) -> tuple[list[object], list[str]]:
        if has_pointers or not isinstance(document, dict):
            document = {member: members.value(document, member) for member, _ in steps}
        get = document.get
        try:
            return [None if (value := get(member)) is None else convert(value) for member, convert in steps], []
        except ValueError:
            return _each_converted(document, steps)

    return converted


def _each_converted(
    own: dict[str, Json], steps: list[tuple[str, Callable[[Json], object]]]
) -> tuple[list[object], list[str]]:
    """The same where something does not convert."""
    values, unconverted = list[object](), list[str]()
    for member, convert in steps:
        value = own.get(member)
        try:
            values.append(None if value is None else convert(value))
        except ValueError:
            values.append(None)
            unconverted.append(member)
    return values, unconverted


def _in_form(convert: Callable[[Json], object], form: Callable[[Any], object] | None) -> Callable[[Json], object]:
    if form is None:
        return convert
    return form if convert is as_it_is else lambda value: form(convert(value))


@lru_cache(maxsize=1024)
def _column_names(columns: tuple[str, ...]) -> list[str]:
    return [resources.column_name(member) for member in columns]
