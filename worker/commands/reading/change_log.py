"""What `changes` prints: the log in its order, read in batches so that its length does not matter."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import tzinfo
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from worker import output
from worker.commands import former_rows, parents, record_names, selecting, times
from worker.commands.reading import differences, field_names
from worker.problems import UsageError, did_you_mean

if TYPE_CHECKING:
    from storage.engine import Database
    from storage.history import Entry
    from storage.session import Session
    from worker.settings import Settings

_BATCH = 1000
_FOLLOW_SECONDS = 0.5
#: More snapshots than these are not counted one by one.
_MOST_COUNTED = 100_000
_GLOB = re.compile(r"[*?\[]")
_COLOURS = {"created": "green", "restored": "green", "updated": "yellow", "deleted": "red", "snapshot": "dim"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which changes, as it was written on the command line."""

    resources: tuple[str, ...]
    key: str | None
    parent_key: str | None
    kinds: tuple[str, ...]  #: none: all but snapshots
    fields: tuple[str, ...]
    source: str | None
    since: str | None
    until: str | None
    after_seq: int
    limit: int | None
    has_all_kinds: bool
    is_newest_first: bool = False
    before_seq: int | None = None
    record: str | None = None


def show(settings: Settings, wanted: Wanted, *, zone: tzinfo, follows: bool, wants_json: bool) -> None:
    """Print them, and with `follows` those that come, until Ctrl-C."""
    from worker import bootstrap

    if follows and wanted.is_newest_first:
        raise UsageError("--follow goes on with what comes, and --newest goes back", "leave one of them out")
    catalogues = bootstrap.load_catalogues(settings)
    for field in wanted.fields:
        field_names.check(field)
    database = bootstrap.open_reading(settings, catalogues=catalogues)
    count = 0
    try:
        with database.read() as session:
            sifting = _sifting(former_rows.with_former(session, catalogues), wanted, zone)
            if wanted.record is not None:
                sifting |= _of_record(session, catalogues, wanted)
        note = _left_out(database, wanted, sifting)
        if note and follows:
            output.note(note)
        with output.times_in(zone):
            print_one = _line if wants_json else _printer()
            for row in _read(database, wanted, sifting, follows=follows):
                print_one(row)
                count += 1
                if wanted.limit is not None and count >= wanted.limit:
                    break
    finally:
        database.dispose()
    if count == 0 and not wants_json:
        output.note("no changes")
    if note and not follows:
        output.note(note)


def _sifting(catalogues: selecting.Catalogues, wanted: Wanted, zone: tzinfo) -> dict[str, Any]:
    """What the database sifts by."""
    from changes.records import Kind

    known, now = [kind.value for kind in Kind], times.now()
    for kind in wanted.kinds:
        if kind not in known:
            raise UsageError(f'there is no kind "{kind}"', did_you_mean(kind, known))
    kinds = wanted.kinds or (None if wanted.has_all_kinds else tuple(kind for kind in known if kind != Kind.SNAPSHOT))
    if wanted.source is not None:
        selecting.source(catalogues, wanted.source)
    named = None
    if wanted.resources:
        chosen = selecting.resources(catalogues, wanted.resources, source_name=wanted.source)
        named = [(source, resource.name) for source, resource in chosen]
    return {
        "source": wanted.source,
        "resources": named,
        "key": None if _is_glob(wanted.key) else wanted.key,
        "parent_key": None if wanted.parent_key is None else _parent_keys(catalogues, wanted.parent_key),
        "kinds": kinds,
        "since": wanted.since and times.moment(wanted.since, option="--since", now=now, zone=zone),
        "until": wanted.until and times.moment(wanted.until, option="--until", now=now, zone=zone),
    }


def _of_record(session: Session, catalogues: selecting.Catalogues, wanted: Wanted) -> dict[str, Any]:
    """The same for a single record."""
    if wanted.resources or wanted.key is not None or wanted.parent_key is not None:
        raise UsageError("--record names one record", "leave out --resource, --key and --parent")
    named = record_names.Named(wanted.record or "", source=wanted.source)
    source, resource, row = record_names.find(session, catalogues, named)
    return {"resources": [(source, resource.name)], "key": row["key"], "parent_key": {row["parent_key"]}}


def _parent_keys(catalogues: selecting.Catalogues, text: str) -> set[str]:
    """All that the text may stand for below any resource."""
    return {
        form
        for catalogue in catalogues.values()
        for resource in catalogue.resources.values()
        for form in parents.forms(resource, text)
    }


def _is_glob(key: str | None) -> bool:
    return key is not None and _GLOB.search(key) is not None


def _left_out(database: Database, wanted: Wanted, sifting: dict[str, Any]) -> str:
    """How many first sights are not shown, since nobody asked for them."""
    from changes.records import Kind
    from storage import history

    if wanted.kinds or wanted.has_all_kinds or wanted.fields or _is_glob(wanted.key):
        return ""
    which = {**sifting, "kinds": (Kind.SNAPSHOT.value,)}
    with database.read() as session:
        number = history.count(session, **which, after_seq=wanted.after_seq, most=_MOST_COUNTED + 1)
    if not number:
        return ""
    shown = f"more than {_MOST_COUNTED:,}" if number > _MOST_COUNTED else f"{number:,}"
    if number == 1:
        return "1 snapshot (a first sight) left out; --all shows it too"
    return f"{shown} snapshots (first sights) left out; --all shows them too"


def _read(database: Database, wanted: Wanted, sifting: dict[str, Any], *, follows: bool) -> Iterator[Entry]:
    from storage import history

    is_sifted_here = bool(wanted.fields) or _is_glob(wanted.key)
    limit = _BATCH if is_sifted_here else min(_BATCH, wanted.limit or _BATCH)
    after, before = wanted.after_seq, wanted.before_seq
    while True:
        with database.read() as session:
            rows = history.read(
                session, **sifting, after_seq=after, before_seq=before, newest_first=wanted.is_newest_first, limit=limit
            )
        yield from (row for row in rows if not is_sifted_here or _fits(row, wanted))
        if rows and wanted.is_newest_first:
            before = rows[-1].seq
        elif rows:
            after = rows[-1].seq
        elif not follows:
            return
        else:
            time.sleep(_FOLLOW_SECONDS)


def _fits(row: Entry, wanted: Wanted) -> bool:
    """By a key with a glob, and by the fields that an update touches."""
    if wanted.key is not None and not fnmatchcase(row.key, wanted.key):
        return False
    touched = (
        pointer == field or pointer.startswith(f"{field}/") for field in wanted.fields for pointer in row.changed
    )
    return not wanted.fields or any(touched)


def _line(row: Entry) -> None:
    output.line(output.columns(row))


def _printer() -> Callable[[Entry], None]:
    """One field stands behind its record, several below it."""
    from storage.history import RETIRED

    write = output.styled_lines()

    def print_one(row: Entry) -> None:
        parent = f"{row.parent_key}/" if row.parent_key else ""
        fields = list(differences.lines(row))
        write(
            [
                (f"{row.seq:>8} ", "dim"),
                (f"{output.moment(row.observed_at)} ", ""),
                (f"{row.kind:<8} ", _COLOURS.get(row.kind, "")),
                (f"{row.resource}/{parent}{row.key}", "bold"),
                (f"  {fields[0]}" if len(fields) == 1 else "", ""),
                ("  (retired)" if row.scan_id == RETIRED else "", ""),
            ]
        )
        for field in fields if len(fields) > 1 else ():
            write([(f"{'':>9}{field}", "")])

    return print_one
