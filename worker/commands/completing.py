"""What a shell offers at the Tab key: names of resources, codes of points, kinds; called by typer's completion.

A shell waits for the answer and shows no error, so whatever is wrong means that nothing is offered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from worker.settings import Settings


def resources(context: typer.Context, incomplete: str) -> list[str]:
    """Those of the configured sources' catalogues."""
    try:
        from worker import bootstrap

        catalogues = bootstrap.load_catalogues(_settings(context))
    except Exception:  # noqa: BLE001  # no configuration, no offer
        return []
    names = {name for catalogue in catalogues.values() for name in catalogue.resources}
    return sorted(name for name in names if name.startswith(incomplete))


def points(context: typer.Context, incomplete: str) -> list[str]:
    """Codes of the configuration's points and of those in the database."""
    try:
        from storage import points as stored
        from worker import bootstrap

        settings = _settings(context)
        codes = {point.code for point in settings.points}
        database = bootstrap.open_reading(settings)
        try:
            with database.read() as session:
                codes |= {point.code for point in stored.list_all(session)}
        finally:
            database.dispose()
    except Exception:  # noqa: BLE001  # no configuration, no database: no offer
        return []
    return sorted(code for code in codes if code.startswith(incomplete))


def sources(context: typer.Context, incomplete: str) -> list[str]:
    """Names of the configuration's sources."""
    try:
        return sorted(name for name in _settings(context).sources if name.startswith(incomplete))
    except Exception:  # noqa: BLE001  # no configuration, no offer
        return []


def kinds(incomplete: str) -> list[str]:
    """Of changes."""
    known = ("snapshot", "created", "updated", "deleted", "restored")
    return [kind for kind in known if kind.startswith(incomplete)]


def _settings(context: typer.Context) -> Settings:
    from worker import settings

    return settings.load(context.find_root().params.get("config"))
