"""What `deliver` does: attempts what is due, and says what waits and why."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from worker import output
from worker.commands import times

if TYPE_CHECKING:
    from storage.session import Session
    from tasks.delivery.deliver import DeliverEnd
    from worker.commands.calling import Call

#: Without --wait: all that is due now, however much that is.
_NO_END = timedelta(days=365)


def deliver(call: Call, *, wait: str | None, wants_json: bool) -> int:
    """Attempt what is due; 3 where something was given up in this call, or is still owed after it."""
    from storage import deliveries
    from tasks.delivery import deliver as step

    length = None if wait is None else timedelta(seconds=times.length(wait, option="--wait"))
    services = call.services(only_sources=())
    try:
        with services.database.read() as session:
            owed = sum(counts.due for counts in deliveries.counts(session).values())
        with output.progress(is_shown=not wants_json) as progress, _stops(services.stopping):
            bar = None if progress is None else progress.add_task("deliveries", total=owed)

            def show(so_far: DeliverEnd) -> None:
                if progress is not None and bar is not None:
                    ended = so_far.delivered + so_far.dead
                    progress.update(bar, completed=ended, total=max(owed, ended))

            until = services.now() + (_NO_END if length is None else length)
            end = step.deliver(services, until=until, wait=length is not None, on_progress=show)
        if services.stopping.is_set():
            raise KeyboardInterrupt
        with services.database.read() as session:
            waiting = _waiting(session) if end.due else []
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
            "`mirrorpoint deliveries --state dead` shows them, `mirrorpoint deliveries retry --state dead --all` tries "
            "them again"
        )
    for text in waiting:
        output.note(text)
    return 3 if end.dead or end.due else 0


@contextmanager
def _stops(stopping: threading.Event) -> Iterator[None]:
    """Ctrl-C lets the receivers have what is under way; a second one does not."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        if stopping.is_set():
            raise KeyboardInterrupt
        stopping.set()
        output.note("stopping when the receivers have answered; Ctrl-C again stops at once")

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _waiting(session: Session) -> list[str]:
    """A line for each point that is owed something: what it waits for, and until when."""
    from storage import deliveries, outbox, point_backoff

    counts, due = deliveries.counts(session), outbox.waiting(session)
    rests, now = point_backoff.read(session), times.now()
    lines = []
    for code, count in counts.items():
        number = f"{count.due:,} {'is' if count.due == 1 else 'are'} owed to {code}"
        if not count.due:
            continue
        if code in rests.by_hand:
            lines.append(f"{number}, which is paused by hand: `mirrorpoint points resume {code}`")
        elif rests.until.get(code, now) > now:
            lines.append(
                f"{number}, which fails and is left alone until {output.moment(rests.until[code])}: "
                f"`mirrorpoint points enable {code}` has it tried now"
            )
        elif code in due and due[code] > now:
            lines.append(
                f"{number}; the next attempt is at {output.moment(due[code])}: "
                f"`mirrorpoint deliveries retry --point {code}` makes them due now"
            )
        elif code in due:
            lines.append(f"{number} and due")
        else:
            lines.append(f"{number} and under way in another process")
    return lines
