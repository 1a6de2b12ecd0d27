"""What `status` says of the heads that are kept outside: what each place has, and since when one fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from changes import written
from worker import output
from worker.commands.status.trouble import Problem

if TYPE_CHECKING:
    from storage.session import Session
    from worker.settings import Settings


def read(session: Session, settings: Settings, *, now: datetime) -> list[dict[str, Any]]:
    """A row for each place and log, in the shape of `--json`; logs that are empty are left out."""
    from storage import kept, seals
    from storage.seals import Log
    from worker import record_policy

    late = now - 2 * timedelta(seconds=settings.record.keep_every)
    rows = []
    for target in dict.fromkeys(record_policy.kept_at(settings)):
        for log in Log:
            if not seals.read(session, log, limit=1):
                continue
            standing = kept.standing(session, target, log)
            since = kept.behind_since(session, log, standing)
            rows.append(
                {
                    "target": kept.shown(target),
                    "log": log.value,
                    "size": standing.size,
                    "kept_at": standing.kept_at,
                    "error": standing.error,
                    "failing_since": standing.failing_since,
                    "next_try_at": standing.next_try_at,
                    "is_late": since is not None and since < late,
                    "is_contradicted": kept.is_grave(standing.error),
                }
            )
    return rows


def problems(rows: Sequence[Mapping[str, Any]]) -> Iterator[Problem]:
    """What somebody should look at, once for each place: what is late, and at once what contradicts the record."""
    told = set[str]()
    for row in sorted(rows, key=lambda row: not row["is_contradicted"]):
        if row["target"] in told or not (row["is_contradicted"] or row["is_late"]):
            continue
        told.add(row["target"])
        where = f"record.keep[{row['target']}]"
        if row["is_contradicted"]:
            yield Problem("contradicted", where, row["error"], "`mirrorpoint verify` says whether the record is whole")
            continue
        last = f"since {output.moment(row['kept_at'])}" if row["kept_at"] else "there yet"
        why = f": {row['error']}" if row["error"] else ""
        yield Problem("not-kept", where, f"no head was kept {last}{why}", "`mirrorpoint check` tries each place")


def line(rows: Sequence[Mapping[str, Any]], *, now: datetime) -> str | None:
    """All of it in one line; None where nothing is to be kept."""
    if not rows:
        return None
    places = {row["target"] for row in rows}
    failing = {row["target"]: row["error"] for row in rows if row["error"]}
    kept = [row["kept_at"] for row in rows if row["kept_at"] is not None]
    last = f"the last {written.lasting((now - max(kept)).total_seconds())} ago" if kept else "none yet"
    of_all = f"{len(places) - len(failing)} of {len(places)}" if failing else f"{len(places)}"
    said = f"heads kept outside at {of_all} place{'s' * (len(places) != 1)}, {last}"
    if not failing:
        return said
    target, error = next(iter(failing.items()))
    more = f" (and {len(failing) - 1} more)" if len(failing) > 1 else ""
    return f"{said}; not at {target}{more}: {error}"
