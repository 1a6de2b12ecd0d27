"""What `run` says once it is up: what it does, and where to look; lines for people on a terminal, else one log line."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from worker.settings import Settings

log = structlog.get_logger("mirrorpoint.run")


def show(settings: Settings, *, page: str | None, is_json: bool) -> None:
    """On standard error."""
    from storage.engine import Database
    from worker import broker_server, state_folder

    sources, lists, promised = _scanned(settings)
    database = Database(settings.storage.url).name
    broker = "a server of your own"
    state = None
    if settings.broker.url == "embedded":
        state = str(state_folder.of(settings))
        broker = str(broker_server.binary())
    if is_json:
        log.info(
            "up",
            children=["clock", "scan", "deliver", *(["serve"] if page else [])],
            page=page,
            sources=sources,
            lists=lists,
            points=len(settings.points),
            database=database,
            broker=broker,
            state_folder=state,
            look="mirrorpoint status",
        )
        return
    told = [
        ("scans", f"{_count(lists, 'list')} of {', '.join(sources) or 'no source'}, each when its schedule says"),
        *([("promised", f"{promised}; `mirrorpoint check` has each list")] if promised else []),
        ("database", database),
        ("broker", broker),
        *([("state folder", state)] if state else []),
        ("page", _page(settings, page)),
        ("look", "`mirrorpoint status`; one line a minute follows here"),
        ("end", "Ctrl-C"),
    ]
    lines = ["Mirrorpoint is up.", *(f"  {name:<13}{value}" for name, value in told)]
    sys.stderr.write("\n".join(lines) + "\n")
    sys.stderr.flush()


def _page(settings: Settings, page: str | None) -> str:
    if page is None:
        return "off ([serve] listen)"
    return page if settings.serve.tokens else f"{page}; the line open_page has a link that signs in"


def _scanned(settings: Settings) -> tuple[list[str], int, str]:
    """The sources, how many of their lists have a schedule, and what those are promised whose times are planned."""
    from changes import schedules, written
    from worker import bootstrap

    texts = [
        (name, schedules.resolve(resource, settings.sources[name].schedule))
        for name, catalogue in bootstrap.load_catalogues(settings).items()
        for resource in catalogue.resources.values()
    ]
    planned = dict.fromkeys(name for name, text in texts if schedules.parse(text) == schedules.Auto())
    promises = {
        f"{class_} within {written.lasting(seconds)}": None
        for name in planned
        for class_, seconds in settings.sources[name].plan_budget.promise_seconds.items()
    }
    return sorted(settings.sources), sum(text != "off" for _, text in texts), ", ".join(promises)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
