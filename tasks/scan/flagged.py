"""Rows that say of themselves that their records are gone (`deleted` in a catalogue); called when a walk has ended.

Such a row came, so it counts as one of the list; but it is no record. If the record is living in the mirror, the row
itself confirms the deletion. No own path is asked and no second scan is needed, even if the walk was not complete: the
proof is the row, and it came. The limit on deletions holds as for all others.
"""

from __future__ import annotations

from itertools import islice

from storage import seen_ids, suspects
from storage.session import Session
from tasks.scan.position import Position
from tasks.scan.scope import Scope

#: Written down by one statement.
AT_A_TIME = 500


def find(session: Session, scope: Scope, position: Position, seen: seen_ids.Seen, *, live_rows: int) -> None:
    """Write down as confirmed suspects those that are living in the mirror; what was approved stays approved.

    `live_rows`: how many the mirror has.
    """
    if not seen.flagged:
        return
    name = scope.resource.name
    flagged = seen_ids.flagged_ids(session, scope.resource, scope.source, seen, live_rows=live_rows)
    while ids := list(islice(flagged, AT_A_TIME)):
        suspects.note_suspects(
            session,
            scope.source,
            name,
            scan_id=scope.scan_id,
            ids=ids,
            since=scope.last_complete_started_at,
            is_flagged=True,
        )
    position.confirmed = suspects.count_confirmed(session, scope.source, name, scan_id=scope.scan_id)
