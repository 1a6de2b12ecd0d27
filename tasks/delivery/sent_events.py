"""The events that deliveries send: of changes or of notices; used by `store.py` and by `deliveries show`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from changes import events
from storage import history, notices
from storage.session import Session


class Tells(Protocol):
    """A delivery, leased or as its row."""

    @property
    def change_seq(self) -> int | None: ...
    @property
    def notice_id(self) -> str | None: ...
    @property
    def event_id(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Read:
    """What some deliveries tell of, as far as it is in the database."""

    changes: Mapping[int, history.Logged]
    notices: Mapping[str, notices.Written]

    def is_erased(self, delivery: Tells) -> bool:
        """Whether the content of its change was erased: then it is not sent any more."""
        logged = self.changes.get(delivery.change_seq or 0)
        return logged is not None and logged.is_erased

    def event(self, delivery: Tells) -> dict[str, Any] | None:
        """The CloudEvent; None if what it tells of is gone. Under an id of its own if it is told as new."""
        if self.is_erased(delivery):
            return None
        logged = self.changes.get(delivery.change_seq or 0)
        if logged is not None and delivery.change_seq is not None:
            return events.cloud_event(logged.change, seq=delivery.change_seq, id=delivery.event_id or logged.id)
        written = self.notices.get(delivery.notice_id or "")
        if written is None:
            return None
        return events.notice_event(
            id=written.id, type=written.type, subject=written.subject, at=written.at, data=written.data
        )


def read(session: Session, deliveries: Collection[Tells]) -> Read:
    """One statement for all changes, and one for all notices if there are any."""
    seqs = {delivery.change_seq for delivery in deliveries if delivery.change_seq is not None}
    ids = {delivery.notice_id for delivery in deliveries if delivery.notice_id is not None}
    return Read(history.by_seq(session, sorted(seqs)), notices.by_id(session, sorted(ids)))
