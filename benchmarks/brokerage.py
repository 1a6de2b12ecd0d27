"""The lists of a made-up broker: those of the built-in catalogue, with sizes and changes that a broker may have."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from benchmarks.virtual_source import Table
from changes.cadence import costs
from changes.cadence.costs import Size
from changes.resources import Class, Resource
from changes.schedules import Off, parse
from upstream import catalogue, heads

PAGE_SIZE = 100
#: Lists of each nested resource of set-up: it has so many parents.
PARENTS = 6
#: Rows of a list of set-up.
SET_UP_ROWS = 50


class Traffic(NamedTuple):
    """A large list."""

    rows: int
    created_per_hour: float
    others_per_hour: float  #: updates and deletions


TRAFFIC = {
    "clients": Traffic(50_000, 6, 60),
    "addresses": Traffic(50_000, 6, 3),
    "phones": Traffic(50_000, 6, 2),
    "verifications": Traffic(60_000, 8, 20),
    "documents": Traffic(100_000, 15, 15),
    "accounts": Traffic(80_000, 10, 150),
    "transactions": Traffic(500_000, 60, 60),
    "transaction_monitoring_results": Traffic(20_000, 3, 1),
    "bonuses": Traffic(10_000, 2, 2),
    "temporary_bonuses": Traffic(1_000, 0.3, 0.3),
    "withdrawal_templates": Traffic(5_000, 0.5, 0.2),
    "whitelisted_addresses": Traffic(5_000, 0.5, 0.2),
    "subscriptions": Traffic(50_000, 5, 5),
    "requests": Traffic(40_000, 10, 20),
    "request_notifications": Traffic(200, 0.1, 0.1),
    "sent_emails": Traffic(100_000, 80, 0),
    "blocked_clients": Traffic(500, 0.1, 0.1),
    "authorizations": Traffic(200_000, 200, 0),
    "key_values": Traffic(10_000, 5, 10),
    "system_logs": Traffic(100_000, 100, 0),
}


def assumed() -> list[str]:
    """The lists of which it is only assumed that their newest rows can be read first."""
    return [name for name, each in catalogue.load("backoffice").resources.items() if each.created_assumed]


def lists(*, refusing: Collection[str] = ()) -> tuple[Table, ...]:
    """All that the catalogue does not switch off; `refusing`: lists that refuse to be sorted, so have no head scans."""
    known = catalogue.load("backoffice")
    wanted = [each for each in known.resources.values() if parse(each.schedule) != Off()]
    quiet = (each for each in wanted if each.class_ is Class.SET_UP)
    places = {each.name: place for place, each in enumerate(quiet)}
    return tuple(
        _table(
            each,
            places.get(each.name),
            can_have_heads=heads.can_have_heads(known, each) and each.name not in refusing,
        )
        for each in wanted
    )


def _table(resource: Resource, place: int | None, *, can_have_heads: bool) -> Table:
    """`place`: among the lists of set-up, of which few change and most hardly ever do."""
    if place is None:
        rows, created, others = TRAFFIC[resource.name]
        count = 1
    else:
        count = PARENTS ** len(resource.ancestors)
        rows, created, others = SET_UP_ROWS * count, 0.2 / (1 + place % 20), 0.4 / (1 + place % 20)
    size = Size(rows, lists=count, is_paged=resource.paged)
    cost = costs.requests_per_scan(size, page_size=PAGE_SIZE)
    return Table(
        resource.name,
        resource.class_ or Class.SET_UP,
        cost,
        created,
        others,
        can_have_heads=can_have_heads,
        is_order_assumed=resource.created_assumed,
    )
