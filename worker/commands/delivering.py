"""What `deliver`, `deliveries` and `deliveries retry` do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from worker.commands import output, times
from worker.problems import UsageError, did_you_mean

if TYPE_CHECKING:
    from sqlmodel import Session

    from storage.tables import DeliveryRow
    from tasks.deliver import DeliverEnd
    from worker.commands.calling import Call
    from worker.settings import Settings

_STATES = ("due", "leased", "delivered", "dead", "skipped")
_ENDED = ("dead", "skipped", "delivered")
_BATCH = 1000
_COLOURS = {"delivered": "green", "dead": "red", "skipped": "yellow", "leased": "cyan", "due": ""}
#: Without --wait: all that is due now, however much that is.
_NO_END = timedelta(days=365)


def deliver(call: Call, *, wait: str | None, wants_json: bool) -> int:
    """Attempt what is due; 3 where something was given up in this call."""
    from storage import deliveries, outbox
    from tasks import deliver as step

    length = None if wait is None else timedelta(seconds=times.length(wait, option="--wait"))
    services = call.services(only_sources=())
    try:
        with services.database.read() as session:
            owed = sum(counts.due for counts in deliveries.counts(session).values())
        with output.progress(is_shown=not wants_json) as progress:
            bar = None if progress is None else progress.add_task("deliveries", total=owed)

            def show(so_far: DeliverEnd) -> None:
                if progress is not None and bar is not None:
                    ended = so_far.delivered + so_far.dead
                    progress.update(bar, completed=ended, total=max(owed, ended))

            until = services.now() + (_NO_END if length is None else length)
            end = step.deliver(services, until=until, wait=length is not None, on_progress=show)
        with services.database.read() as session:
            paused = outbox.paused(session) if end.due else {}
    finally:
        services.database.dispose()
    if wants_json:
        output.document({"attempted": end.attempted, "delivered": end.delivered, "due": end.due, "dead": end.dead})
    else:
        output.say(
            f"{end.attempted:,} attempted, {end.delivered:,} delivered, {end.due:,} still due, {end.dead:,} dead"
        )
        if end.dead:
            output.note(
                "`mirrorpoint deliveries --state dead` shows them, `mirrorpoint deliveries retry` tries them again"
            )
        for code, moment in sorted(paused.items()):
            output.note(f"{code} failed too often and is left alone until {output.moment(moment)}; see `points enable`")
    return 3 if end.dead else 0


def show(settings: Settings, *, point: str | None, states: Sequence[str], limit: int | None, wants_json: bool) -> None:
    """The oldest first, in batches so that their number does not matter."""
    from storage import deliveries
    from worker import bootstrap

    for state in states:
        _check_state(state, _STATES)
    database = bootstrap.open_database(settings)
    after, count = 0, 0
    try:
        while limit is None or count < limit:
            with database.read() as session:
                _check_point(session, point)
                rows = deliveries.read(
                    session,
                    point=point,
                    states=states or None,
                    after_id=after,
                    limit=_BATCH if limit is None else min(_BATCH, limit - count),
                )
            if not rows:
                break
            after, count = rows[-1].id or after, count + len(rows)
            if wants_json:
                for row in rows:
                    output.line(output.columns(row))
            else:
                _print(rows)
    finally:
        database.dispose()
    if count == 0 and not wants_json:
        output.note("no deliveries")


def retry(
    settings: Settings,
    *,
    ids: Sequence[int],
    point: str | None,
    state: str,
    since: str | None,
    until: str | None,
    wants_json: bool,
) -> None:
    """Due again; all of a state only when it was narrowed down or the state is dead."""
    from storage import deliveries
    from worker import bootstrap

    _check_state(state, _ENDED)
    now = times.now()
    first, last = _moment(since, "--from", now), _moment(until, "--until", now)
    if state == "delivered" and not ids and point is None:
        raise UsageError("that would send everything to everyone again", "name a --point, or the IDs")
    database = bootstrap.open_database(settings)
    try:
        with database.write() as session:
            _check_point(session, point)
            # Those that are named may have ended in whatever way.
            states = _ENDED if ids else (state,)
            again = deliveries.retry(
                session,
                now=now,
                ids=ids or None,
                points=[point] if point else None,
                states=states,
                since=first,
                until=last,
            )
    finally:
        database.dispose()
    if ids and not again:
        numbers = ", ".join(str(number) for number in ids)
        raise UsageError(f"no delivery {numbers} has ended", "`mirrorpoint deliveries` lists all with their numbers")
    if wants_json:
        output.document({"retried": again})
    else:
        output.say(f"{again:,} deliveries are due again")
        if again:
            output.note("`mirrorpoint run` sends them, or `mirrorpoint deliver` now")


def _print(rows: Sequence[DeliveryRow]) -> None:
    output.table(
        ("id", "point", "record", "state", "attempts", "last answer", "when"),
        (
            (
                str(row.id),
                row.point,
                row.record,
                (row.state, _COLOURS[row.state]),
                row.attempts,
                row.last_error or (str(row.last_status) if row.last_status is not None else None),
                f"due {output.moment(row.due_at)}" if row.due_at is not None else row.delivered_at or row.created_at,
            )
            for row in rows
        ),
        right=("id", "attempts"),
    )


def _check_state(state: str, known: Sequence[str]) -> None:
    if state not in known:
        raise UsageError(f'--state "{state}" is not possible here', did_you_mean(state, known))


def _check_point(session: Session, code: str | None) -> None:
    """A point that was removed still has its deliveries; one that never was is a typing error."""
    from storage import deliveries, points

    if code is None or points.find(session, code) is not None or deliveries.read(session, point=code, limit=1):
        return
    known = {point.code for point in points.list_all(session)}
    raise UsageError(f'there is no point "{code}"', did_you_mean(code, known))


def _moment(text: str | None, option: str, now: datetime) -> datetime | None:
    return None if text is None else times.moment(text, option=option, now=now)
