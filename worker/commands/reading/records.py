"""What `show` and `history` print of one record."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from typing import TYPE_CHECKING, Any

from worker import output
from worker.commands import former_rows, selecting, times
from worker.commands.reading import as_it_was, differences, erased, field_history, field_names, parents
from worker.commands.reading.as_it_was import AsItWas
from worker.problems import NotFound, UsageError

if TYPE_CHECKING:
    from changes.resources import Resource
    from storage.session import Session
    from worker.settings import Settings


def show(
    settings: Settings,
    name: str,
    key: str,
    *,
    parent_key: str | None,
    at: str | None,
    zone: tzinfo,
    source_name: str | None,
    wants_json: bool,
) -> None:
    """The row as it stands in the table, or what it was at that moment."""
    from worker import bootstrap

    catalogues = bootstrap.load_catalogues(settings)
    with output.times_in(zone):
        moment = None if at is None else times.past_moment(at, option="--at", now=times.now(), zone=zone)
        database = bootstrap.open_reading(settings, catalogues=catalogues)
        try:
            with database.read() as session:
                source, resource = _meant(session, catalogues, name, source_name)
                row = _one_row(session, source, resource, key, parent_key)
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


def history(
    settings: Settings,
    name: str,
    key: str,
    *,
    parent_key: str | None,
    source_name: str | None,
    field: str | None,
    wants_json: bool,
) -> None:
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
            source, resource = _meant(session, catalogues, name, source_name)
            row = _one_row(session, source, resource, key, parent_key)
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


def _meant(
    session: Session, catalogues: selecting.Catalogues, name: str, source_name: str | None
) -> tuple[str, Resource]:
    """What is configured goes before what is not any more: the log has both."""
    try:
        return selecting.resource(catalogues, name, source_name=source_name)
    except UsageError:
        former = former_rows.with_former(session, catalogues)
        if name.rpartition(":")[2] not in {each for catalogue in former.values() for each in catalogue.resources}:
            raise
        return selecting.resource(former, name, source_name=source_name)


def _one_row(session: Session, source: str, resource: Resource, key: str, parent_key: str | None) -> dict[str, Any]:
    from changes import keys
    from storage import reports

    forms = [None] if parent_key is None else parents.forms(resource, parent_key)
    exact, *others = [(text, form) for text in keys.typed(resource.key, key) for form in forms]
    rows = reports.rows(session, resource, source, key=exact[0], parent_key=exact[1])
    for text, form in () if rows else others:
        rows += reports.rows(session, resource, source, key=text, parent_key=form)
    if not rows:
        under = f" under {parent_key}" if parent_key else ""
        raise NotFound(
            f'{resource.name} "{key}"{under} was never seen in {source}',
            f"`mirrorpoint sync {resource.name}` looks now",
        )
    if len({row["key"] for row in rows}) > 1:
        shown = ", ".join(sorted({str(row["key"]) for row in rows})[:10])
        raise UsageError(f'{len(rows)} {resource.name} may be meant by "{key}"', f"write its key as it is: {shown}")
    if len(rows) > 1:
        their_parents = [str(row["parent_key"]) for row in rows]
        shown = ", ".join(their_parents[:10]) + (", …" if len(rows) > 10 else "")
        raise UsageError(f'{len(rows)} {resource.name} have the key "{key}"', f"say which with --parent: {shown}")
    return rows[0]


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
    parent = f" under {row['parent_key']}" if row["parent_key"] else ""
    output.say(f"{row['source']} {resource.name} {row['key']}{parent}", style="bold")
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


def find(
    session: Session,
    catalogues: selecting.Catalogues,
    name: str,
    key: str,
    *,
    parent_key: str | None,
    source_name: str | None,
) -> tuple[str, Resource, dict[str, Any]]:
    """The one record that a person means, as its row in the table; with its source and resource."""
    source, resource = _meant(session, catalogues, name, source_name)
    return source, resource, _one_row(session, source, resource, key, parent_key)
