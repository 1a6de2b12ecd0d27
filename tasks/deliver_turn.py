"""The database's half of the delivery step: one short transaction a turn settles what has ended and leases what fits.

Called by tasks/deliver from a thread of its own, so that its event loop never waits for the database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from changes import events
from changes.records import Change
from changes.sealing import SealKeyError
from storage import history, outbox, points
from tasks.services import Services
from webhooks import retry, sender, signature

#: What a lease lasts beyond the longest attempt: time to write the outcome.
LEASE_SLACK_SECONDS = 30
#: How old the knowledge of the points' addresses may be.
TARGETS_KEPT = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Ready:
    """A leased delivery with all that is needed to send it, or the problem that keeps it from being sent."""

    leased: outbox.Leased
    target: sender.Target | None = None
    event_id: str = ""
    body: bytes = b""
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """What a turn came to."""

    ready: list[Ready]
    counted: list[outbox.Outcome]  #: of those given, without those that another process has attempted meanwhile
    next_due_at: (
        datetime | None
    )  #: when there may be more to do; None where nothing is owed, or some is ready


class Desk:
    """Knows the points and their addresses; used by one thread at a time."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lease_seconds = services.delivery.timeout_seconds + LEASE_SLACK_SECONDS
        self._own_secrets = signature.split(services.delivery.secret)
        self._points: dict[str, points.Point] = {}
        self._points_read_at: datetime | None = None
        self._targets: dict[str, tuple[points.Point, sender.Target]] = {}

    def turn(self, ended: Sequence[outbox.Outcome], *, room: Mapping[str, int], first_room: int, limit: int) -> Turn:
        """Settle `ended` and lease at most `limit`.

        `room` says how many requests each point may have under way in all; `first_room` is for those not named.
        """
        database, now = self._services.database, self._services.now
        if not ended:  # look before asking for the right to write
            with database.read() as session:
                next_due_at = outbox.next_due_at(session)
            if not limit or next_due_at is None or next_due_at > now():
                return Turn([], [], next_due_at)
        with database.write() as session:
            outbox.lock(session)
            counted = outbox.settle(session, ended)
            points.note_outcomes(session, counted)
            for outcome in counted:
                if outcome.status == retry.GONE:
                    points.mark_gone(session, outcome.leased.point, reason=outcome.error or "", now=now())
                    self._points_read_at = None
            leased, next_due_at = [], None
            if limit:
                self._read_points(session, now())
                per_point = {code: room.get(code, first_room) for code in self._points}
                leased = outbox.lease_due(
                    session, now=now(), lease_seconds=self._lease_seconds, limit=limit, per_point=per_point
                )
            if not leased:
                self._skip_strays(session, now())
                next_due_at = outbox.next_due_at(session)
        return Turn(self._prepare(leased), counted, next_due_at)

    def _read_points(self, session: Session, now: datetime) -> None:
        if self._points_read_at is None or not timedelta(0) <= now - self._points_read_at < TARGETS_KEPT:
            self._points, self._points_read_at = points.targets(session), now

    def _skip_strays(self, session: Session, now: datetime) -> None:
        """What was just being written down, or under way, while its point stopped receiving."""
        if set(outbox.waiting(session)).difference(self._points):
            self._points_read_at = None
            self._read_points(session, now)
            for code in set(outbox.waiting(session)).difference(self._points):
                outbox.skip_owed(session, code, reason="no point of this code receives")

    def _prepare(self, leased: Sequence[outbox.Leased]) -> list[Ready]:
        if not leased:
            return []
        with self._services.database.read() as session:
            changes = history.by_seq(session, sorted({item.change_seq for item in leased}))
        bodies = {seq: _event(change, seq) for seq, change in changes.items()}  # one for all points that are owed it
        return [self._ready(item, bodies.get(item.change_seq)) for item in leased]

    def _ready(self, leased: outbox.Leased, event: tuple[str, bytes] | None) -> Ready:
        if event is None:
            return Ready(leased, problem="its change is not in the log any more")
        try:
            return Ready(leased, self._target(self._points[leased.point]), *event)
        except SealKeyError as error:
            return Ready(leased, problem=str(error))

    def _target(self, point: points.Point) -> sender.Target:
        known = self._targets.get(point.code)
        if known is None or known[0] != point:
            decrypt = self._services.vault.decrypt
            target = sender.Target(
                point.code,
                url=point.url or "",
                token=decrypt(point.token) if point.token else None,
                secrets=signature.split(decrypt(point.secret)) if point.secret else self._own_secrets,
            )
            known = self._targets[point.code] = (point, target)
        return known[1]


def _event(change: Change, seq: int) -> tuple[str, bytes]:
    event = events.cloud_event(change, seq=seq)
    return event["id"], events.body(event)
