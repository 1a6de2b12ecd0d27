"""What people did: the intent, written before the deed, and what became of it; never changed afterwards.

Called by the commands that act for a person. Shapes: `docs/tables.md`, `mirrorpoint_action`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlmodel import col

from changes import digests
from storage import driver_values, locks, sql
from storage.locks import Lock
from storage.session import Session
from storage.tables import ActionRow

#: How Mirrorpoint itself does what nobody has asked for.
BY_ITSELF = "by itself"


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
    return _append(session, row)


def conclude(session: Session, intent: int, *, outcome: str, now: datetime) -> None:
    """Write down what became of it: `done: …` or `failed: …`, in a person's words."""
    row = session.objects.get_one(ActionRow, intent)
    names = {name: getattr(row, name) for name in ("who", "how", "what", "target")}
    _append(session, ActionRow(of=intent, at=now, arguments={}, outcome=outcome, **names))


def _append(session: Session, row: ActionRow) -> int:
    """Numbered by what is there, so that the actions have no gaps; with its digest."""
    locks.take(session, Lock.ACTIONS)
    last = sql.run(session, select(func.max(col(ActionRow.id)))).scalar()
    number = int(last or 0) + 1
    row.id, row.digest = number, digest_of(row, number)
    session.objects.add(row)
    session.objects.flush()
    return number


def digest_of(row: Any, number: int) -> str:
    """The digest of what the row holds, computed anew."""
    return digests.of_action(
        id=number,
        of=row.of,
        at=digests.stamp(row.at),
        who=row.who,
        how=row.how,
        what=row.what,
        target=row.target,
        arguments=row.arguments,
        outcome=row.outcome,
    )


def read(session: Session, *, after_id: int = 0, limit: int = 1000) -> list[ActionRow]:
    """The next rows after `after_id`, the oldest first."""
    statement = select(ActionRow).where(col(ActionRow.id) > after_id).order_by(col(ActionRow.id)).limit(limit)
    return list(session.objects.execute(statement).scalars())


def last_intent(session: Session, what: str, target: str, *, until: datetime) -> ActionRow | None:
    """The newest of these not after `until`; read from the end, so it is to be asked of what is not long ago."""
    which = (col(ActionRow.what) == what, col(ActionRow.target) == target, col(ActionRow.of).is_(None))
    statement = select(ActionRow).where(*which, col(ActionRow.at) <= until).order_by(col(ActionRow.id).desc()).limit(1)
    return session.objects.execute(statement).scalars().first()


class Intent(NamedTuple):
    """What was about to be done, as far as a program wants to know it again."""

    id: int
    what: str
    arguments: Any  #: None where they cannot be read: somebody has edited them


def intents(session: Session, what: Collection[str], *, after_id: int = 0) -> list[Intent]:
    """The intents of these kinds behind `after_id`, the oldest first."""
    dialect, kinds = session.dialect, sorted(what)
    mark = sql.mark(dialect)
    text = (
        f"SELECT id, what, arguments FROM mirrorpoint_action WHERE id > {mark} AND of IS NULL"  # noqa: S608
        f" AND what IN ({', '.join([mark] * len(kinds))}) ORDER BY id"
    )
    rows = sql.fetch_leniently(session, text, (after_id, *kinds))
    return [Intent(id_, kind, _parsed(value) if dialect == "sqlite" else value) for id_, kind, value in rows]


def _parsed(text: Any) -> Any:
    try:
        return driver_values.parse(text)
    except (ValueError, TypeError, AttributeError):
        return None
