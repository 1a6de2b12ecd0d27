"""What people did: the intent, written before the deed, and what became of it; never changed afterwards.

Called by the commands that act for a person. Shapes: `docs/tables.md`, `mirrorpoint_action`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from storage.tables import ActionRow


def intend(
    session: Session,
    *,
    who: str,
    how: str,
    what: str,
    target: str,
    arguments: Mapping[str, Any],
    now: datetime,
) -> int:
    """Write down what is about to be done; returns its number for `conclude`. `arguments` hold no secrets."""
    row = ActionRow(at=now, who=who, how=how, what=what, target=target, arguments=dict(arguments))
    session.add(row)
    session.flush()
    assert row.id is not None  # noqa: S101  # the database has numbered it
    return row.id


def conclude(session: Session, intent: int, *, outcome: str, now: datetime) -> None:
    """Write down what became of it: `done: …` or `failed: …`, in a person's words."""
    row = session.get_one(ActionRow, intent)
    session.add(
        ActionRow(
            of=intent,
            at=now,
            who=row.who,
            how=row.how,
            what=row.what,
            target=row.target,
            arguments={},
            outcome=outcome,
        )
    )


def read(session: Session, *, after_id: int = 0, limit: int = 1000) -> list[ActionRow]:
    """The next rows after `after_id`, the oldest first."""
    statement = select(ActionRow).where(col(ActionRow.id) > after_id).order_by(col(ActionRow.id)).limit(limit)
    return list(session.execute(statement).scalars())
