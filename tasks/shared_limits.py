"""What a source's budget and sign-in share over all processes, kept in the database; bootstrap hands it to upstream."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from changes.sealing import SealKeyError, Vault
from storage import budgets, leases
from storage.engine import Database
from storage.session import Session
from tasks import process_names
from upstream.auth import Kept, Refusal
from upstream.limit_store import WAITING_SECONDS

#: A sign-in is over by then, one way or the other; whoever held it longer has died.
SIGN_IN_LEASE_SECONDS = 90.0
#: Between two looks at a sign-in that another process is busy with.
LOOK_SECONDS = 0.1
#: How far back sign-ins are looked for: a catalogue may limit them for up to an hour.
SIGN_INS_SECONDS = 3600.0
WAITING = timedelta(seconds=WAITING_SECONDS)

Now = Callable[[], datetime]


class DatabaseLimitStore:
    """`upstream.throttle.LimitStore` over the rows that all processes see."""

    def __init__(self, database: Database, *, now: Now, session: Session | None = None) -> None:
        """`session`: of the transaction that all calls are a part of; None: each is one of its own."""
        self._database = database
        self._now = now
        self._session = session

    def within(self, transaction: Session) -> DatabaseLimitStore:
        return DatabaseLimitStore(self._database, now=self._now, session=transaction)

    @contextmanager
    def _write(self) -> Iterator[Session]:
        if self._session is not None:
            yield self._session
            return
        with self._database.write() as session:
            yield session

    def reserve(self, source: str, *, n: int, spacing_seconds: float) -> list[float]:
        with self._write() as session:
            first = budgets.reserve(session, source, n=n, spacing_seconds=spacing_seconds, now=self._now())
        return [first + position * spacing_seconds for position in range(n)]

    def pause(self, source: str, until: float) -> None:
        with self._write() as session:
            budgets.pause(session, source, until=_moment(until))

    def paused_until(self, source: str) -> float:
        with self._database.read() as session:
            until = budgets.paused_until(session, source)
        return until.timestamp() if until is not None else 0.0

    def acquire_permit(
        self, source: str, holder: str, *, limit: int, lease_seconds: float, waits: bool = False
    ) -> int | None:
        with self._write() as session:
            now = self._now()
            number = budgets.acquire_permit(
                session,
                source,
                holder=_named(holder),
                limit=limit,
                lease_seconds=lease_seconds,
                now=now,
                behind_waiting=None if waits else WAITING,
            )
            if waits:
                budgets.note_waiting(session, source, at=now if number is None else None)
            return number

    def is_waited_for(self, source: str) -> bool:
        with self._database.read() as session:
            return budgets.is_waited_for(session, source, now=self._now(), within=WAITING)

    def renew_permit(self, source: str, number: int, holder: str, *, lease_seconds: float) -> bool:
        with self._write() as session:
            return budgets.renew_permit(
                session, source, number, holder=_named(holder), lease_seconds=lease_seconds, now=self._now()
            )

    def release_permit(self, source: str, number: int, holder: str) -> None:
        with self._write() as session:
            budgets.release_permit(session, source, number, holder=_named(holder))


class DatabaseTokenStore:
    """`upstream.auth.TokenStore`: tokens are encrypted on their way in, and one caller signs in at a time."""

    def __init__(self, database: Database, vault: Vault, *, wait: Callable[[float], None], now: Now) -> None:
        """`wait` sleeps that long and raises where the process is stopping."""
        self._database = database
        self._vault = vault
        self._wait = wait
        self._now = now

    def load(self, name: str) -> Kept | None:
        with self._database.read() as session:
            token = budgets.load_token(session, name)
        if token is None or token.access is None or token.expires_at is None:
            return None
        try:
            access = self._vault.decrypt(token.access)
            refresh = self._vault.decrypt(token.refresh) if token.refresh is not None else None
        except SealKeyError:
            return None  # the seal key was replaced: signing in anew is cheaper than any complaint
        return Kept(access, refresh, token.expires_at.timestamp())

    def save(self, name: str, kept: Kept) -> None:
        refresh = self._vault.encrypt(kept.refresh) if kept.refresh is not None else None
        token = budgets.KeptToken(self._vault.encrypt(kept.access), refresh, _moment(kept.expires_at))
        with self._database.write() as session:
            budgets.save_token(session, name, token)

    @contextmanager
    def exclusive(self, name: str) -> Iterator[object]:
        """No transaction stays open meanwhile: the sign-in itself counts against the budget, which writes too."""
        lease, holder = f"sign-in:{name}", _named(uuid.uuid4().hex[:8])
        while True:
            with self._database.write() as session:
                fence = leases.acquire(session, lease, holder=holder, now=self._now(), seconds=SIGN_IN_LEASE_SECONDS)
            if fence is not None:
                break
            self._wait(LOOK_SECONDS)
        try:
            yield fence
        finally:
            with self._database.write() as session:
                leases.release(session, lease, fence=fence)

    def sign_in_times(self, name: str) -> Sequence[float]:
        with self._database.write() as session:
            since = self._now() - timedelta(seconds=SIGN_INS_SECONDS)
            return [at.timestamp() for at in budgets.sign_in_times(session, name, since=since)]

    def note_sign_in(self, name: str, at: float) -> None:
        with self._database.write() as session:
            budgets.note_sign_in(session, name, at=_moment(at))

    def refusal(self, name: str) -> Refusal | None:
        with self._database.read() as session:
            refused = budgets.refusal(session, name)
        return Refusal(refused.at.timestamp(), refused.reason) if refused is not None else None

    def note_refusal(self, name: str, refusal: Refusal) -> None:
        with self._database.write() as session:
            budgets.note_refusal(session, name, reason=refusal.reason, at=_moment(refusal.at))


def _named(holder: str) -> str:
    """With the process in front, so that what it holds can be freed when it is dead."""
    return process_names.own() + process_names.END + holder


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
