"""By which rules the rows of one list's table were written: those of its catalogue, and the former ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from changes import fingerprint
from changes.records import Json
from changes.resources import Resource
from storage import former_rules
from storage.session import Session

if TYPE_CHECKING:
    from storage.from_log import Stamps
    from tasks.mirror_checks.compared import Table

#: Up to the next scan.
EVER = 2**63


def of_list(session: Session, source: str, resource: Resource, *, seal: Callable[[Json], Json]) -> Table:
    """The table of a list that a scan is reading: its rule is on record, and it has the columns of its catalogue."""
    from tasks.mirror_checks.compared import Table  # a start that makes no table anew does not need it

    at = (source, resource.name)
    told = former_rules.noted(session, only=at).get(at, ())
    ended = [(each.resource, each.last_seq) for each in former_rules.ended(told, resource)]
    last = former_rules.as_it_was(resource, told[-1].rule) if told else None
    return Table(
        *(source, resource, session.dialect),
        former=former(ended, last, resource),
        is_rule_known=bool(told),
        key_mark=fingerprint.key_mark(seal),
        former_keys_until=former_rules.last_of_former_keys(session),
    )


def stamps(seal: Callable[[Json], Json]) -> Stamps:
    """The fingerprints of rows that are made again from the log."""
    return lambda session, source, resource: of_list(session, source, resource, seal=seal).stamp


def former(
    ended: Sequence[tuple[Resource, int]], last: Resource | None, resource: Resource
) -> Sequence[tuple[Resource, int]]:
    """The rules that are not those of the catalogue, and the last change that they may have made.

    `ended`: those that have ended. `last`: the one that was begun last; None: no such is known.
    """
    if last is None or former_rules.of(last) == former_rules.of(resource):
        return ended
    return [*ended, (last, EVER)]
