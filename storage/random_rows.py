"""Records drawn at random from the mirror, each as likely as any other; called by `verify --live`.

Only keys are read, and from the primary key's index alone: a draw costs no more than one walk through that.
"""

# ruff: noqa: S608  # names of tables are quoted; values are parameters
from __future__ import annotations

import random
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from changes.records import Id
from changes.resources import Resource
from storage import mirror, mirror_sql, reports, sql
from storage.reports import Named
from storage.session import Session


class Drawn(NamedTuple):
    """One record."""

    source: str
    resource: Resource
    id: Id


class Draw(NamedTuple):
    """What was drawn, from how many."""

    records: Sequence[Drawn]  #: by resource, in the order of `named`
    population: int  #: living records of all the resources


def draw(session: Session, named: Sequence[Named], number: int, *, rng: random.Random) -> Draw:
    """`number` different living records of the resources, or all where there are no more."""
    living = reports.row_counts(session, named)
    population = sum(living[source, resource.name] for source, resource in named)
    wanted = min(number, population)
    rows = [_rows(session, source, resource) for source, resource in named]
    ends = list(accumulate(rows))
    found: list[Drawn] = []
    used = set[int]()
    # Deleted records have rows too: a place with such a row is drawn and counts for nothing.
    while len(found) < wanted and len(used) < (ends[-1] if ends else 0):
        places = _places(rng, ends[-1], wanted - len(found), used)
        at = _at(session, named, ends, places)
        found += [at[place] for place in places if place in at][: wanted - len(found)]
    order = {(source, resource.name): number for number, (source, resource) in enumerate(named)}
    return Draw(sorted(found, key=lambda each: (order[each.source, each.resource.name], each.id)), population)


def _places(rng: random.Random, end: int, number: int, used: set[int]) -> list[int]:
    """So many numbers below the end that were not drawn before, in the order in which they came."""
    number = min(number, end - len(used))
    if end <= 2 * (len(used) + number):  # most of them: drawing again and again would take long
        left = [place for place in range(end) if place not in used]
        places = rng.sample(left, number)
    else:
        places = []
        while len(places) < number:
            place = rng.randrange(end)
            if place not in used:
                used.add(place)
                places.append(place)
    used.update(places)
    return places


def _at(session: Session, named: Sequence[Named], ends: Sequence[int], places: Sequence[int]) -> dict[int, Drawn]:
    """The living records at these places, counted through all resources."""
    ranks: defaultdict[int, list[int]] = defaultdict(list)
    for place in places:
        ranks[bisect_right(ends, place)].append(place)
    found = {}
    for number, its_places in ranks.items():
        source, resource = named[number]
        begin = ends[number - 1] if number else 0
        ids = _of_ranks(session, source, resource, sorted(place - begin for place in its_places))
        known = mirror.known(session, resource, source, list(ids.values()))
        for rank, id_ in ids.items():
            if id_ in known and known[id_].deleted_at is None:
                found[begin + rank] = Drawn(source, resource, id_)
    return found


def _of_ranks(session: Session, source: str, resource: Resource, ranks: Sequence[int]) -> dict[int, Id]:
    """The rows with these ranks in the order of the primary key, from each to the next; ascending."""
    dialect = session.dialect
    keys, mark = mirror_sql.texts_for(resource, dialect).keys, sql.mark(dialect)
    order = f" ORDER BY parent_key, key LIMIT 1 OFFSET {mark}"
    found: dict[int, Id] = {}
    last, before = -1, None
    for rank in ranks:
        beyond, start = ("", ()) if before is None else (f" AND (parent_key, key) > ({mark}, {mark})", before)
        rows = sql.fetch(session, keys + beyond + order, (source, *start, rank - last - 1))
        if not rows:  # somebody has taken rows away meanwhile
            break
        last, before = rank, Id(*rows[0])
        found[rank] = before
    return found


def _rows(session: Session, source: str, resource: Resource) -> int:
    """Deleted ones too."""
    dialect = session.dialect
    table, mark = mirror_sql.quoted(resource.name, dialect), sql.mark(dialect)
    return int(sql.value(session, f"SELECT count(*) FROM {table} WHERE source = {mark}", (source,)))
