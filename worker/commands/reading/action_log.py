"""What `actions` prints: what people did by commands, each with what became of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from worker import output
from worker.commands import times
from worker.commands.reading import differences

if TYPE_CHECKING:
    from storage.actions import Action
    from storage.engine import Database
    from worker.settings import Settings

_BATCH = 1000
#: So much of what an action was given is shown to people: every row of a table is as wide as the widest.
_WITH_LENGTH = 100
_UNKNOWN = "(not known: it broke off, or is under way)"
#: The database that a backup was restored into has the beginning of that backup.
_UNKNOWN_BACKUP = "(not known: it broke off, is under way, or is the one that this database was restored from)"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which actions, as it was written on the command line."""

    what: str | None = None  #: a name or glob, as are targets
    target: str | None = None
    since: str | None = None
    limit: int | None = None  #: so many of the newest
    has_own: bool = False  #: also what Mirrorpoint did by itself


def show(settings: Settings, wanted: Wanted, *, zone: tzinfo, wants_json: bool) -> None:
    """One line for each action; JSON Lines have the table's columns, the outcome from the row that follows it."""
    from worker import bootstrap

    begin = None
    if wanted.since is not None:
        begin = times.moment(wanted.since, option="--since", now=times.now(), zone=zone)
    database = bootstrap.open_reading(settings)
    try:
        found, own = _read(database, wanted, begin)
    finally:
        database.dispose()
    _print(found, zone=zone, wants_json=wants_json)
    if own:
        its = "1 that Mirrorpoint did" if own == 1 else f"{own:,} that Mirrorpoint did"
        output.note(
            f"{its} by itself {'is' if own == 1 else 'are'} left out: --all shows {'it' if own == 1 else 'them'}"
        )


def _print(found: Collection[Mapping[str, Any]], *, zone: tzinfo, wants_json: bool) -> None:
    if wants_json:
        for action in found:
            output.line(action)
        return
    if not found:
        output.note("no actions")
        return
    with output.times_in(zone):
        output.table(
            ("id", "at", "who", "what", "target", "with", "outcome"),
            (
                (
                    action["id"],
                    action["at"],
                    action["who"],
                    action["what"],
                    action["target"],
                    _with(action["arguments"]),
                    action["outcome"] or (_UNKNOWN_BACKUP if action["what"] == "backup" else _UNKNOWN),
                )
                for action in found
            ),
            right=("id",),
            gives_way=("with", "id", "outcome"),
            shortens=("outcome", "target", "who"),
        )


def _with(arguments: dict[str, Any]) -> str:
    """The reason first: a terminal may have no room for all."""
    first = sorted(arguments.items(), key=lambda each: each[0] != "reason")
    text = differences.short(dict(first)) if arguments else ""
    return text if len(text) <= _WITH_LENGTH else text[: _WITH_LENGTH - 1] + "…"


def _read(database: Database, wanted: Wanted, since: datetime | None) -> tuple[list[dict[str, Any]], int]:
    """The actions, the oldest first; and how many more Mirrorpoint did by itself that would be among them."""
    from storage import actions

    found: dict[int, dict[str, Any]] = {}
    after, own = 0, 0
    while True:
        with database.read() as session:
            rows = actions.read(session, after_id=after, limit=_BATCH)
        for row in rows:
            after = row.id
            if row.of in found:
                found[row.of] |= {"outcome": row.outcome, "ended_at": row.at}
            elif row.of is None and (since is None or row.at >= since) and _is_wanted(row, wanted):
                if row.how == actions.BY_ITSELF and not wanted.has_own:
                    own += 1
                else:
                    found[after] = {**output.columns(row), "ended_at": None}
        if len(rows) < _BATCH:
            break
    return list(found.values())[-wanted.limit if wanted.limit else 0 :], own


def _is_wanted(row: Action, wanted: Wanted) -> bool:
    """Whether its names fit; a target of several names fits by each of them."""
    if wanted.what is not None and not fnmatchcase(row.what, wanted.what):
        return False
    if wanted.target is None:
        return True
    return any(fnmatchcase(name, wanted.target) for name in (row.target, *row.target.split(", ")))
