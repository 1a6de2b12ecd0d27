"""What `show` and `history` print of one record."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from typing import TYPE_CHECKING, Any

from worker import output
from worker.commands import record_names, times
from worker.commands.reading import as_it_was, differences, erased, field_history, field_names
from worker.commands.reading.as_it_was import AsItWas
from worker.commands.record_names import Named

if TYPE_CHECKING:
    from changes.resources import Resource
    from worker.settings import Settings


def show(settings: Settings, named: Named, *, at: str | None, zone: tzinfo, wants_json: bool) -> None:
    """The row as it stands in the table, or what it was at that moment."""
    from worker import bootstrap

    catalogues = bootstrap.load_catalogues(settings)
    with output.times_in(zone):
        moment = None if at is None else times.past_moment(at, option="--at", now=times.now(), zone=zone)
        database = bootstrap.open_reading(settings, catalogues=catalogues)
        try:
            with database.read() as session:
                source, resource, row = record_names.find(session, catalogues, named)
                if moment is None:
                    shown = AsItWas(erased.marked(session, source, resource, row))
                else:
                    shown = as_it_was.read(session, source, resource, row, moment)
        finally:
            database.dispose()
        if wants_json:
            output.document(shown.json)
        else:
            _print(resource, shown)
        if shown.note:
            output.note(shown.note)


def history(settings: Settings, named: Named, *, field: str | None, wants_json: bool) -> None:
    """All versions of the record, the oldest first; with a field its values."""
    from changes.records import Id
    from storage import history as log
    from worker import bootstrap

    if field is not None:
        field_names.check(field)
    catalogues = bootstrap.load_catalogues(settings)
    database = bootstrap.open_reading(settings, catalogues=catalogues)
    try:
        with database.read() as session:
            source, resource, row = record_names.find(session, catalogues, named)
            id_ = Id(row["parent_key"], row["key"])
            if field is not None:
                field_history.show(session, source, resource, id_, field, wants_json=wants_json)
                return
            versions = log.timeline(session, source, resource.name, id_)
    finally:
        database.dispose()
    if wants_json:
        for version in versions:
            output.line(output.columns(version))
        return
    output.table(
        ("version", "kind", "observed", "changed"),
        (
            (version.version, version.kind, version.observed_at, "\n".join(differences.lines(version)))
            for version in versions
        ),
        right=("version",),
    )


def _print(resource: Resource, shown: AsItWas) -> None:
    if shown.perhaps is None:
        if shown.seen is not None:
            _print_row(resource, shown.seen)
        return
    output.say(f"~ {shown.sentence}", style="yellow")
    for row in (shown.seen, shown.perhaps):
        if row is not None:
            output.say("")
            _print_row(resource, row)


def _print_row(resource: Resource, row: Mapping[str, Any]) -> None:
    from changes import events
    from changes.records import Id

    id_ = Id(row["parent_key"], row["key"])
    output.say(events.partition_key(source=row["source"], resource=resource.name, id=id_), style="bold")
    output.say(
        f"version {row['version']}, first seen {output.moment(row['first_seen_at'])}, "
        f"changed {output.moment(row['changed_at'])}"
    )
    if row["deleted_at"] is not None:
        output.say(f"deleted {output.moment(row['deleted_at'])}; this is the last that was seen", style="yellow")
    if row["document"] is None:
        output.say(erased.told(row), style="yellow")
    else:
        output.pretty(row["document"])
