"""What `actions` prints: what people did by commands, each with what became of it."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any

from worker import output
from worker.commands import times
from worker.commands.reading import differences

if TYPE_CHECKING:
    from storage.engine import Database
    from worker.settings import Settings

_BATCH = 1000
_UNKNOWN = "(not known: it broke off, or is under way)"
#: The database that a backup was restored into has the beginning of that backup.
_UNKNOWN_BACKUP = "(not known: it broke off, is under way, or is the one that this database was restored from)"


def show(settings: Settings, *, since: str | None, zone: tzinfo, wants_json: bool) -> None:
    """One line for each action; JSON Lines have the table's columns, the outcome from the row that follows it."""
    from worker import bootstrap

    begin = None if since is None else times.moment(since, option="--since", now=times.now(), zone=zone)
    database = bootstrap.open_reading(settings)
    try:
        found = _read(database, begin)
    finally:
        database.dispose()
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
    return differences.short(dict(first)) if arguments else ""


def _read(database: Database, since: datetime | None) -> list[dict[str, Any]]:
    from storage import actions

    found: dict[int, dict[str, Any]] = {}
    after = 0
    while True:
        with database.read() as session:
            rows = actions.read(session, after_id=after, limit=_BATCH)
        for row in rows:
            after = row.id or after
            if row.of is None and (since is None or row.at >= since):
                found[after] = {**output.columns(row), "ended_at": None}
            elif row.of in found:
                found[row.of] |= {"outcome": row.outcome, "ended_at": row.at}
        if len(rows) < _BATCH:
            return list(found.values())
