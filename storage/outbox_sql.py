"""The statements of `outbox.py` and of the files of deliveries and replays, which say what they are for.

Conditions on `state` are written out, never given as values: only then does a database see that a partial index fits.

The events of one record are in the order of (change_seq, id): notices have no number of a change, and go by their ids.
"""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

from collections.abc import Collection

from storage import sql
from storage.session import Session
from storage.states import DeliveryState

OWE = """
    INSERT INTO mirrorpoint_delivery
        (change_seq, notice_id, event_id, point, record, state, attempts, fence, created_at, due_at)
    SELECT :change_seq, :notice_id, :event_id, :point, :record, 'due', 0, 0, :now, CASE WHEN EXISTS (
        SELECT 1 FROM mirrorpoint_delivery AS earlier
        WHERE earlier.point = :point AND earlier.record = :record AND earlier.state IN ('due', 'leased')
    ) THEN NULL ELSE :now END
    WHERE true
    ON CONFLICT DO NOTHING
"""

PROMOTE = """
    UPDATE mirrorpoint_delivery SET due_at = :now
    WHERE state = 'due' AND due_at IS NULL AND id = (
        SELECT first.id FROM mirrorpoint_delivery AS first
        WHERE first.point = :point AND first.record = :record AND first.state IN ('due', 'leased')
        ORDER BY first.change_seq, first.id LIMIT 1
    ) AND NOT EXISTS (
        SELECT 1 FROM mirrorpoint_delivery AS other
        WHERE other.point = :point AND other.record = :record AND other.state IN ('due', 'leased')
        AND other.state = 'leased'
    )
"""

#: The head of a record is no head any more where an older event is owed.
DEMOTE = """
    UPDATE mirrorpoint_delivery SET due_at = NULL
    WHERE point = :point AND record = :record AND state IN ('due', 'leased') AND state = 'due' AND due_at IS NOT NULL
    AND id <> (
        SELECT first.id FROM mirrorpoint_delivery AS first
        WHERE first.point = :point AND first.record = :record AND first.state IN ('due', 'leased')
        ORDER BY first.change_seq, first.id LIMIT 1
    )
"""

#: The first due deliveries of each point: one short walk in the index per point, whatever is owed in all.
DUE = {
    "sqlite": """
        SELECT head.id, head.point FROM json_each(:points) AS wanted
        CROSS JOIN mirrorpoint_delivery AS head
        WHERE head.id IN (
            SELECT id FROM mirrorpoint_delivery
            WHERE point = wanted.value AND state = 'due' AND due_at IS NOT NULL AND due_at <= :now
            ORDER BY due_at, change_seq LIMIT :most
        )
        ORDER BY head.due_at, head.change_seq
    """,
    "postgresql": """
        SELECT head.id, head.point FROM json_array_elements_text(CAST(:points AS json)) AS wanted (code)
        CROSS JOIN LATERAL (
            SELECT id, point, due_at, change_seq FROM mirrorpoint_delivery
            WHERE point = wanted.code AND state = 'due' AND due_at IS NOT NULL AND due_at <= :now
            ORDER BY due_at, change_seq LIMIT :most
        ) AS head
        ORDER BY head.due_at, head.change_seq
    """,
}

#: From point to point in the index, without reading what lies between.
WAITING = """
    WITH RECURSIVE waiting (point) AS (
        SELECT * FROM (
            SELECT point FROM mirrorpoint_delivery
            WHERE state = 'due' AND due_at IS NOT NULL ORDER BY point LIMIT 1
        ) AS lowest
        UNION ALL
        SELECT (
            SELECT point FROM mirrorpoint_delivery
            WHERE state = 'due' AND due_at IS NOT NULL AND point > waiting.point ORDER BY point LIMIT 1
        ) FROM waiting WHERE waiting.point IS NOT NULL
    )
    SELECT point, (
        SELECT due_at FROM mirrorpoint_delivery
        WHERE point = waiting.point AND state = 'due' AND due_at IS NOT NULL ORDER BY due_at, change_seq LIMIT 1
    ) AS "due_at [utc]", (
        SELECT attempts + losses FROM mirrorpoint_delivery
        WHERE point = waiting.point AND state = 'due' AND due_at IS NOT NULL ORDER BY due_at, change_seq LIMIT 1
    ) AS tries
    FROM waiting WHERE point IS NOT NULL
"""

#: How many are leased per point; they are few, whatever is owed.
UNDER_WAY = "SELECT point, count(*) FROM mirrorpoint_delivery WHERE state = 'leased' GROUP BY point"

#: When the first lease ends.
FIRST_LEASE = """
    SELECT leased_until AS "leased_until [utc]" FROM mirrorpoint_delivery
    WHERE state = 'leased' AND leased_until IS NOT NULL ORDER BY leased_until LIMIT 1
"""

#: Leases that have run out; one that would last until `latest` was written by a clock that was ahead. In the order of
#: `change_seq` itself SQLite would read an index of all deliveries, however few are leased.
LOST = """
    SELECT id, losses FROM mirrorpoint_delivery
    WHERE state = 'leased' AND (leased_until <= :now OR leased_until > :latest) ORDER BY coalesce(change_seq, 0), id
"""

SETTLE = """
    UPDATE mirrorpoint_delivery
    SET state = :state, attempts = attempts + :tries, due_at = :due_at, leased_until = NULL,
        last_status = :status, last_error = :error, losses = 0, delivered_at = :delivered_at
    WHERE id = :id
"""

NOTE_ATTEMPT = """
    INSERT INTO mirrorpoint_attempt
        (delivery_id, change_seq, point, attempted_at, duration_ms, status, error, answer)
    VALUES (:delivery_id, :change_seq, :point, :attempted_at, :duration_ms, :status, :error, :answer)
"""

TAKE_BACK = """
    UPDATE mirrorpoint_delivery
    SET state = 'due', due_at = :due_at, leased_until = NULL, losses = :losses,
        last_error = coalesce(:error, last_error)
    WHERE id = :id
"""

RENEW = "UPDATE mirrorpoint_delivery SET leased_until = :until WHERE id = :id"

GIVE_BACK = "UPDATE mirrorpoint_delivery SET state = 'due', due_at = :now, leased_until = NULL WHERE id = :id"

#: What failed before and waits for its next attempt. 429 asks for less, so what it refused keeps its time.
CATCH_UP = """
    UPDATE mirrorpoint_delivery SET due_at = :now
    WHERE point = :point AND state = 'due' AND due_at IS NOT NULL AND due_at > :soon
    AND attempts <= :most AND losses < :losses AND (last_status IS NULL OR last_status <> 429)
"""

SKIP = """
    UPDATE mirrorpoint_delivery SET state = 'skipped', due_at = NULL, last_error = :reason
    WHERE point = :point AND state IN ('due', 'leased') AND state = 'due'
"""

#: Both from indexes that hold nothing else.
COUNTS = """
    SELECT point, sum(due) AS due, sum(dead) AS dead, max(first_id) AS first_id FROM (
        SELECT point, count(*) AS due, 0 AS dead, min(id) AS first_id FROM mirrorpoint_delivery
        WHERE state IN ('due', 'leased') GROUP BY point
        UNION ALL
        SELECT point, 0 AS due, count(*) AS dead, NULL AS first_id
        FROM mirrorpoint_delivery WHERE state = 'dead' GROUP BY point
    ) AS counted GROUP BY point ORDER BY point
"""


def lease(session: Session) -> str:
    """Gives what `outbox_outcomes.leased_as` takes."""
    return f"""
        UPDATE mirrorpoint_delivery
        SET state = 'leased', leased_until = :until, leased_by = :holder, fence = fence + 1
        WHERE id {sql.among(session, "ids")}
        RETURNING id, change_seq, point, record, attempts, fence, notice_id, event_id,
            created_at AS "created_at [utc]", last_status
    """


def held(session: Session) -> str:
    """The fences of those that are leased."""
    return f"SELECT id, fence FROM mirrorpoint_delivery WHERE id {sql.among(session, 'ids')} AND state = 'leased'"


def keep_told(session: Session) -> str:
    """Of what has arrived and is to be sent again: its row forgets when that was.

    The attempt may be forgotten already.
    """
    return f"""
        INSERT INTO mirrorpoint_attempt (delivery_id, change_seq, point, attempted_at, duration_ms, status)
        SELECT id, change_seq, point, delivered_at, 0, last_status FROM mirrorpoint_delivery
        WHERE id {sql.among(session, "ids")} AND state = 'delivered' AND delivered_at IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM mirrorpoint_attempt AS arrived
            WHERE arrived.delivery_id = mirrorpoint_delivery.id AND arrived.status BETWEEN 200 AND 299
        )
    """


def among_states(states: Collection[str]) -> str:
    """Behind the column `state`: it is one of these, written out. ValueError for a word that is no state."""
    names = [f"'{DeliveryState(state).value}'" for state in sorted(states)]
    if len(names) == 1:  # SQLite uses the index of what is dead for this alone, and not for a list of one
        return f"= {names[0]}"
    return f"IN ({', '.join(names) or 'NULL'})"
