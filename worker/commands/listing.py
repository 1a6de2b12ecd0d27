"""What `resources` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.commands import output, selecting

if TYPE_CHECKING:
    from worker.settings import Settings


def resources(settings: Settings, *, source_name: str | None, wants_json: bool) -> None:
    """Every resource of the catalogues with the schedule that it has after the user's table."""
    from changes import schedules
    from worker import bootstrap

    catalogues = bootstrap.load_catalogues(settings)
    found = [
        {
            "source": source,
            "resource": resource.name,
            "title": resource.title,
            "path": resource.path,
            "key": list(resource.key) if len(resource.key) > 1 else resource.key[0],
            "parent": resource.parent,
            "schedule": schedules.resolve(resource, settings.sources[source].schedule),
            "documented": resource.documented,
        }
        for source, resource in selecting.resources(catalogues, (), source_name=source_name)
    ]
    if wants_json:
        output.document(found)
        return
    if not found:
        output.say("no sources yet: add [sources.NAME] to the configuration")
        return
    names = list(dict.fromkeys(str(row["source"]) for row in found))
    for name in names:
        rows = [row for row in found if row["source"] == name]
        if len(names) > 1:
            output.say(f"\n{name}\n")
        output.table(
            ("resource", "path", "key", "schedule", ""),
            (
                (
                    row["resource"],
                    row["path"],
                    ", ".join(row["key"]) if isinstance(row["key"], list) else row["key"],
                    (str(row["schedule"]), "dim" if row["schedule"] == "off" else ""),
                    "" if row["documented"] else ("inferred", "dim"),
                )
                for row in rows
            ),
            gives_way=("", "key"),
            shortens=("path",),
        )
