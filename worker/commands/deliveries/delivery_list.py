"""What `deliveries` shows: a line for each, with what it is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from storage.states import DeliveryState
from worker import output
from worker.commands import record_names
from worker.commands.points import point_choice
from worker.problems import UsageError, did_you_mean

if TYPE_CHECKING:
    from storage.deliveries import Delivery, Record
    from storage.session import Session
    from worker.commands import selecting
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
    catalogues = None if wanted.record is None else bootstrap.load_catalogues(settings)
    database, records = bootstrap.open_reading(settings, catalogues=catalogues), None
    after, before, count, limit = 0, wanted.before_id, 0, wanted.limit
    try:
        if wanted.record is not None and catalogues is not None:
            with database.read() as session:
                records = _records(session, catalogues, wanted.record)
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


def _records(session: Session, catalogues: selecting.Catalogues, text: str) -> list[Record]:
    """The record that is meant; none where it is the name of notices."""
    from changes import events
    from changes.records import Id
    from storage.deliveries import Record

    if events.is_of_notice(text):
        _check_notice(session, catalogues, text)
        return []
    source, resource, row = record_names.find(session, catalogues, record_names.Named(text))
    return [Record(source, resource.name, Id(row["parent_key"], row["key"]))]


def _check_notice(session: Session, catalogues: selecting.Catalogues, text: str) -> None:
    """UsageError where no notice is about that, and none could be."""
    from changes import events
    from changes.resources import join_keys
    from storage import notices, points

    subjects = {f"points/{join_keys((point.code,))}" for point in points.list_all(session)}
    subjects |= {f"{source}/{name}" for source, each in catalogues.items() for name in each.resources}
    known = {events.notice_partition_key(subject) for subject in (*subjects, *notices.subjects(session))}
    if text not in known:
        raise UsageError(f'no notice is about "{text}"', did_you_mean(text, known))


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
