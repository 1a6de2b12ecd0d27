"""One log line a minute from the clock: what was done since the last one, also when nothing was.

A log that is silent while all is well looks like one of a daemon that does nothing any more.
"""

from __future__ import annotations

from collections.abc import Callable

from storage import summary
from tasks.log_lines import Logger
from tasks.services import Services

log = Logger("mirrorpoint.clock")

SECONDS = 60


class MinuteLine:
    """Of one clock; with several clocks each tells the same."""

    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services
        self._since: summary.Counted | None = None

    def tell(self) -> None:
        """Since the call before; the first call only begins to count."""
        try:
            services = self._services()
            with services.database.read() as session:
                counted = summary.count(session, since=self._since, now=services.now())
        except Exception as error:  # noqa: BLE001  # the clock's tick tells what is wrong with the database
            log.debug("minute_not_told", error=f"{type(error).__name__}: {error}")
            return
        if self._since is not None:
            log.info(
                "minute",
                scans=counted.scans,
                incomplete=counted.incomplete,
                changes=counted.changes,
                delivered=counted.delivered,
                failed_attempts=counted.failed_attempts,
                owed=counted.owed,
                dead=counted.dead,
            )
        self._since = counted
