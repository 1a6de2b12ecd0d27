"""What `resources` prints: the catalogues as they were understood."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from worker import output
from worker.commands import selecting

if TYPE_CHECKING:
    from changes.resources import Resource
    from worker.settings import Settings
    from worker.source_tables import Source as SourceSettings


def resources(settings: Settings, *, source_name: str | None, wants_json: bool) -> None:
    """Every resource of the catalogues with the schedule that it has after the user's table."""
    from changes import keys, schedules
    from worker import bootstrap

    catalogues = bootstrap.load_catalogues(settings)
    found = [
        (source, resource, schedules.resolve(resource, settings.sources[source].schedule))
        for source, resource in selecting.resources(catalogues, (), source_name=source_name)
    ]
    if wants_json:
        output.document(
            [_told(source, resource, schedule, settings.sources[source]) for source, resource, schedule in found]
        )
        return
    if not found:
        output.say("no sources yet: add [sources.NAME] to the configuration")
        return
    names = list(dict.fromkeys(source for source, *_ in found))
    for name in names:
        if len(names) > 1:
            output.say(f"\n{name}\n")
        output.table(
            ("resource", "path", "key", "class", "schedule", ""),
            (
                (
                    resource.name,
                    resource.path,
                    ", ".join(keys.label(each) for each in resource.key),
                    resource.class_,
                    (schedule, "dim" if schedule == "off" else ""),
                    "" if resource.documented else ("inferred", "dim"),
                )
                for source, resource, schedule in found
                if source == name
            ),
            gives_way=("", "key", "class"),
            shortens=("path",),
        )


def _told(source: str, resource: Resource, schedule: str, settings: SourceSettings) -> dict[str, Any]:
    """One resource, with what its catalogue left out filled in."""
    from changes.resources import Shape
    from storage import mirror_columns

    key = resource.key
    return {
        "source": source,
        "resource": resource.name,
        "title": resource.title,
        "path": resource.path,
        "key": key[0] if len(key) == 1 and isinstance(key[0], str) else key,
        "parent": resource.parent,
        "class": resource.class_,
        "schedule": schedule,
        "documented": resource.documented,
        "item_path": resource.item_path,
        "shape": resource.shape,
        "children": resource.children if resource.shape is Shape.TREE else None,
        "envelope": asdict(resource.envelope),
        "page_size": (resource.page_size or settings.limits.page_size) if resource.paged else None,
        "params": dict(resource.params),
        "sort": resource.sort,
        "created": resource.created,
        "columns": {column: kind.value for column, kind in mirror_columns.typed_columns(resource).items()},
        "deleted": dict(resource.deleted),
        "secrets": resource.secrets,
        "volatile": resource.volatile,
        "unordered": resource.unordered,
    }
