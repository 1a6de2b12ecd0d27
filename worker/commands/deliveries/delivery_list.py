"""What `deliveries` shows: a line for each, with what it is about."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from storage.states import DeliveryState
from worker import output
from worker.commands.points import point_choice
from worker.problems import UsageError, did_you_mean

if TYPE_CHECKING:
    from storage.deliveries import Delivery, Record
    from worker.settings import Settings

COLOURS: dict[str, str] = {
    DeliveryState.DUE: "",
    DeliveryState.LEASED: "cyan",
    DeliveryState.DELIVERED: "green",
    DeliveryState.DEAD: "red",
    DeliveryState.SKIPPED: "yellow",
}
_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for."""

    point: str | None
    states: Sequence[str]
    record: str | None
    kinds: Sequence[str]
    limit: int | None
    is_newest_first: bool = False
    before_id: int | None = None


def show(settings: Settings, wanted: Wanted, *, wants_json: bool) -> None:
    """The oldest first, or the newest, in batches so that their number does not matter."""
    from changes import events
    from changes.records import Kind
    from storage import deliveries
    from worker import bootstrap

    for state in wanted.states:
        check(state, [each.value for each in DeliveryState], option="--state")
    for kind in wanted.kinds:
        check(kind, [each.value for each in Kind], option="--kind")
    records = None if wanted.record is None else records_of(wanted.record, settings.sources)
    database = bootstrap.open_reading(settings)
    after, before, count, limit = 0, wanted.before_id, 0, wanted.limit
    try:
        while limit is None or count < limit:
            with database.read() as session:
                rows = deliveries.read_told(
                    session,
                    points=point_choice.codes(session, wanted.point),
                    states=wanted.states or None,
                    kinds=wanted.kinds or None,
                    records=records,
                    notice_record=wanted.record if events.is_of_notice(wanted.record or "") else None,
                    after_id=after,
                    before_id=before,
                    newest_first=wanted.is_newest_first,
                    limit=_BATCH if limit is None else min(_BATCH, limit - count),
                )
            if not rows:
                break
            last, count = rows[-1][0].id, count + len(rows)
            after, before = (after, last) if wanted.is_newest_first else (last, before)
            if wants_json:
                for row, kind_, version in rows:
                    output.line({**output.columns(row), "kind": kind_, "version": version})
            else:
                _print(rows)
    finally:
        database.dispose()
    if count == 0 and not wants_json:
        output.note("no deliveries")


def check(text: str, known: Sequence[str], *, option: str) -> None:
    """UsageError with the word that was probably meant."""
    if text not in known:
        raise UsageError(f'{option} "{text}" is not possible here', did_you_mean(text, known))


def records_of(text: str, sources: Collection[str]) -> list[Record]:
    """`products/42`, `backoffice/products/42`, `product_currencies/42/7`: all records that this may be."""
    from changes.records import Id
    from changes.resources import split_keys
    from storage.deliveries import Record

    found = []
    for source in sources:
        rest = text.removeprefix(f"{source}/")
        for subject in dict.fromkeys((text, rest)):
            resource, mark, path = subject.partition("/")
            if not (resource and mark and path):
                continue
            parent_key, _, key = path.rpartition("/")
            # Without its marks too: a key may be written as it is, and hold a `/`.
            ids = [Id(parent_key, "".join(split_keys(key))), Id(parent_key, key), Id("", path)]
            found += [Record(source, resource, id_) for id_ in dict.fromkeys(ids)]
    if not found:
        raise UsageError(f'--record "{text}" is no record', "write RESOURCE/KEY, such as products/42")
    return found


def _print(rows: Sequence[tuple[Delivery, str | None, int | None]]) -> None:
    output.table(
        ("id", "point", "record", "version", "kind", "state", "attempts", "last answer", "when"),
        (
            (
                str(row.id),
                row.point,
                row.record,
                version,
                kind if row.notice_id is None else "notice",
                (row.state, COLOURS[row.state]),
                row.attempts,
                row.last_error or (str(row.last_status) if row.last_status is not None else None),
                f"due {output.moment(row.due_at)}" if row.due_at is not None else row.delivered_at or row.created_at,
            )
            for row, kind, version in rows
        ),
        right=("id", "version", "attempts"),
        gives_way=("attempts", "kind", "version"),
        shortens=("last answer", "when", "record"),
    )
