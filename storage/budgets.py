"""What all processes that read a source share: when the next request may start, how many are under way, and the tokens.

Called by the limit store and the token store that worker/bootstrap.py hands to upstream. Tokens come and go encrypted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from math import ceil
from typing import Any

from sqlalchemy import Executable, Update, exists, func, or_, select, update
from sqlmodel import col

from changes import clocks
from storage import sql
from storage.session import Session
from storage.sql import given
from storage.tables import BudgetRow, PermitRow, TokenRow

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
    row = sql.run_given(session, _START_TIMES, name=name).one_or_none()
    if row is None:
        sql.run(session, sql.insert(session, BudgetRow).on_conflict_do_nothing(), {"name": name})
        row = sql.run_given(session, _START_TIMES, name=name).one()
    latest = clocks.latest(now, LONGEST_PAUSE + timedelta(seconds=MOST_WAITING * max(spacing_seconds, 1.0)))
    first: datetime = max([now, *(moment for moment in row if moment is not None and moment <= latest)])
    # Rounded up, since a database keeps microseconds and a rate must not be exceeded by what rounding gives away.
    next_at = first + timedelta(microseconds=ceil(n * spacing_seconds * 1_000_000))
    sql.run_given(session, _RESERVE, name=name, next_at=next_at)
    return first.timestamp()


def pause(session: Session, name: str, *, until: datetime) -> None:
    """No start before `until`; a pause that lasts longer already is not shortened."""
    row = _locked_budget(session, name)
    if row.paused_until is None or not until <= row.paused_until <= until + LONGEST_PAUSE:
        row.paused_until = until
        session.objects.flush()


def paused_until(session: Session, name: str) -> datetime | None:
    """The end of the last pause; None where there was none."""
    row = session.objects.get(BudgetRow, name)
    return row.paused_until if row else None


def note_waiting(session: Session, name: str, *, at: datetime | None) -> None:
    """Somebody found no permit and waits for one; None: who waited has got one."""
    row = _locked_budget(session, name)
    if row.waited_at != at:
        row.waited_at = at
        session.objects.flush()


def is_waited_for(session: Session, name: str, *, now: datetime, within: timedelta) -> bool:
    """Whether somebody waits for a permit, and has said so `within` that time."""
    row = session.objects.get(BudgetRow, name)
    return row is not None and row.waited_at is not None and abs(now - row.waited_at) <= within


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
    if behind_waiting is not None:
        values |= {"waited_from": now - behind_waiting, "waited_to": now + behind_waiting}
    statement = _acquire(is_behind=behind_waiting is not None)
    number: int | None = sql.run_given(session, statement, **values).scalar()
    if number is None and _add_permits(session, source, limit):
        number = sql.run_given(session, statement, **values).scalar()
    return number


def _add_permits(session: Session, source: str, limit: int) -> bool:
    """Whether the source had fewer than that: they are there now."""
    numbers = sql.run(session, select(col(PermitRow.number)).where(col(PermitRow.source) == source)).scalars()
    missing = sorted(set(range(limit)).difference(numbers))
    if missing:
        rows = [{"source": source, "number": number} for number in missing]
        sql.run(session, sql.insert(session, PermitRow).on_conflict_do_nothing(), rows)
    return bool(missing)


def renew_permit(
    session: Session, source: str, number: int, *, holder: str, lease_seconds: float, now: datetime
) -> bool:
    """False where another holder has it by now."""
    statement = _permit(source, number).where(col(PermitRow.holder) == holder)
    return sql.count_run(session, statement.values(expires_at=now + timedelta(seconds=lease_seconds))) > 0


def release_permit(session: Session, source: str, number: int, *, holder: str) -> None:
    """Nothing happens where another holder has it by now."""
    sql.run_given(session, _RELEASE, source=source, number=number, holder=holder)


def under_way(session: Session, *, now: datetime) -> dict[str, int]:
    """How many permits of each source somebody has; sources of which nobody has any are left out."""
    taken = (col(PermitRow.holder).is_not(None), col(PermitRow.expires_at) > now)
    counts = select(col(PermitRow.source), func.count()).where(*taken).group_by(col(PermitRow.source))
    return {source: number for source, number in sql.run(session, counts)}  # noqa: C416  # rows are no pairs to the type checker


def load_token(session: Session, source: str) -> KeptToken | None:
    """What was last saved; None where nothing was."""
    row = session.objects.get(TokenRow, source)
    return KeptToken(row.access, row.refresh, row.expires_at) if row and row.access else None


def save_token(session: Session, source: str, token: KeptToken) -> None:
    """Keep it for all processes; credentials that work are no longer refused."""
    row = _locked_token(session, source)
    row.access, row.refresh, row.expires_at = token.access, token.refresh, token.expires_at
    row.refused_at = row.refused_reason = None
    session.objects.flush()


def drop_token(session: Session, source: str) -> None:
    """Forget it: the source does not take it any more."""
    row = _locked_token(session, source)
    row.access = row.refresh = row.expires_at = None
    session.objects.flush()


def forget_credentials(session: Session, source: str) -> None:
    """Tokens and refusals of all the source's accounts: what is signed in with next proves itself."""
    nothing = dict.fromkeys(("access", "refresh", "expires_at", "refused_at", "refused_reason"))
    names = col(TokenRow.source).startswith(f"{source}:", autoescape=True)
    sql.run(session, update(TokenRow).where(names).values(nothing))


def sign_in_times(session: Session, source: str, *, since: datetime) -> list[datetime]:
    """When any process signed in, the oldest first. In a writing session nobody else notes one until it ends."""
    times = [datetime.fromisoformat(stamp) for stamp in _locked_token(session, source).sign_ins]
    return [moment for moment in times if moment >= since]


def note_sign_in(session: Session, source: str, *, at: datetime) -> None:
    """Before it is sent, so that one that hangs counts too."""
    row = _locked_token(session, source)
    stamps: Sequence[str] = [*row.sign_ins, at.isoformat()]
    row.sign_ins = sorted(stamps)[-SIGN_INS_KEPT:]
    session.objects.flush()


def note_refusal(session: Session, source: str, *, reason: str, at: datetime) -> None:
    """The source refused the credentials."""
    row = _locked_token(session, source)
    row.refused_at, row.refused_reason = at, reason
    session.objects.flush()


def refusal(session: Session, source: str) -> Refusal | None:
    """The last refusal; None where the credentials have worked since."""
    row = session.objects.get(TokenRow, source)
    return Refusal(row.refused_at, row.refused_reason or "") if row and row.refused_at else None


def _locked_budget(session: Session, name: str) -> BudgetRow:
    """The row, held until the transaction ends; made where it is missing."""
    found = session.objects.get(BudgetRow, name, with_for_update=True)
    if found is None:
        sql.run(session, sql.insert(session, BudgetRow).on_conflict_do_nothing(), {"name": name})
        found = session.objects.get_one(BudgetRow, name, with_for_update=True)
    return found


def _locked_token(session: Session, source: str) -> TokenRow:
    found = session.objects.get(TokenRow, source, with_for_update=True)
    if found is None:
        row = {"source": source, "sign_ins": []}
        sql.run(session, sql.insert(session, TokenRow).on_conflict_do_nothing(), row)
        found = session.objects.get_one(TokenRow, source, with_for_update=True)
    return found


def _permit(source: Any, number: Any) -> Update:
    return update(PermitRow).where(col(PermitRow.source) == source, col(PermitRow.number) == number)


@cache
def _acquire(*, is_behind: bool) -> Executable:
    """One statement finds a free permit and takes it: of two that run at once the second passes over what is locked."""
    free = (
        select(col(PermitRow.number))
        .where(
            col(PermitRow.source) == given("source"),
            col(PermitRow.number) < given("limit"),
            or_(
                col(PermitRow.expires_at).is_(None),
                col(PermitRow.expires_at) <= given("now"),
                col(PermitRow.expires_at) > given("latest"),
            ),
        )
        .order_by(col(PermitRow.number))
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    statement = _permit(given("source"), free.scalar_subquery())
    if is_behind:
        waited_at = col(BudgetRow.waited_at)
        statement = statement.where(
            ~exists().where(
                col(BudgetRow.name) == given("source"),
                waited_at >= given("waited_from"),
                waited_at <= given("waited_to"),
            )
        )
    values = {"holder": given("holder"), "expires_at": given("expires_at")}
    return statement.values(values).returning(col(PermitRow.number))


_RELEASE = (
    _permit(given("source"), given("number"))
    .where(col(PermitRow.holder) == given("holder"))
    .values(holder=None, expires_at=None)
)
_START_TIMES = (
    select(col(BudgetRow.next_at), col(BudgetRow.paused_until))
    .where(col(BudgetRow.name) == given("name"))
    .with_for_update()
)
_RESERVE = update(BudgetRow).where(col(BudgetRow.name) == given("name")).values(next_at=given("next_at"))
