"""What a few rows and their answer say against the catalogue: the judging of `check`, without any asking.

Nothing of what rows hold is told, only what their members are called.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from changes import bodies, keys, members
from changes.conversions import CONVERSIONS
from changes.records import Json
from changes.resources import HEADER, Alternative, ColumnType, Envelope, Key, Resource
from upstream import says_more
from worker.commands.check import answer_places
from worker.commands.check.answer_places import listed, shown
from worker.problems import nearest

#: In this order a type is looked for that all values of a column have.
_TYPES = (ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.BOOLEAN, ColumnType.TIME, ColumnType.TEXT, ColumnType.JSON)


class Severity(StrEnum):
    """How much a finding matters."""

    ERROR = "error"  #: nothing of the resource could be mirrored
    WARNING = "warning"
    NOTE = "note"  #: works, but is not what the catalogue lets one expect


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a resource's table."""

    member: str  #: of the table, such as `key`
    code: str  #: for programs
    message: str  #: what was seen
    hint: str = ""  #: what to write instead
    severity: Severity = Severity.WARNING


def toml(value: str | Sequence[str]) -> str:
    """A text or a list of texts as it is written in a catalogue."""
    return json.dumps(value if isinstance(value, str) else list(value), ensure_ascii=False)


def misplaced(resource: Resource, body: Json) -> Finding | None:
    """The answer has no list where the envelope says; None where it has, or says in other words that there are none."""
    try:
        bodies.rows_of(resource, body)
    except bodies.UnexpectedShape as error:
        places = answer_places.lists_of_objects(body)
        if not places and _says_nothing_here(resource, body):
            return None
        if places:
            message = f"no rows where the envelope says; a list of objects stands at {listed(places)}"
            return Finding("envelope", "rows", message, f"envelope = {{ rows = [{toml(places[0])}] }}", Severity.ERROR)
        return Finding("envelope", "rows", str(error).removeprefix(f"{resource.name}: "), "", Severity.ERROR)
    except ValueError as error:
        hint = "the API itself must be asked why"
        return Finding("envelope", "rows", str(error).removeprefix(f"{resource.name}: "), hint, Severity.ERROR)
    return None


def empty(resource: Resource, body: Json) -> Finding | None:
    """The list is empty, but another one of the answer is not, or the total says that there are rows."""
    places = [place for place in answer_places.lists_of_objects(body) if place not in resource.envelope.rows]
    if places:
        message = f"the list of rows is empty, but a list of objects stands at {listed(places)}"
        return Finding("envelope", "rows", message, f"envelope = {{ rows = [{toml(places[0])}] }}", Severity.ERROR)
    total = bodies.total_of(resource, body)
    if total:
        return Finding("envelope", "rows", f"the total says {total:,}, but no row came", "is `envelope.rows` right?")
    return None


def key(wanted: Key, rows: Sequence[Json]) -> Finding | None:
    """Rows that have no key: none of them, or some."""
    reasons = [reason for row in rows if (reason := _unkeyed(wanted, row))]
    if not reasons:
        return None
    if all(isinstance(row, str | int) for row in rows):
        return Finding("key", "key", f"the {len(rows)} rows are no objects", 'key = "$"', Severity.ERROR)
    if len(reasons) < len(rows):
        message = f"{len(reasons)} of {len(rows)} rows cannot be mirrored: one {reasons[0]}"
        return Finding("key", "key", message, 'name a fallback behind it, as key = ["…", "…"]')
    names = [name for each in keys.named(wanted) for name in ((each,) if isinstance(each, str) else each)]
    fitting = answer_places.like_keys(rows, wanted=names)
    likely = [name for name in fitting if answer_places.is_like_a_key(name)]
    others = list(dict.fromkeys(name for row in rows if isinstance(row, dict) for name in row))
    label = " or ".join(keys.label(each) for each in wanted)
    have = listed(list(dict.fromkeys([*likely, *others])))
    message = f'none of {len(rows)} rows has the key "{label}"' + (f"; they have {have}" if have else "")
    if any(members.value(row, name) is not None for name in names for row in rows):
        message = f"none of {len(rows)} rows has a key: the first {reasons[0]}"
    best = next(iter(likely or fitting), None)
    hint = f"key = {toml(best)}" if best else 'key = "#" takes the fingerprint of each row, if nothing identifies them'
    return Finding("key", "key", message, hint, Severity.ERROR)


def shared(resource: Resource, rows: Sequence[Json]) -> Finding | None:
    """Different rows of one answer that have the same key."""
    found = keys.shared(resource, rows)
    if not found.rows:
        return None
    message = f"{found.rows} of {len(rows)} rows share their key, {keys.label(found.by)}, with another row"
    together = found.better or _together(found.by, rows)
    if together is None:
        return Finding("key", "shared-key", message, 'name all members that identify a row: key = [["…", "…"]]')
    hint = f"key = [{toml(together)}]"
    last = together[-1]
    if answer_places.is_like_a_key(last) and last in answer_places.like_keys(rows):
        hint += f", or key = {toml(last)} if that alone is never given twice"
    return Finding("key", "shared-key", message, hint)


def total(envelope: Envelope, body: Json, headers: Mapping[str, str], *, page_rows: int, least: int) -> Finding | None:
    """`page_rows`: how many this answer has; `least`: how many there are for certain, from all answers."""
    counting = [f"{HEADER}{name.title()}" for name in says_more.TOTALS if bodies.count(headers.get(name)) is not None]
    is_header = any(name.startswith(HEADER) for name in envelope.total)
    if not isinstance(body, dict) and not is_header and not counting:
        return None

    def value(name: str) -> Json:
        return headers.get(name.removeprefix(HEADER).lower()) if name.startswith(HEADER) else members.value(body, name)

    found = {name: value(name) for name in envelope.total}
    told = next((number for each in found.values() if (number := bodies.count(each)) is not None), None)
    others = [place for place in answer_places.totals(body) if place not in envelope.total]
    others += [place for place in counting if place.lower() not in {name.lower() for name in envelope.total}]
    hint = f"envelope = {{ total = [{toml(others[0])}] }}" if others else "leave it out of the envelope: total = []"
    if told is None:
        there = [name for name, value in found.items() if value is not None]
        if there:
            message = f'"{shown(there[0])}" is {bodies.what(found[there[0]])}, not a number of rows'
            return Finding("envelope", "total", message, hint)
        if others:
            nowhere = "no total where the envelope says; " if envelope.total else ""
            message = f"{nowhere}numbers stand at {listed(others)}"
            return Finding("envelope", "total", message, hint, Severity.WARNING if envelope.total else Severity.NOTE)
        severity = Severity.NOTE if envelope.total in (Envelope().total, ()) else Severity.WARNING
        note = Finding("envelope", "total", "the answer has no total where the envelope says", hint, severity)
        return note if envelope.total else None
    if told == page_rows < least:
        message = f"the total says {told:,}, which is the number of rows on the page: there are more"
        return Finding("envelope", "total", message, hint)
    if told < least:
        return Finding("envelope", "total", f"the total says {told:,}, but at least {least:,} rows came", hint)
    return None


def columns(types: Mapping[str, ColumnType], rows: Sequence[Json]) -> list[Finding]:
    """Columns that no row has, or whose values do not convert."""
    found = []
    for name, kind in types.items():
        values = [members.value(row, name) for row in rows]
        if all(value is None for value in values) and not any(_has(row, name) for row in rows):
            found.append(Finding("columns", "column", f'none of {len(rows)} rows has "{name}"', _cure_of(name, rows)))
            continue
        held = [value for value in values if value is not None]
        if _misfits(kind, held):
            message = f'"{name}" is no {kind} in {_misfits(kind, held)} of {len(rows)} rows'
            better = next(each for each in _TYPES if not _misfits(each, held))
            found.append(Finding("columns", "column", message, f"columns = {{ {toml(name)} = {toml(better)} }}"))
    return found


def created(name: str | None, rows: Sequence[Json]) -> Finding | None:
    """The creation stamp that no row has."""
    if name is None or any(members.value(row, name) is not None for row in rows):
        return None
    hint = "name the member with the creation stamp, or leave it out"
    return Finding("created", "created", f'none of {len(rows)} rows has "{name}"', hint)


def item(wanted: Key, text: str, status: int, body: Json) -> Finding | None:
    """What the own path of a record that was just listed has answered."""
    hint = "mend the path, or leave it out: deletions are confirmed there"
    if status in (404, 410):
        return Finding("item_path", "item-path", f"answers {status} for a record that the list has just shown", hint)
    inner = [each for each in body.values() if isinstance(each, dict)] if isinstance(body, dict) else []
    if any(text in keys.every(wanted, each) for each in (body, *inner)):
        return None
    message = f"answers {status}, but the record that the list has just shown is not in the answer"
    return Finding("item_path", "item-path", message, hint)


def _together(by: Alternative, rows: Sequence[Json]) -> tuple[str, ...] | None:
    """With which member inside of members a key tells these rows apart."""
    first = (by,) if isinstance(by, str) else by
    inner = list(dict.fromkeys(name for row in rows for name, _ in answer_places.inside(row)))
    for name in sorted(inner, key=lambda name: not answer_places.is_like_a_key(name)):
        together = (*first, name)
        try:
            texts = {keys.read((together,), together, row) for row in rows}
        except ValueError:  # no text and no number
            continue
        if name not in first and len(texts - {None}) == len(rows):
            return together
    return None


def _unkeyed(wanted: Key, row: Json) -> str | None:
    try:
        keys.reader(wanted)(row, "0" * 16)
    except ValueError as error:
        return shown(str(error))
    return None


def _says_nothing_here(resource: Resource, body: Json) -> bool:
    if body in (None, {}) or bodies.total_of(resource, body) == 0:
        return True
    return any(members.value(body, name) in ({}, []) or _has(body, name) for name in resource.envelope.rows)


def _has(value: Json, name: str) -> bool:
    """Whether the member is there, be it null."""
    return any(each == name for each, _ in answer_places.inside(value))


def _misfits(kind: ColumnType, values: Sequence[Json]) -> int:
    misfits = 0
    for value in values:
        try:
            CONVERSIONS[kind](value)
        except ValueError:
            misfits += 1
    return misfits


def _cure_of(name: str, rows: Sequence[Json]) -> str:
    there = dict.fromkeys(each for row in rows for each, _ in answer_places.inside(row))
    same = [each for each in there if members.last_step(each) == name.rpartition(".")[2]]
    near = same[0] if same else nearest(name, there, cutoff=0.7)
    return f"columns = {{ {toml(near)} = … }}" if near else "leave it out, or ignore this if only some rows have it"
