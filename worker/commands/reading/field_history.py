"""What `history --field` prints: the values of one field, between which looks each came, and who was told of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from worker import output
from worker.commands.reading import differences, field_names

if TYPE_CHECKING:
    from changes.field_values import FieldValue
    from changes.records import Id
    from changes.resources import Resource
    from storage.session import Session
    from storage.told import Told

    Line = tuple[FieldValue, Sequence[Told]]

#: Values of which it is asked at a time who was told.
_AT_A_TIME = 500
#: Versions in which a field is looked for that was probably meant.
_LOOKED_AT = 20


def show(session: Session, source: str, resource: Resource, id_: Id, field: str, *, wants_json: bool) -> None:
    """JSON Lines as they are found, or a table."""
    found = _read(session, source, resource, id_, field)
    if wants_json:
        for line in found:
            output.line(_json(*line))
    else:
        output.table(
            ("version", "value", "look before", "seen", "told"),
            (
                (
                    value.version.number,
                    differences.short(value.value),
                    value.version.observed_after,
                    value.version.observed_at,
                    "\n".join(map(_told, told)),
                )
                for value, told in found
            ),
            right=("version",),
            gives_way=("look before",),
            shortens=("told", "value"),
        )
    note = _note(session, source, resource, id_, field)
    if note:
        output.note(note)


def _read(session: Session, source: str, resource: Resource, id_: Id, field: str) -> Iterator[Line]:
    """UsageError where the record never had the field."""
    from changes import field_values
    from changes.versions import ABSENT
    from storage import told, versions

    values = field_values.of(versions.of_record(session, source, resource.name, id_), field)
    start = list(islice(values, 2))
    if [each.value for each in start] == [ABSENT]:
        some = islice(versions.of_record(session, source, resource.name, id_), _LOOKED_AT)
        raise field_names.unknown(field, f'no version of {resource.name} "{id_.key}"', [each.content for each in some])
    every = chain(start, values)
    while portion := list(islice(every, _AT_A_TIME)):
        told_of = told.of_changes(session, [each.version.seq for each in portion])
        yield from ((each, told_of.get(each.version.seq, ())) for each in portion)


def _json(value: FieldValue, told: Sequence[Told]) -> dict[str, Any]:
    version = value.version
    return {
        **differences.member("value", value.value),
        "version": version.number,
        "kind": version.kind,
        "observed_after": version.observed_after,
        "observed_at": version.observed_at,
        "told": [each._asdict() for each in told],
    }


def _told(told: Told) -> str:
    """`AUDIT delivered 2026-11-22 12:00:01Z (204)`; of what was sent again also when it arrived first."""
    at = f" {output.moment(told.at)}" if told.at is not None else ""
    status = f" ({told.status})" if told.status is not None else ""
    first = f", first {output.moment(told.first_at)}" if told.first_at is not None else ""
    return f"{told.point} {told.state}{at}{status}{first}"


def _note(session: Session, source: str, resource: Resource, id_: Id, field: str) -> str:
    from storage import mirror

    rows = mirror.stored(session, resource, source, [id_])
    if any(field_names.is_volatile(resource, row.document, field) for row in rows.values()):
        return f"{field} is volatile: only those values are kept that it had when something else changed"
    return ""
