"""What `points … --source S` does: the verbs of an integration platform's own API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from worker.commands import output, point_values, selecting
from worker.problems import UsageError

if TYPE_CHECKING:
    from changes.records import Json
    from changes.resources import Resource
    from tasks.services import Services, Source
    from upstream.writing import Writer
    from worker.settings import Settings


@dataclass(frozen=True, slots=True)
class _Platform:
    """What the commands of this file work with."""

    services: Services
    source: Source
    resource: Resource
    writer: Writer


@contextmanager
def _platform(settings: Settings, name: str) -> Iterator[_Platform]:
    from upstream.writing import Writer
    from worker import bootstrap

    catalogues = bootstrap.load_catalogues(settings)
    selecting.source(catalogues, name)
    resource = next((each for each in catalogues[name].resources.values() if each.points is not None), None)
    if resource is None:
        platforms = [
            source
            for source, catalogue in catalogues.items()
            if any(each.points is not None for each in catalogue.resources.values())
        ]
        hint = (
            f"these have: {', '.join(platforms)}"
            if platforms
            else "add a source with the integration-platform catalogue"
        )
        raise UsageError(f"{name} has no integration points", hint)
    services = bootstrap.build(settings, only_sources=(name,), with_points=False)
    source = services.sources[name]
    try:
        yield _Platform(services, source, resource, Writer(source.client))
    finally:
        source.client.close()
        services.database.dispose()


def show_all(settings: Settings, name: str, *, wants_json: bool) -> None:
    """Every point that the platform lists."""
    with _platform(settings, name) as platform:
        found = [_entity(platform, row) for row in _rows(platform)]
    if wants_json:
        output.document(found)
        return
    output.table(
        ("code", "type", "url", "id", "state"),
        ((point.get("code"), point.get("type"), point.get("url"), point.get("id"), point["state"]) for point in found),
    )


def show(settings: Settings, name: str, code: str, *, wants_json: bool) -> None:
    """One point as the platform has it."""
    from changes.records import Id

    with _platform(settings, name) as platform:
        id_ = _id(platform, code)
        row = platform.source.client.fetch_record(platform.resource, Id("", id_))
        if row is None:
            raise UsageError(f'{name} has no point "{code}"', "it went away this moment")
        entity = _entity(platform, row)
    if wants_json:
        output.document(entity)
    else:
        output.pretty(entity)


def add(settings: Settings, name: str, code: str, given: Mapping[str, str | None], *, wants_json: bool) -> None:
    """Create it at the platform."""
    point_values.check_code(code)
    document = {"code": code, **_document(settings, given)}
    with _platform(settings, name) as platform:
        row = platform.writer.create(platform.resource, document)
        _tell(platform, row, f"{name}: added {code}", wants_json=wants_json)


def edit(settings: Settings, name: str, code: str, given: Mapping[str, str | None], *, wants_json: bool) -> None:
    """Change some of its fields at the platform."""
    document = _document(settings, {field: value for field, value in given.items() if value is not None})
    if not document:
        raise UsageError("nothing to change was given", "add --url, --type or --token-remote")
    with _platform(settings, name) as platform:
        row = platform.writer.update(platform.resource, _id(platform, code), document)
        _tell(platform, row, f"{name}: changed {code}", wants_json=wants_json)


def remove(settings: Settings, name: str, code: str, *, is_sure: bool, wants_json: bool) -> None:
    """Delete it at the platform."""
    with _platform(settings, name) as platform:
        id_ = _id(platform, code)
        point_values.confirm(f"delete the point {code} at {name}?", is_sure=is_sure)
        platform.writer.delete(platform.resource, id_)
    if wants_json:
        output.document({"removed": code, "id": id_})
    else:
        output.say(f"{name}: removed {code}; the mirror follows with its next scan")


def lookup(settings: Settings, name: str, value: str, *, wants_json: bool) -> None:
    """By id, code or local token, as the platform's LOOKUP has it."""
    with _platform(settings, name) as platform:
        ids = platform.writer.lookup(platform.resource, value)
    point_values.print_ids(ids, wants_json=wants_json)


def _rows(platform: _Platform) -> Iterator[Json]:
    """Page by page until one is empty; a row that comes twice, since the list moved meanwhile, is given once."""
    seen: set[str] = set()
    offset, size = 0, platform.source.page_size
    while True:
        page = platform.source.client.fetch_page(platform.resource, parent_key="", offset=offset, limit=size)
        fresh = [row for row in page.rows if isinstance(row, dict) and str(row.get("id")) not in seen]
        if not fresh:
            return
        seen.update(str(row.get("id")) for row in fresh)
        yield from fresh
        offset += len(page.rows)


def _id(platform: _Platform, code: str) -> str:
    ids = platform.writer.lookup(platform.resource, code)
    if not ids:
        raise UsageError(
            f'{platform.source.name} has no point "{code}"', "`mirrorpoint points list --source …` shows all"
        )
    if len(ids) > 1:
        raise UsageError(
            f'{platform.source.name} has {len(ids)} points "{code}"', f"name one by its id: {', '.join(ids)}"
        )
    return ids[0]


def _document(settings: Settings, given: Mapping[str, str | None]) -> dict[str, Any]:
    if given.get("secret") is not None:
        raise UsageError(
            "a platform's points have no secret of their own", "delivery.secret in the configuration signs for them"
        )
    values = point_values.checked(
        settings, {name: value for name, value in given.items() if name != "secret"}, is_own=False
    )
    return {name: value for name, value in values.items() if value is not None}


def _entity(platform: _Platform, row: Json) -> dict[str, Any]:
    """The record with its tokens sealed, and how it stands with us."""
    from changes import pointers
    from storage import points

    vault = platform.services.vault
    sealed = pointers.rewritten(row, pointers.compiled(platform.resource.secrets), lambda _, value: vault.seal(value))
    with platform.services.database.read() as session:
        states = {(point.source, point.key): point.state for point in points.list_all(session)}
    return {**sealed, "source": platform.source.name, "state": states.get((platform.source.name, str(row.get("id"))))}


def _tell(platform: _Platform, row: Json | None, text: str, *, wants_json: bool) -> None:
    if not wants_json:
        output.say(f"{text}; the mirror follows with its next scan")
    elif isinstance(row, dict):
        output.document(_entity(platform, row))
    else:
        output.document(row)
