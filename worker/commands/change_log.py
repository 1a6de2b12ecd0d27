"""What `changes` prints: the log in its order, read in batches so that its length does not matter."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from worker.commands import output, selecting, times
from worker.problems import UsageError, did_you_mean

if TYPE_CHECKING:
    from storage.engine import Database
    from storage.tables import ChangeRow
    from worker.settings import Settings

_BATCH = 1000
_FOLLOW_SECONDS = 0.5
_COLOURS = {"created": "green", "restored": "green", "updated": "yellow", "deleted": "red", "snapshot": "dim"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which changes, as it was written on the command line."""

    resource: str | None
    key: str | None
    parent_key: str | None
    kinds: tuple[str, ...]
    source: str | None
    since: str | None
    until: str | None
    after_seq: int
    limit: int | None


def show(settings: Settings, wanted: Wanted, *, follows: bool, wants_json: bool) -> None:
    """Print them, and with `follows` those that come, until Ctrl-C."""
    from worker import bootstrap

    catalogues = bootstrap.load_catalogues(settings)
    source, resource = _names(catalogues, wanted)
    _check_kinds(wanted.kinds)
    now = times.now()
    since = None if wanted.since is None else times.moment(wanted.since, option="--since", now=now)
    until = None if wanted.until is None else times.moment(wanted.until, option="--until", now=now)
    print_one = _line if wants_json else _printer()
    database = bootstrap.open_reading(settings)
    count = 0
    try:
        for row in _read(database, wanted, source, resource, since=since, until=until, follows=follows):
            print_one(row)
            count += 1
            if wanted.limit is not None and count >= wanted.limit:
                break
    finally:
        database.dispose()
    if count == 0 and not wants_json:
        output.note("no changes")


def _names(catalogues: selecting.Catalogues, wanted: Wanted) -> tuple[str | None, str | None]:
    """Source and resource, each None for all; a resource may well be one of several sources."""
    if wanted.source is not None:
        selecting.source(catalogues, wanted.source)
    if wanted.resource is None:
        return wanted.source, None
    found = selecting.resources(catalogues, (wanted.resource,), source_name=wanted.source)
    names = {resource.name for _, resource in found}
    if len(names) > 1:
        raise UsageError(f'--resource "{wanted.resource}" means {len(names)} resources', "name one of them")
    is_one_source = ":" in wanted.resource or wanted.source is not None
    return found[0][0] if is_one_source else None, names.pop()


def _check_kinds(kinds: tuple[str, ...]) -> None:
    from changes.records import Kind

    known = [kind.value for kind in Kind]
    for kind in kinds:
        if kind not in known:
            raise UsageError(f'there is no kind "{kind}"', did_you_mean(kind, known))


def _read(
    database: Database,
    wanted: Wanted,
    source: str | None,
    resource: str | None,
    *,
    since: datetime | None,
    until: datetime | None,
    follows: bool,
) -> Iterator[ChangeRow]:
    from storage import history

    after = wanted.after_seq
    while True:
        with database.read() as session:
            rows = history.read(
                session,
                source=source,
                resource=resource,
                key=wanted.key,
                parent_key=wanted.parent_key,
                kinds=wanted.kinds or None,
                since=since,
                until=until,
                after_seq=after,
                limit=min(_BATCH, wanted.limit or _BATCH),
            )
        yield from rows
        if rows:
            after = rows[-1].seq or after
        elif not follows:
            return
        else:
            time.sleep(_FOLLOW_SECONDS)


def _line(row: ChangeRow) -> None:
    output.line(output.columns(row))


def _printer() -> Callable[[ChangeRow], None]:
    from rich.text import Text

    console = output.console()

    def print_one(row: ChangeRow) -> None:
        parent = f"{row.parent_key}/" if row.parent_key else ""
        fields = " ".join(pointer for pointer in row.changed if pointer)
        line = Text.assemble(
            (f"{row.seq:>8} ", "dim"),
            f"{output.moment(row.observed_at)} ",
            (f"{row.kind:<8} ", _COLOURS.get(row.kind, "")),
            (f"{row.resource}/{parent}{row.key} ", "bold"),
            fields,
        )
        console.print(line, soft_wrap=True)

    return print_one
