"""What `deliveries show` tells of one delivery: what is sent, each attempt, and what the receiver said to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from storage.states import DeliveryState, PointState
from worker import output
from worker.commands.deliveries.delivery_list import COLOURS
from worker.problems import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from storage.deliveries import Attempt, Delivery
    from storage.points import Point
    from worker.settings import Settings

#: In place of a value that nobody is shown.
HIDDEN = "(hidden)"


def show(settings: Settings, number: int, *, wants_json: bool) -> None:
    """Secrets are left out; the signature is another one at each attempt."""
    from storage import deliveries, points
    from tasks.delivery import sent_events
    from worker import bootstrap

    database = bootstrap.open_reading(settings)
    try:
        with database.read() as session:
            row = deliveries.find(session, number)
            if row is None:
                raise UsageError(f"there is no delivery {number}", "`mirrorpoint deliveries` lists all of them")
            told = sent_events.read(session, [row])
            event, is_erased = told.event(row), told.is_erased(row)
            logged = told.changes.get(row.change_seq or 0)
            tries = deliveries.attempts(session, number)
            point = points.find(session, row.point)
    finally:
        database.dispose()
    headers = None if event is None else _headers(settings, point, row.point, event["id"])
    if wants_json:
        shown = {
            **output.columns(row),
            "kind": None if logged is None else logged.change.kind.value,
            "version": None if logged is None else logged.change.version,
            "headers": headers,
            "event": event,
            "tries": [output.columns(each) for each in tries],
        }
        output.document(shown)
    else:
        _print(row, point, headers, event, tries)
        if is_erased:
            output.say("the content of its change was erased; nothing is sent any more", style="yellow")


def _headers(settings: Settings, point: Point | None, code: str, event_id: str) -> dict[str, str]:
    """As they would be sent now."""
    from storage import point_options
    from webhooks import sender
    from worker import bootstrap

    vault = bootstrap.open_vault(settings)
    options = point_options.read(point.options, point.sealed_options, vault=vault) if point else point_options.Options()
    headers = {
        "Content-Type": options.content_type or sender.CONTENT_TYPE,
        "webhook-id": event_id,
        "Mirrorpoint-Point": code,
    }
    if (point is not None and point.secret) or settings.delivery.secret is not None:
        headers["webhook-signature"] = HIDDEN
    if point is not None and point.token:
        headers["Authorization"] = HIDDEN
    return {**headers, **dict.fromkeys(options.headers, HIDDEN)}


def _print(
    row: Delivery,
    point: Point | None,
    headers: dict[str, str] | None,
    event: dict[str, Any] | None,
    tries: Sequence[Attempt],
) -> None:
    output.say(f"delivery {row.id} of {row.record}{_what(row, event)} to {row.point}")
    state = row.state
    if row.state == DeliveryState.DUE:
        state += (
            f" at {output.moment(row.due_at)}"
            if row.due_at
            else ", behind an earlier event of the record that goes first"
        )
    if row.delivered_at is not None:
        state += f" at {output.moment(row.delivered_at)}"
    output.say(f"state: {state}", style=COLOURS[row.state])
    output.say(f"owed since: {output.moment(row.created_at)}")
    if row.last_error:
        output.say(f"last: {row.last_error}")
    if point is None or point.state != PointState.ACTIVE:
        output.say(f"nobody receives under the code {row.point} now")
    elif point.paused_at is not None:
        output.say(f"the point has been paused by hand since {output.moment(point.paused_at)}")
    output.say("")
    if tries:
        output.table(
            ("attempted", "took", "status", "error"),
            ((each.attempted_at, f"{each.duration_ms:,} ms", each.status, each.error) for each in tries),
            right=("took", "status"),
        )
        answers = [each for each in tries if each.answer]
        if answers:
            last = answers[-1]
            output.say(f"\nthe receiver said at {output.moment(last.attempted_at)}:\n{last.answer}")
    else:
        output.say("not attempted yet, or what came of it is no longer kept")
    output.say("")
    if event is None or headers is None:
        output.say("what it tells of is not in the database any more")
        return
    for name, value in headers.items():
        output.say(f"{name}: {value}")
    output.say("")
    output.pretty(event)


def _what(row: Delivery, event: dict[str, Any] | None) -> str:
    if event is None:
        return ""
    if row.notice_id is not None:
        return f" ({event['type']}, a notice)"
    told_as_new = ", told as new" if row.event_id is not None else ""
    return f" version {event['data']['version']} ({event['data']['kind']}{told_as_new})"
