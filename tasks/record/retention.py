"""The retention of the record: the content of versions that were followed by others long ago is erased by itself.

Digests, keys and times stay. The last version of a living record always keeps its content; that of a deleted one goes
when the deletion itself is old enough. Called by housekeeping once an hour.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from changes.records import Id
from storage import actions, erased_sqlite, erasures, outbox, outdated
from storage.engine import Database
from storage.outdated import Outdated

#: Versions looked at for one action, and erased in one transaction.
LOOKED_AT, AT_A_TIME = 5_000, 500
#: A sweep ends after this; the next one goes on. The first one of a long log takes several.
SECONDS = 20.0
WHO = "mirrorpoint"


def sweep(database: Database, retention: timedelta, *, now: Callable[[], datetime], stopping: threading.Event) -> int:
    """Erase what is outdated, in pieces; of how many versions. What a point is still owed waits for the next time."""
    deadline, before, count = time.monotonic() + SECONDS, now() - retention, 0
    with database.read() as session:
        after, until = outdated.place(session), outdated.end(session, before=before)
    waits_from: int | None = None  # the first version with something that is owed
    while after < until and not stopping.is_set() and time.monotonic() < deadline:
        with database.read() as session:
            found, last = outdated.read(session, after=after, until=until, before=before, limit=LOOKED_AT)
            owed = outdated.owed(session, [seq for each in found for seq in each.seqs])
        ready = [each for each in found if owed.isdisjoint(each.seqs)]
        if waits_from is None and len(ready) < len(found):
            waits_from = next(each.seq for each in found if not owed.isdisjoint(each.seqs))
        erased, is_done = _erase(database, ready, before=before, now=now, stopping=stopping)
        count += erased
        if not is_done:
            break
        after = last
        with database.write() as session:
            outdated.note_place(session, after if waits_from is None else waits_from - 1)
    if count and database.dialect == "sqlite":
        erased_sqlite.empty_log(Path(str(database.url.database)))
    return count


def _erase(
    database: Database,
    found: Sequence[Outdated],
    *,
    before: datetime,
    now: Callable[[], datetime],
    stopping: threading.Event,
) -> tuple[int, bool]:
    """One action: the content of how many versions is gone, and whether that was all."""
    if not found:
        return 0, True
    seqs = outdated.ranges(seq for each in found for seq in each.seqs)
    with database.write() as session:
        intent = actions.intend(
            session,
            who=WHO,
            how=actions.BY_ITSELF,
            what=erasures.RETENTION,
            target=f"before {before.isoformat(timespec='seconds')}",
            arguments={"seqs": seqs},
            now=now(),
        )
    count = start = 0
    while start < len(found) and not stopping.is_set():
        part = found[start : start + AT_A_TIME]
        with database.write() as session:
            erased_sqlite.overwrite(session)
            for (source, resource), ids in _ended(part).items():
                erasures.empty(session, resource, source, ids, only_deleted=True)
            outbox.lock(
                session
            )  # else an answer that is being written down would stay: receivers quote what they refuse
            count += erasures.erase(session, [seq for each in part for seq in each.seqs])
        start += len(part)
    is_done = start >= len(found)
    with database.write() as session:
        outcome = f"done: versions erased: {count}" if is_done else f"failed: stopped, versions erased: {count}"
        actions.conclude(session, intent, outcome=outcome, now=now())
    return count, is_done


def _ended(part: Sequence[Outdated]) -> dict[tuple[str, str], list[Id]]:
    found: defaultdict[tuple[str, str], list[Id]] = defaultdict(list)
    for each in part:
        if each.ended is not None:
            source, resource, id_ = each.ended
            found[source, resource].append(id_)
    return found
