"""What `show` and `history` print of one record."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any

from worker import output
from worker.commands import former_rows, selecting, times
from worker.commands.reading import differences, erased, parents
from worker.problems import NotFound, UsageError

if TYPE_CHECKING:
    from sqlmodel import Session

    from changes.resources import Resource
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
    moment = None if at is None else times.moment(at, option="--at", now=times.now(), zone=zone)
    database = bootstrap.open_reading(settings, catalogues=catalogues)
    try:
        with database.read() as session:
            source, resource = _meant(session, catalogues, name, source_name)
            row = _one_row(session, source, resource, key, parent_key)
            if moment is not None:
                row = _as_of(session, source, resource, row, moment)
            row = erased.marked(session, source, resource, row)
    finally:
        database.dispose()
    if wants_json:
        output.document(row)
        return
    with output.times_in(zone):
        _print_row(resource, row)


def history(
    settings: Settings, name: str, key: str, *, parent_key: str | None, source_name: str | None, wants_json: bool
) -> None:
    """All versions of the record, the oldest first."""
    from changes.records import Id
    from storage import history as log
    from worker import bootstrap

    catalogues = bootstrap.load_catalogues(settings)
    database = bootstrap.open_reading(settings, catalogues=catalogues)
    try:
        with database.read() as session:
            source, resource = _meant(session, catalogues, name, source_name)
            row = _one_row(session, source, resource, key, parent_key)
            versions = log.timeline(session, source, resource.name, Id(row["parent_key"], row["key"]))
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


def _as_of(
    session: Session, source: str, resource: Resource, row: Mapping[str, Any], moment: datetime
) -> dict[str, Any]:
    """The row as the change log says that it was; the fingerprint of that time is not kept."""
    from changes import normalise
    from changes.records import Id, Kind
    from storage import history as log

    change = log.as_of(session, source, resource.name, Id(row["parent_key"], row["key"]), moment)
    if change is None:
        raise NotFound(
            f'{resource.name} "{row["key"]}" was not known yet at {output.moment(moment)}',
            f"it was first seen at {output.moment(row['first_seen_at'])}",
        )
    is_deleted = change.kind == Kind.DELETED
    document = change.previous.get("") if is_deleted else change.document
    columns, _ = normalise.columns(resource, document)
    return {
        **row,
        **columns,
        "document": document,
        "version": change.version,
        "fingerprint": None,
        "changed_at": change.observed_at,
        "deleted_at": change.observed_at if is_deleted else None,
    }


def _print_row(resource: Resource, row: Mapping[str, Any]) -> None:
    parent = f" under {row['parent_key']}" if row["parent_key"] else ""
    output.say(f"{row['source']} {resource.name} {row['key']}{parent}", style="bold")
    output.say(
        f"version {row['version']}, first seen {output.moment(row['first_seen_at'])}, "
        f"changed {output.moment(row['changed_at'])}"
    )
    if row["deleted_at"] is not None:
        output.say(f"deleted {output.moment(row['deleted_at'])}; this is the last that was seen", style="yellow")
    if "erased_at" in row:
        output.say(f"its content was erased {output.moment(row['erased_at'])}", style="yellow")
        return
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
