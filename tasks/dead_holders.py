"""Frees at once what processes of this machine held that are certainly dead.

Called at the start of a daemon, by commands that scan or deliver, and by housekeeping.
Across machines the leases stay: nobody can know there.
"""

from __future__ import annotations

from datetime import datetime

from storage import holders
from storage.engine import Database
from tasks import process_names
from tasks.log_lines import Logger

log = Logger("mirrorpoint.housekeeping")


def free(database: Database, *, now: datetime) -> int:
    """How many permits, leases and deliveries were freed."""
    with database.read() as session:
        known = holders.holding(session)
    dead = {name for name in known if process_names.is_certainly_dead(name)}
    if not dead:
        return 0
    with database.write() as session:
        freed = holders.free(session, dead, now=now)
    if freed:
        log.info(
            "dead_processes_freed", freed=freed, processes=len({name.partition(process_names.END)[0] for name in dead})
        )
    return freed
