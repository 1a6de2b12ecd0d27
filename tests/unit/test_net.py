"""What a record came to between two moments, as far as looks can say; and the values that one field of it had."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changes import diff, field_values, fields, moments, net, versions
from changes.fields import Field
from changes.moments import At
from changes.net import Difference
from changes.records import Json, Kind
from changes.versions import ABSENT, ERASED, Version
from tests.unit.json_values import documents, fixed, resource, values

THINGS = resource("things")
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def version(number: int, document: Json, *, seen: float, after: float | None = None, **more: Any) -> Version:
    """Of the kind that a scan would give it, as far as the document says."""
    kind = Kind.DELETED if document is None else Kind.UPDATED if number > 1 else Kind.CREATED
    given: dict[str, Any] = {"kind": kind, "document": document, **more}
    return Version(number, number, observed_after=None if after is None else at(after), observed_at=at(seen), **given)


def history(every: list[Json]) -> list[Version]:
    """Version n was seen at minute 10 n, and the one before it at minute 10 n - 5; None: it was deleted."""
    made: list[Version] = []
    for number, document in enumerate(every, 1):
        one = version(number, document, seen=10 * number, after=10 * number - 5)
        if made and not made[-1].is_living and document is not None:
            one = version(number, document, seen=10 * number, after=10 * number - 5, kind=Kind.RESTORED)
        made.append(one)
    return made


def stood(every: list[Version], minutes: float) -> At:
    seen = [each for each in every if each.observed_at <= at(minutes)]
    later = every[len(seen) :]
    return moments.stood(at(minutes), seen=seen[-1] if seen else None, following=later[0] if later else None)


def _without_repeated_ends(life: list[Json]) -> list[Json]:
    return [life[0], *(each for before, each in pairwise(life) if each is not None or before is not None)]


def came_to(every: list[Version], start: float, end: float, field: str | None = None) -> net.Net:
    between = [each for each in every if at(start) < each.observed_at <= at(end)]
    first = between[0] if between else None
    return net.of_record(THINGS, start=stood(every, start), end=stood(every, end), first=first, field=field)


#: Small ones that are often equal: how two documents differ is the matter of test_diff.py.
_numbers = st.integers(0, 2)
small = st.dictionaries(st.sampled_from("ab"), _numbers | st.dictionaries(st.sampled_from("cd"), _numbers))
#: A life of a record: it is there first, and never deleted twice in a row.
lives = st.tuples(small, st.lists(st.none() | small, max_size=5)).map(
    lambda parts: _without_repeated_ends([parts[0], *parts[1]])
)
#: Minutes at which all is certain: looks, and what lies between a look and the next change's look before.
certain = st.sampled_from([0, 5, 10, 12, 15, 20, 25, 30, 33, 40, 45, 50, 60, 65, 90])


@fixed
@given(lives, certain, certain)
def test_the_net_difference_equals_comparing_the_states_at_the_two_moments(life: list[Json], a: int, b: int) -> None:
    start, end = sorted((a, b))
    every = history(life)
    old, new = (
        None if s.seen is None or not s.seen.is_living else s.seen.document
        for s in (stood(every, start), stood(every, end))
    )

    found = came_to(every, start, end)

    assert not found.is_uncertain
    if old is None and new is None:
        assert found.seen is None
    elif old is None or new is None:
        assert found.seen is not None
        assert found.seen.kind in ({Kind.DELETED} if new is None else {Kind.CREATED, Kind.RESTORED})
    else:
        changed, previous = diff.differences(old, new)
        told = () if found.seen is None else found.seen.fields
        assert tuple(each.pointer for each in told) == changed
        assert {each.pointer: each.old for each in told if each.old is not ABSENT} == previous
        assert all(each.new == versions.value(new, each.pointer) for each in told)


@fixed
@given(lives, st.integers(0, 70), st.integers(0, 70))
def test_what_is_uncertain_is_one_of_what_may_be(life: list[Json], a: int, b: int) -> None:
    """Wherever in its interval each change really came, the difference between the two moments is among those told."""
    start, end = sorted((a, b))
    every = history(life)
    told = came_to(every, start, end)
    for share in (0.01, 0.3, 0.5, 0.9, 1.0):
        came = [10 * each.number - 5 + 5 * share for each in every]
        then = [
            next((each for each, minute in reversed(list(zip(every, came, strict=True))) if minute <= moment), None)
            for moment in (start, end)
        ]
        assert net.between(THINGS, *then) in (told.seen, *told.others)


def test_a_moment_inside_an_interval_leaves_two_possibilities_and_its_ends_one() -> None:
    every = history([{"a": 1}, {"a": 2}])
    assert [stood(every, minutes).is_certain for minutes in (15, 15.1, 19.9, 20)] == [True, False, False, True]
    assert stood(every, 17).possible == (every[0], every[1])
    assert stood(every, 7).possible == (None, every[0])


def test_what_was_seen_of_the_version_before_bounds_the_interval() -> None:
    """A look that is told of may be the start of a scan, and the record have been seen in the middle of it."""
    before, later = version(1, {"a": 1}, seen=10, after=0), version(2, {"a": 2}, seen=20, after=5)
    assert moments.stood(at(10), seen=before, following=later).is_certain
    assert not moments.stood(at(11), seen=before, following=later).is_certain
    assert moments.came_after(later, before) == at(10)


def test_one_change_is_not_taken_for_two() -> None:
    """It came before both moments, between them, or behind both: it cannot have been undone."""
    found = came_to(history([{"a": 1}, {"a": 2}]), 16, 18)
    assert (found.seen, [each and each.fields for each in found.others]) == (None, [(Field("/a", 1, 2),)])
    assert found.told == found.others[0]


def test_a_first_sight_is_no_difference_and_what_came_after_it_is() -> None:
    seen = version(1, {"a": 1}, seen=10, kind=Kind.SNAPSHOT)
    later = version(2, {"a": 2}, seen=20, after=15)
    assert came_to([seen], 0, 15) == net.Net(None, (), is_first_seen=True)
    found = came_to([seen, later], 0, 30)
    assert (found.is_first_seen, found.seen) == (True, Difference(Kind.UPDATED, (Field("/a", 1, 2),)))
    gone = version(2, None, seen=20, after=15)
    assert came_to([seen, gone], 0, 30).seen == Difference(Kind.DELETED, (Field("", {"a": 1}, ABSENT),))
    assert not came_to([seen, later], 10, 30).is_first_seen


def test_a_resource_that_began_anew_is_compared_with_what_it_was_before() -> None:
    before = version(1, {"a": 1}, seen=10, after=5)
    retired = version(2, None, seen=20, after=15, is_retired=True)
    anew = version(3, {"a": 1}, seen=30, kind=Kind.SNAPSHOT)
    every = [before, retired, anew]
    assert came_to(every, 12, 35) == net.Net(None)
    assert came_to(every, 22, 35) == net.Net(None, (), is_first_seen=True)
    assert came_to(every, 12, 25).seen == Difference(Kind.DELETED, (Field("", {"a": 1}, ABSENT),), is_retired=True)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (ERASED, {"a": 1}, [Field("", ERASED, {"a": 1})]),
        ({"a": 1}, ERASED, [Field("", {"a": 1}, ERASED)]),
        (ERASED, ERASED, [Field("", ERASED, ERASED)]),
    ],
)
def test_what_was_erased_is_told_and_never_taken_for_a_value(old: Any, new: Any, expected: list[Field]) -> None:
    made = [
        version(n, None if doc is ERASED else doc, seen=10 * n, kind=Kind.UPDATED)
        for n, doc in enumerate((old, new), 1)
    ]
    found = net.between(THINGS, *made)
    assert found is not None
    assert list(found.fields) == expected
    below = net.between(THINGS, *made, field="/a")
    assert below is not None
    assert [each.pointer for each in below.fields] == ["/a"]


@fixed
@given(documents, documents, st.data())
def test_a_field_is_told_where_its_value_differs_and_nowhere_else(old: Json, new: Json, data: st.DataObject) -> None:
    every = sorted({*fields.names(old), *fields.names(new), "/nothing"})
    pointer = data.draw(st.sampled_from(every))
    found = net.between(THINGS, version(1, old, seen=10), version(2, new, seen=20), field=pointer)
    before, after = versions.value(old, pointer), versions.value(new, pointer)

    assert (found is None) == fields.are_same(before, after)
    if found is not None:
        assert all(fields.is_at_or_below(each.pointer, pointer) for each in found.fields)


@fixed
@given(lives)
def test_the_values_of_a_field_are_those_of_the_versions_without_repetition(life: list[Json]) -> None:
    every = history(life)
    pointer = next(iter(fields.names(life[0])), "/id")
    found = list(field_values.of(every, pointer))
    at_each = [[one.value for one in found if one.version.number <= each.number][-1] for each in every]
    assert all(
        fields.are_same(value, versions.value(each.content, pointer))
        for value, each in zip(at_each, every, strict=True)
    )
    assert all(not fields.are_same(a.value, b.value) for a, b in pairwise(found))


def test_an_erased_version_counts_where_it_changed_the_field() -> None:
    every = [
        version(1, {"a": 1, "b": 1}, seen=10),
        version(2, None, seen=20, kind=Kind.UPDATED, changed=("/b",)),
        version(3, None, seen=30, kind=Kind.UPDATED, changed=("/a",)),
        version(4, None, seen=40, kind=Kind.UPDATED, changed=("/b",)),
        version(5, {"a": 3, "b": 1}, seen=50, changed=("/b",)),
    ]
    found = [(each.value, each.version.number) for each in field_values.of(every, "/a")]
    assert found == [(1, 1), (ERASED, 3), (3, 5)]


@pytest.mark.parametrize("value", [None, 0, False, "", "absent", "erased"])
def test_what_is_missing_is_equal_to_no_value(value: Json) -> None:
    assert not fields.are_same(value, ABSENT)
    assert not fields.are_same(value, ERASED)
    assert not fields.are_same(ERASED, ERASED)
    assert fields.are_same(ABSENT, ABSENT)


@fixed
@given(values)
def test_a_value_is_found_where_the_names_of_the_fields_lead(value: Json) -> None:
    for name in fields.names({"top": value}):
        assert versions.value({"top": value}, name) is not ABSENT


def test_a_deletion_has_the_last_document_unless_it_is_erased() -> None:
    gone = version(2, None, seen=20, previous={"": {"a": 1}}, changed=("",))
    assert (gone.content, gone.last_content, gone.old("")) == (ABSENT, {"a": 1}, {"a": 1})
    erased = version(2, None, seen=20, changed=("",))
    assert (erased.content, erased.last_content, erased.old("")) == (ABSENT, ERASED, ERASED)
    assert list(fields.changed_in(erased)) == [Field("", ERASED, ABSENT)]
