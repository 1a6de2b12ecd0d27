"""What all processes that read a source share: when the next request may start, how many are under way, and the tokens.

Called by the limit store and the token store that worker/bootstrap.py hands to upstream. Tokens come and go encrypted.
"""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil

from changes import clocks
from storage import sql
from storage.session import Session

#: Stamps of sign-ins that are kept; those who count them look back a minute.
SIGN_INS_KEPT = 30
#: No source is obeyed that asks for a longer one.
LONGEST_PAUSE = timedelta(minutes=10)
#: No more requests than this wait for a start time at once.
MOST_WAITING = 500


@dataclass(frozen=True, slots=True)
class KeptToken:
    """A source's tokens as they were last given."""

    access: str | None = field(repr=False)  #: encrypted
    refresh: str | None = field(repr=False)  #: encrypted
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A source's answer to our credentials, kept so that not every process tries them again."""

    at: datetime
    reason: str


def reserve(session: Session, name: str, *, n: int, spacing_seconds: float, now: datetime) -> float:
    """The first of `n` start times, `spacing_seconds` apart, that nobody else gets; in seconds since the epoch.

    None is before now, before those given out earlier, or inside a pause.
    """
    text = f"""
        SELECT next_at AS "next_at [utc]", paused_until AS "paused_until [utc]" FROM mirrorpoint_budget
        WHERE name = :name {sql.for_update(session)}
    """
    row = sql.first(session, text, name=name)
    if row is None:
        sql.add_new(session, "mirrorpoint_budget", ("name",), [(name,)])
        (row,) = sql.rows(session, text, name=name)
    latest = clocks.latest(now, LONGEST_PAUSE + timedelta(seconds=MOST_WAITING * max(spacing_seconds, 1.0)))
    first: datetime = max([now, *(moment for moment in row if moment is not None and moment <= latest)])
    # Rounded up, since a database keeps microseconds and a rate must not be exceeded by what rounding gives away.
    next_at = first + timedelta(microseconds=ceil(n * spacing_seconds * 1_000_000))
    sql.change(
        session, "UPDATE mirrorpoint_budget SET next_at = :next_at WHERE name = :name", name=name, next_at=next_at
    )
    return first.timestamp()


def pause(session: Session, name: str, *, until: datetime) -> None:
    """No start before `until`; a pause that lasts longer already is not shortened."""
    text = """
        INSERT INTO mirrorpoint_budget (name, paused_until) VALUES (:name, :until)
        ON CONFLICT (name) DO UPDATE SET paused_until = :until
        WHERE mirrorpoint_budget.paused_until IS NULL
            OR mirrorpoint_budget.paused_until < :until OR mirrorpoint_budget.paused_until > :latest
    """
    sql.change(session, text, name=name, until=until, latest=until + LONGEST_PAUSE)


def paused_until(session: Session, name: str) -> datetime | None:
    """The end of the last pause; None where there was none."""
    text = 'SELECT paused_until AS "paused_until [utc]" FROM mirrorpoint_budget WHERE name = :name'
    found = sql.first(session, text, name=name)
    return found[0] if found else None


def note_waiting(session: Session, name: str, *, at: datetime | None) -> None:
    """Somebody found no permit and waits for one; None: who waited has got one."""
    if at is None:
        text = "UPDATE mirrorpoint_budget SET waited_at = NULL WHERE name = :name AND waited_at IS NOT NULL"
        sql.change(session, text, name=name)
        return
    text = """
        INSERT INTO mirrorpoint_budget (name, waited_at) VALUES (:name, :at)
        ON CONFLICT (name) DO UPDATE SET waited_at = :at
    """
    sql.change(session, text, name=name, at=at)


def is_waited_for(session: Session, name: str, *, now: datetime, within: timedelta) -> bool:
    """Whether somebody waits for a permit, and has said so `within` that time."""
    text = f"SELECT 1 FROM mirrorpoint_budget WHERE name = :name AND {_IS_WAITED_FOR}"
    return sql.first(session, text, name=name, **_waited(now, within)) is not None


def acquire_permit(
    session: Session,
    source: str,
    *,
    holder: str,
    limit: int,
    lease_seconds: float,
    now: datetime,
    behind_waiting: timedelta | None = None,
) -> int | None:
    """The number, below `limit`, of a permit that was free or whose lease is over; None where all are taken.

    `behind_waiting`: None as well while somebody waits for one, and has said so within that time.
    """
    values = {
        "source": source,
        "holder": holder,
        "limit": limit,
        "now": now,
        "expires_at": now + timedelta(seconds=lease_seconds),
        "latest": clocks.latest(now, timedelta(seconds=lease_seconds)),
    }
    text = _acquire(session, is_behind=behind_waiting is not None)
    if behind_waiting is not None:
        values |= _waited(now, behind_waiting)
    found = sql.first(session, text, **values)
    if found is None and _add_permits(session, source, limit):
        found = sql.first(session, text, **values)
    return found[0] if found else None


def _acquire(session: Session, *, is_behind: bool) -> str:
    """One statement finds a free permit and takes it: of two that run at once the second passes over what is locked."""
    text = f"""
        UPDATE mirrorpoint_permit SET holder = :holder, expires_at = :expires_at
        WHERE source = :source AND number = (
            SELECT number FROM mirrorpoint_permit
            WHERE source = :source AND number < :limit
                AND (expires_at IS NULL OR expires_at <= :now OR expires_at > :latest)
            ORDER BY number LIMIT 1 {sql.for_update(session)} {_SKIP_LOCKED[session.dialect]}
        )
    """
    if is_behind:
        text += f"AND NOT EXISTS (SELECT 1 FROM mirrorpoint_budget WHERE name = :source AND {_IS_WAITED_FOR})"
    return f"{text} RETURNING number"


def _add_permits(session: Session, source: str, limit: int) -> bool:
    """Whether the source had fewer than that: they are there now."""
    rows = sql.rows(session, "SELECT number FROM mirrorpoint_permit WHERE source = :source", source=source)
    missing = sorted(set(range(limit)).difference(number for (number,) in rows))
    sql.add_new(session, "mirrorpoint_permit", ("source", "number"), [(source, number) for number in missing])
    return bool(missing)


def renew_permit(
    session: Session, source: str, number: int, *, holder: str, lease_seconds: float, now: datetime
) -> bool:
    """False where another holder has it by now."""
    text = f"UPDATE mirrorpoint_permit SET expires_at = :expires_at WHERE {_HELD_PERMIT}"
    values = {"source": source, "number": number, "holder": holder}
    return sql.change(session, text, **values, expires_at=now + timedelta(seconds=lease_seconds)) > 0


def release_permit(session: Session, source: str, number: int, *, holder: str) -> None:
    """Nothing happens where another holder has it by now."""
    text = f"UPDATE mirrorpoint_permit SET holder = NULL, expires_at = NULL WHERE {_HELD_PERMIT}"
    sql.change(session, text, source=source, number=number, holder=holder)


def under_way(session: Session, *, now: datetime) -> dict[str, int]:
    """How many permits of each source somebody has; sources of which nobody has any are left out."""
    text = """
        SELECT source, count(*) FROM mirrorpoint_permit
        WHERE holder IS NOT NULL AND expires_at > :now GROUP BY source
    """
    return {source: int(number) for source, number in sql.rows(session, text, now=now)}


def load_token(session: Session, source: str) -> KeptToken | None:
    """What was last saved; None where nothing was."""
    text = """
        SELECT access, refresh, expires_at AS "expires_at [utc]" FROM mirrorpoint_token WHERE source = :source
    """
    found = sql.first(session, text, source=source)
    return KeptToken(*found) if found and found[0] else None


def save_token(session: Session, source: str, token: KeptToken) -> None:
    """Keep it for all processes; credentials that work are no longer refused."""
    text = """
        INSERT INTO mirrorpoint_token (source, access, refresh, expires_at, sign_ins)
        VALUES (:source, :access, :refresh, :expires_at, :sign_ins)
        ON CONFLICT (source) DO UPDATE
        SET access = excluded.access, refresh = excluded.refresh, expires_at = excluded.expires_at,
            refused_at = NULL, refused_reason = NULL
    """
    values = {"access": token.access, "refresh": token.refresh, "expires_at": token.expires_at}
    sql.change(session, text, source=source, **values, sign_ins=[])


def drop_token(session: Session, source: str) -> None:
    """Forget it: the source does not take it any more."""
    text = "UPDATE mirrorpoint_token SET access = NULL, refresh = NULL, expires_at = NULL WHERE source = :source"
    sql.change(session, text, source=source)


def forget_credentials(session: Session, source: str) -> None:
    """Tokens and refusals of all the source's accounts: what is signed in with next proves itself."""
    text = """
        UPDATE mirrorpoint_token
        SET access = NULL, refresh = NULL, expires_at = NULL, refused_at = NULL, refused_reason = NULL
        WHERE source LIKE :accounts ESCAPE '/'
    """
    sql.change(session, text, accounts=sql.beginning(f"{source}:"))


def sign_in_times(session: Session, source: str, *, since: datetime) -> list[datetime]:
    """When any process signed in, the oldest first. In a writing session nobody else notes one until it ends."""
    times = [datetime.fromisoformat(stamp) for stamp in _locked_sign_ins(session, source)]
    return [moment for moment in times if moment >= since]


def note_sign_in(session: Session, source: str, *, at: datetime) -> None:
    """Before it is sent, so that one that hangs counts too."""
    stamps = sorted([*_locked_sign_ins(session, source), at.isoformat()])[-SIGN_INS_KEPT:]
    text = "UPDATE mirrorpoint_token SET sign_ins = :sign_ins WHERE source = :source"
    sql.change(session, text, source=source, sign_ins=stamps)


def note_refusal(session: Session, source: str, *, reason: str, at: datetime) -> None:
    """The source refused the credentials."""
    text = """
        INSERT INTO mirrorpoint_token (source, refused_at, refused_reason, sign_ins)
        VALUES (:source, :at, :reason, :sign_ins)
        ON CONFLICT (source) DO UPDATE
        SET refused_at = excluded.refused_at, refused_reason = excluded.refused_reason
    """
    sql.change(session, text, source=source, at=at, reason=reason, sign_ins=[])


def refusal(session: Session, source: str) -> Refusal | None:
    """The last refusal; None where the credentials have worked since."""
    text = """
        SELECT refused_at AS "refused_at [utc]", refused_reason FROM mirrorpoint_token
        WHERE source = :source AND refused_at IS NOT NULL
    """
    found = sql.first(session, text, source=source)
    return Refusal(found[0], found[1] or "") if found else None


def _locked_sign_ins(session: Session, source: str) -> list[str]:
    """Of the row that is held until the transaction ends; made where it is missing."""
    text = f"""
        SELECT sign_ins AS "sign_ins [json]" FROM mirrorpoint_token WHERE source = :source {sql.for_update(session)}
    """
    found = sql.first(session, text, source=source)
    if found is None:
        sql.add_new(session, "mirrorpoint_token", ("source", "sign_ins"), [(source, [])])
        (found,) = sql.rows(session, text, source=source)
    stamps: list[str] = found[0]
    return stamps


def _waited(now: datetime, within: timedelta) -> dict[str, datetime]:
    return {"waited_from": now - within, "waited_to": now + within}


_IS_WAITED_FOR = "waited_at >= :waited_from AND waited_at <= :waited_to"
_HELD_PERMIT = "source = :source AND number = :number AND holder = :holder"
_SKIP_LOCKED = {"sqlite": "", "postgresql": "SKIP LOCKED"}
