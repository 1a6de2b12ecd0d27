"""What the last `verify` said, by whomever it was done; for the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker import output

if TYPE_CHECKING:
    from worker.settings import Settings


def show(settings: Settings) -> None:
    """In the shape of `verify --json`, with when it ended and how it came about; null where there was none."""
    from storage import seals, verifications
    from storage.seals import Log
    from worker import bootstrap

    database = bootstrap.open_reading(settings)
    try:
        with database.read() as session:
            found = verifications.last(session)
            heads = {log: seals.last(session, log, signed=True) for log in Log}
    finally:
        database.dispose()
    if found is None:
        output.document(None)
        return
    changes, actions = heads[Log.CHANGES], heads[Log.ACTIONS]
    output.document(
        {
            "ok": found.is_ok,
            "changes": found.changes,
            "checks": list(found.checks),
            "first_bad": found.first_bad,
            "head": None if changes is None else changes.checkpoint,
            "head_of_actions": None if actions is None else actions.checkpoint,
            "started_at": found.started_at,
            "ended_at": found.ended_at,
            "how": found.how.value,
        }
    )
