"""What `run` says once it is up: what it does, and where to look; lines for people on a terminal, else one log line."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from tasks.log_lines import Logger

if TYPE_CHECKING:
    from worker.settings import Settings

log = Logger("mirrorpoint.run")

#: Points that are called by their names.
_MOST_NAMED = 5


class Page(NamedTuple):
    """How it stands with the page, as the process that serves it tells `run`."""

    url: str = ""  #: empty: it is not served
    link: str = ""  #: signs in once; empty where tokens do
    why: str = ""  #: it is not served

    def words(self) -> str:
        """For `child.say_ready`."""
        return json.dumps(self._asdict())

    @classmethod
    def of_words(cls, words: str) -> Page:
        """The other way round."""
        return cls(**json.loads(words)) if words else cls(why="it says nothing")


def show(settings: Settings, *, page: Page | None, is_json: bool, now: datetime) -> None:
    """On standard error. `page` None: it is off."""
    from storage.engine import Database
    from worker import broker_server, state_folder

    sources, lists, promised = _scanned(settings)
    unkept, points = _look(settings, now=now)
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
            page=(page.url or None) if page else None,
            sources=sources,
            lists=lists,
            points=None if points is None else len(points),
            database=database,
            broker=broker,
            state_folder=state,
            unkept=unkept,
            look="mirrorpoint status",
        )
        return
    told = [
        ("scans", f"{_count(lists, 'list')} of {', '.join(sources) or 'no source'}, each when its schedule says"),
        *([("promised", f"{promised}; `mirrorpoint check` has each list")] if promised else []),
        *(("not kept", text) for text in unkept),
        ("sends to", _receivers(settings, points)),
        ("database", database),
        ("broker", broker),
        *([("state folder", state)] if state else []),
        ("page", _page(page)),
        ("look", "`mirrorpoint status`; one line a minute follows here"),
        ("end", "Ctrl-C"),
    ]
    lines = ["Mirrorpoint is up.", *(f"  {name:<13}{value}" for name, value in told)]
    sys.stderr.write("\n".join(lines) + "\n")
    sys.stderr.flush()


def _page(page: Page | None) -> str:
    if page is None:
        return "off ([serve] listen)"
    if not page.url:
        return f"not served yet: {page.why}"
    return f"{page.link} (signs you in, once)" if page.link else page.url


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


def _look(settings: Settings, *, now: datetime) -> tuple[list[str], list[str] | None]:
    """Of each source whose claims exceed its budget how much the plan cannot keep, and the cure; and who is sent to.

    The latter are the codes of all points that there are and that a route leads to; None: it is not known.
    """
    from changes import routes
    from storage import points
    from storage.errors import StorageError
    from worker import bootstrap, planned

    catalogues = bootstrap.load_catalogues(settings)
    try:
        database = bootstrap.open_reading(settings, catalogues=catalogues)
        try:
            with database.read() as session:
                plans = planned.read_whole(session, settings, catalogues, now=now)
                receivers, pulling = points.receiving(session)
        finally:
            database.dispose()
    except StorageError as error:  # all children are at work: they outlive a database that is away for a while
        return [f"whether the plan keeps it is not known: {error}"], None
    unkept, codes = plans.unkept(), routes.led_to(bootstrap.routes(settings), receivers)
    return [
        f"the plan of {name} cannot keep {_unkept_of(unkept[name])}; cure: {cure}" for name, cure in plans.cures.items()
    ], [code for code in codes if code not in pulling]


def _receivers(settings: Settings, points: list[str] | None) -> str:
    """Who gets events: few by name."""
    if points is None:
        return "not known"
    if not points:
        is_routed = "no route leads to a point that is known yet" if settings.routes else "there is no route"
        return f"nobody: {is_routed}; changes are kept"
    named = ", ".join(points[:_MOST_NAMED])
    return named if len(points) <= _MOST_NAMED else f"{named} and {len(points) - _MOST_NAMED:,} more"


def _unkept_of(lists: int) -> str:
    return f"it for {_count(lists, 'list')}" if lists else "to the budget"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
