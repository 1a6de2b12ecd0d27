"""What `points … --source S` does: the verbs of an integration platform's own API."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from changes import point_entities
from worker import output
from worker.commands import selecting
from worker.commands.acting import acting
from worker.commands.points import platform_fields, point_lists, point_values
from worker.problems import UsageError, did_you_mean

if TYPE_CHECKING:
    from changes.records import Json
    from changes.resources import Resource
    from tasks.acting import Action
    from tasks.services import Services, Source
    from upstream.writing import Writer
    from worker.commands.points.point_given import Given
    from worker.commands.points.point_lists import Wanted
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


def show_all(settings: Settings, name: str, wanted: Wanted, *, wants_json: bool) -> None:
    """The points that the platform lists for this query."""
    with _platform(settings, name) as platform:
        found = [_entity(platform, row) for row in _rows(platform, wanted)]
    if wanted.mask:
        found = [point_lists.masked(point, wanted.mask) for point in found]
    if wants_json:
        output.document(found)
    elif wanted.mask:
        point_lists.print_masked(found, wanted.mask)
    else:
        output.table(
            ("code", "type", "url", "id", "state"),
            ([point.get(column) for column in ("code", "type", "url", "id", "state")] for point in found),
            gives_way=("type", "id"),
            shortens=("url",),
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


def add(settings: Settings, name: str, code: str, given: Given, *, wants_json: bool) -> None:
    """Create it at the platform."""
    point_values.check_code(code)
    document = {"code": code, **platform_fields.document(settings, given)}
    with _platform(settings, name) as platform:
        with _acting(platform, "points add", code, document):
            row = platform.writer.create(platform.resource, document)
        _tell(platform, row, f"{name}: added {code}", wants_json=wants_json)


def edit(settings: Settings, name: str, code: str, given: Given, *, wants_json: bool) -> None:
    """Change some of its fields at the platform."""
    document = platform_fields.document(settings, given)
    if not document:
        raise UsageError("nothing to change was given", "`mirrorpoint points edit --help` shows what there is")
    with _platform(settings, name) as platform:
        id_ = _id(platform, code)
        with _acting(platform, "points edit", code, document):
            if "opts" in document:
                # No document says whether a PATCH keeps the members of `opts` that are not in it.
                document["opts"] = {**_opts(platform, id_), **document["opts"]}
            row = platform.writer.update(platform.resource, id_, document)
        _tell(platform, row, f"{name}: changed {code}", wants_json=wants_json)


def remove(settings: Settings, name: str, code: str, *, is_sure: bool, wants_json: bool) -> None:
    """Delete it at the platform."""
    with _platform(settings, name) as platform:
        id_ = _id(platform, code)
        point_values.confirm(f"delete the point {code} at {name}?", is_sure=is_sure)
        with _acting(platform, "points remove", code, {}):
            platform.writer.delete(platform.resource, id_)
    if wants_json:
        output.document({"removed": code, "id": id_})
    else:
        output.say(f"{name}: removed {code}; the mirror follows with its next scan")


def lookup(settings: Settings, name: str, value: str, *, wants_json: bool) -> int:
    """By id, code or local token, as the platform's LOOKUP has it; 3 where nothing has it."""
    with _platform(settings, name) as platform:
        ids = platform.writer.lookup(platform.resource, value)
    return point_values.print_ids(ids, wants_json=wants_json)


def _rows(platform: _Platform, wanted: Wanted) -> Iterator[Json]:
    """Page by page until one is empty; a row that comes twice, since the list moved meanwhile, is given once."""
    seen: set[str] = set()
    offset, size, query = wanted.offset, platform.source.page_size, _query(wanted)
    left = wanted.limit if wanted.limit is not None else sys.maxsize
    while left > 0:
        page = _page(platform, query, offset=offset, limit=min(size, left))
        fresh = [row for row in page if isinstance(row, dict) and str(row.get("id")) not in seen]
        if not fresh:
            return
        seen.update(str(row.get("id")) for row in fresh)
        yield from fresh[:left]
        offset, left = offset + len(page), left - len(fresh)


def _page(platform: _Platform, query: Mapping[str, str], *, offset: int, limit: int) -> list[Json]:
    from changes import normalise
    from upstream import addresses

    client, resource = platform.source.client, platform.resource
    params = client.page_params(resource, offset=offset, limit=limit)
    return client.ask(
        "GET",
        addresses.of_list(resource, ""),
        resource=resource,
        params={**params, **query},
        read=lambda answer: normalise.rows_of(resource, normalise.parse(answer.body)).rows,
    )


def _query(wanted: Wanted) -> dict[str, str]:
    """In the platform's words; how `filter` and `order` are written no document says in full: as JSON."""
    query = {}
    if wanted.filters:
        query["filter"] = json.dumps({_queried(field): value for field, value in wanted.filters})
    if wanted.order:
        fields = [(_queried(field), is_descending) for field, is_descending in wanted.order]
        query["order"] = json.dumps([{field: "desc"} if is_descending else field for field, is_descending in fields])
    if wanted.mask:
        for field in wanted.mask:
            if field not in point_entities.MASKABLE:
                hint = did_you_mean(field, point_entities.MASKABLE)
                raise UsageError(f'--mask: the platform gives no "{field}" by itself', hint)
        # The id comes along, since a row is recognised by it.
        query["mask"] = ",".join(_queried(field) for field in dict.fromkeys(("id", *wanted.mask)))
    return query


def _queried(field: str) -> str:
    """Queries write tokens without underscores."""
    return field.replace("_", "") if field.startswith("token_") else field


def _acting(platform: _Platform, what: str, code: str, document: Mapping[str, Any]) -> AbstractContextManager[Action]:
    fields = sorted(point_lists.flat(document).keys() - {"opts"})
    target = f"{platform.source.name}:{code}"
    return acting(platform.services.database, what, target=target, arguments={"fields": fields} if fields else {})


def _opts(platform: _Platform, id_: str) -> dict[str, Any]:
    from changes.records import Id

    row = platform.source.client.fetch_record(platform.resource, Id("", id_))
    opts = row.get("opts") if isinstance(row, dict) else None
    return opts if isinstance(opts, dict) else {}


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


def _entity(platform: _Platform, row: Json) -> dict[str, Any]:
    """The record with its tokens sealed, and how it stands with us."""
    from changes import pointers
    from storage import points

    vault = platform.services.vault
    sealed = pointers.rewritten(row, pointers.compiled(platform.resource.secrets), lambda _, value: vault.seal(value))
    with platform.services.database.read() as session:
        states = {(point.source, point.key): point.shown_state for point in points.list_all(session)}
    return {**sealed, "source": platform.source.name, "state": states.get((platform.source.name, str(row.get("id"))))}


def _tell(platform: _Platform, row: Json | None, text: str, *, wants_json: bool) -> None:
    if not wants_json:
        output.say(f"{text}; the mirror follows with its next scan")
    elif isinstance(row, dict):
        output.document(_entity(platform, row))
    else:
        output.document(row)
