"""What a scan holds while it is at work, and gives back in one transaction; used by full scans and by head scans.

That is the lease of its resource, and the permit of its source under which it sends its requests.
"""

from __future__ import annotations

from storage import leases
from storage.engine import Database
from storage.session import Session
from tasks.services import Source
from upstream.throttle import Permit


class Holding:
    """Of one scan, from the transaction that has taken both."""

    def __init__(self, source: Source, resource: str, permit: Permit | None, *, fence: int) -> None:
        """`permit` None: nothing is sent."""
        self._source = source
        self._permit = permit
        self.name = leases.of_scan(source.name, resource)  #: of the lease
        self._fence = fence
        self._is_given_back = False

    def free(self, session: Session) -> bool:
        """Free for others with this transaction, after which `note_free` is called; False: another has the lease.

        Before the transaction writes to a scan or a resource. Whoever takes both takes them in this order as well, so
        that two never wait for each other.
        """
        if self._permit is not None:
            self._permit.release_within(self._source.budget.limits.within(session))
        return leases.release(session, self.name, fence=self._fence)

    def note_free(self) -> None:
        """The transaction is committed."""
        self._is_given_back = True
        if self._permit is not None:
            self._permit.forget()

    def give_back(self, database: Database) -> None:
        """Free both, in a transaction of their own; nothing happens if the scan's end has freed them."""
        if not self._is_given_back:
            with database.write() as session:
                self.free(session)
            self.note_free()
