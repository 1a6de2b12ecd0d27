"""The statements of `outbox.py` and `deliveries.py`, which say what they are for and are their only callers.

Built once, since the library takes longer to build one than a database to answer it. The conditions on `state` are
written out, never bound: only then does a database see that a partial index fits.

The events of one record are in the order of (change_seq, id): notices have no number of a change, and go by their ids.
"""

from __future__ import annotations

from sqlalchemy import bindparam, exists, func, insert, literal, null, select, text, update
from sqlalchemy.orm import aliased
from sqlmodel import col

from storage.states import DeliveryState
from storage.tables import AttemptRow, DeliveryRow

OWE = text(
    """
    INSERT INTO mirrorpoint_delivery
        (change_seq, notice_id, event_id, point, record, state, attempts, fence, created_at, due_at)
    SELECT :change_seq, :notice_id, :event_id, :point, :record, 'due', 0, 0, :created_at, CASE WHEN EXISTS (
        SELECT 1 FROM mirrorpoint_delivery AS earlier
        WHERE earlier.point = :point AND earlier.record = :record AND earlier.state IN ('due', 'leased')
    ) THEN NULL ELSE :due_at END
    WHERE true
    ON CONFLICT DO NOTHING
    """
)

PROMOTE = text(
    """
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
)

#: The head of a record is no head any more where an older event is owed.
DEMOTE = text(
    """
    UPDATE mirrorpoint_delivery SET due_at = NULL
    WHERE point = :point AND record = :record AND state IN ('due', 'leased') AND state = 'due' AND due_at IS NOT NULL
    AND id <> (
        SELECT first.id FROM mirrorpoint_delivery AS first
        WHERE first.point = :point AND first.record = :record AND first.state IN ('due', 'leased')
        ORDER BY first.change_seq, first.id LIMIT 1
    )
    """
)

#: The first due deliveries of each point: one short walk in the index per point, whatever is owed in all.
DUE = {
    "sqlite": text(
        """
        SELECT head.id, head.point FROM json_each(:points) AS wanted
        CROSS JOIN mirrorpoint_delivery AS head
        WHERE head.id IN (
            SELECT id FROM mirrorpoint_delivery
            WHERE point = wanted.value AND state = 'due' AND due_at IS NOT NULL AND due_at <= :now
            ORDER BY due_at, change_seq LIMIT :most
        )
        ORDER BY head.due_at, head.change_seq
        """
    ),
    "postgresql": text(
        """
        SELECT head.id, head.point FROM json_array_elements_text(CAST(:points AS json)) AS wanted (code)
        CROSS JOIN LATERAL (
            SELECT id, point, due_at, change_seq FROM mirrorpoint_delivery
            WHERE point = wanted.code AND state = 'due' AND due_at IS NOT NULL AND due_at <= :now
            ORDER BY due_at, change_seq LIMIT :most
        ) AS head
        ORDER BY head.due_at, head.change_seq
        """
    ),
}

#: From point to point in the index, without reading what lies between.
WAITING = text(
    """
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
    ) AS due_at, (
        SELECT attempts + losses FROM mirrorpoint_delivery
        WHERE point = waiting.point AND state = 'due' AND due_at IS NOT NULL ORDER BY due_at, change_seq LIMIT 1
    ) AS tries
    FROM waiting WHERE point IS NOT NULL
    """
)

#: How many are leased per point; they are few, whatever is owed.
UNDER_WAY = text("SELECT point, count(*) AS number FROM mirrorpoint_delivery WHERE state = 'leased' GROUP BY point")

#: When the first lease ends.
FIRST_LEASE = text(
    """
    SELECT leased_until FROM mirrorpoint_delivery WHERE state = 'leased' AND leased_until IS NOT NULL
    ORDER BY leased_until LIMIT 1
    """
)

#: Leases that have run out; one that would last until `latest` was written by a clock that was ahead.
LOST = text(
    """
    SELECT id, losses FROM mirrorpoint_delivery
    WHERE state = 'leased' AND (leased_until <= :now OR leased_until > :latest) ORDER BY change_seq, id
    """
)

LEASE = (
    update(DeliveryRow)
    .where(col(DeliveryRow.id).in_(bindparam("ids", expanding=True)))
    .values(
        state=DeliveryState.LEASED,
        leased_until=bindparam("until"),
        leased_by=bindparam("holder"),
        fence=DeliveryRow.fence + 1,
    )
    .returning(
        col(DeliveryRow.id),
        col(DeliveryRow.change_seq),
        col(DeliveryRow.point),
        col(DeliveryRow.record),
        col(DeliveryRow.attempts),
        col(DeliveryRow.fence),
        col(DeliveryRow.notice_id),
        col(DeliveryRow.event_id),
        col(DeliveryRow.created_at),
        col(DeliveryRow.last_status),
    )
)

#: The fences of those that are leased.
HELD = select(col(DeliveryRow.id), col(DeliveryRow.fence)).where(
    col(DeliveryRow.id).in_(bindparam("ids", expanding=True)), text("state = 'leased'")
)

_BY_ID = update(DeliveryRow).where(col(DeliveryRow.id) == bindparam("of_id"))

SETTLE = _BY_ID.values(
    state=bindparam("new_state"),
    attempts=DeliveryRow.attempts + bindparam("tries"),
    due_at=bindparam("new_due_at"),
    leased_until=None,
    last_status=bindparam("status"),
    last_error=bindparam("error"),
    losses=0,
    delivered_at=bindparam("new_delivered_at"),
)

NOTE_ATTEMPT = insert(AttemptRow)

_ARRIVED = aliased(AttemptRow)
#: Of what has arrived and is to be sent again: its row forgets when that was, and the attempt may be forgotten already.
KEEP_TOLD = insert(AttemptRow).from_select(
    ["delivery_id", "change_seq", "point", "attempted_at", "duration_ms", "status", "error", "answer"],
    select(
        col(DeliveryRow.id),
        col(DeliveryRow.change_seq),
        col(DeliveryRow.point),
        col(DeliveryRow.delivered_at),
        literal(0),
        col(DeliveryRow.last_status),
        null(),
        null(),
    ).where(
        col(DeliveryRow.id).in_(bindparam("ids", expanding=True)),
        text("mirrorpoint_delivery.state = 'delivered'"),
        col(DeliveryRow.delivered_at).is_not(None),
        ~exists().where(col(_ARRIVED.delivery_id) == col(DeliveryRow.id), col(_ARRIVED.status).between(200, 299)),
    ),
)

TAKE_BACK = _BY_ID.values(
    state=DeliveryState.DUE,
    due_at=bindparam("new_due_at"),
    leased_until=None,
    losses=bindparam("times"),
    last_error=func.coalesce(bindparam("error"), DeliveryRow.last_error),
)

RENEW = _BY_ID.values(leased_until=bindparam("until"))

GIVE_BACK = _BY_ID.values(state=DeliveryState.DUE, due_at=bindparam("now"), leased_until=None)

#: What failed before and waits for its next attempt. 429 asks for less, so what it refused keeps its time.
CATCH_UP = text(
    """
    UPDATE mirrorpoint_delivery SET due_at = :now
    WHERE point = :point AND state = 'due' AND due_at IS NOT NULL AND due_at > :soon
    AND attempts <= :most AND losses < :losses AND (last_status IS NULL OR last_status <> 429)
    """
)

SKIP = text(
    """
    UPDATE mirrorpoint_delivery SET state = 'skipped', due_at = NULL, last_error = :reason
    WHERE point = :point AND state IN ('due', 'leased') AND state = 'due'
    """
)

#: Both from indexes that hold nothing else.
COUNTS = text(
    """
    SELECT point, sum(due) AS due, sum(dead) AS dead, max(first_id) AS first_id FROM (
        SELECT point, count(*) AS due, 0 AS dead, min(id) AS first_id FROM mirrorpoint_delivery
        WHERE state IN ('due', 'leased') GROUP BY point
        UNION ALL
        SELECT point, 0 AS due, count(*) AS dead, NULL AS first_id
        FROM mirrorpoint_delivery WHERE state = 'dead' GROUP BY point
    ) AS counted GROUP BY point ORDER BY point
    """
)
