"""What people did: the intent, written before the deed, and what became of it; never changed afterwards.

Called by the commands that act for a person. Shapes: `docs/tables.md`, `mirrorpoint_action`.
"""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from changes import digests
from storage import driver_values, locks, sql
from storage.locks import Lock
from storage.session import Session

#: How Mirrorpoint itself does what nobody has asked for.
BY_ITSELF = "by itself"


class Action(NamedTuple):
    """A row: an intent, or what became of one."""

    id: int
    of: int | None  #: of an outcome: the intent
    at: datetime
    who: str
    how: str
    what: str
    target: str
    arguments: Any  #: a JSON object
    outcome: str | None
    digest: str


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
    locks.take(session, Lock.ACTIONS)
    last = last_id(session)
    deed = {"who": who, "how": how, "what": what, "target": target}
    return _append(session, last, {"of": None, "at": now, **deed, "arguments": dict(arguments), "outcome": None})


def note_own(
    session: Session, *, what: str, target: str, arguments: Mapping[str, Any], outcome: str, now: datetime
) -> None:
    """Write down what Mirrorpoint has done by itself, and why."""
    intent = intend(session, who="mirrorpoint", how=BY_ITSELF, what=what, target=target, arguments=arguments, now=now)
    conclude(session, intent, outcome=f"done: {outcome}", now=now)


def conclude(session: Session, intent: int, *, outcome: str, now: datetime) -> None:
    """Write down what became of it: `done: …` or `failed: …`, in a person's words. LookupError: there is no intent."""
    locks.take(session, Lock.ACTIONS)
    text = """
        SELECT (SELECT max(id) FROM mirrorpoint_action), who, how, what, target
        FROM mirrorpoint_action WHERE id = :intent
    """
    found = sql.first(session, text, intent=intent)
    if found is None:
        raise LookupError(f"mirrorpoint_action has no row {intent}, so nothing can have become of it")
    last, *names = found
    deed = dict(zip(("who", "how", "what", "target"), names, strict=True))
    _append(session, last, {"of": intent, "at": now, **deed, "arguments": {}, "outcome": outcome})


def _append(session: Session, last: int, said: Mapping[str, Any]) -> int:
    """Numbered by what is there, so that the actions have no gaps; with its digest."""
    number = last + 1
    digest = digests.of_action(**{**said, "id": number, "at": digests.stamp(said["at"])})
    text = """
        INSERT INTO mirrorpoint_action (id, of, at, who, how, what, target, arguments, outcome, digest)
        VALUES (:id, :of, :at, :who, :how, :what, :target, :arguments, :outcome, :digest)
    """
    sql.change(session, text, id=number, **said, digest=digest)
    return number


def last_id(session: Session) -> int:
    """The newest one's number; 0 where there is none."""
    return int(sql.value(session, "SELECT max(id) FROM mirrorpoint_action") or 0)


def read(session: Session, *, after_id: int = 0, limit: int = 1000) -> list[Action]:
    """The next rows after `after_id`, the oldest first."""
    text = f"SELECT {_COLUMNS} FROM mirrorpoint_action WHERE id > :after_id ORDER BY id LIMIT :limit"
    return [Action(*row) for row in sql.rows(session, text, after_id=after_id, limit=limit)]


def last_intent(session: Session, what: str, target: str, *, until: datetime) -> Action | None:
    """The newest of these not after `until`; read from the end, so it is to be asked of what is not long ago."""
    text = f"""
        SELECT {_COLUMNS} FROM mirrorpoint_action
        WHERE what = :what AND target = :target AND of IS NULL AND at <= :until
        ORDER BY id DESC LIMIT 1
    """
    found = sql.first(session, text, what=what, target=target, until=until)
    return None if found is None else Action(*found)


class Intent(NamedTuple):
    """What was about to be done, as far as a program wants to know it again."""

    id: int
    what: str
    arguments: Any  #: None where they cannot be read: somebody has edited them


def intents(session: Session, what: Collection[str], *, after_id: int = 0, target: str | None = None) -> list[Intent]:
    """The intents of these kinds behind `after_id`, the oldest first; those with this target, if one is given."""
    dialect, kinds = session.dialect, sorted(what)
    mark = sql.mark(dialect)
    text = (
        f"SELECT id, what, arguments FROM mirrorpoint_action WHERE id > {mark} AND of IS NULL"
        f" AND what IN ({', '.join([mark] * len(kinds))})"
    )
    only = () if target is None else (target,)
    text += f" AND target = {mark} ORDER BY id" if only else " ORDER BY id"
    rows = sql.fetch_leniently(session, text, (after_id, *kinds, *only))
    return [Intent(id_, kind, _parsed(value) if dialect == "sqlite" else value) for id_, kind, value in rows]


def _parsed(text: Any) -> Any:
    try:
        return driver_values.parse(text)
    except (ValueError, TypeError, AttributeError):
        return None


_COLUMNS = sql.columns(*Action._fields, utc=("at",), json=("arguments",))
