"""What differs between two documents, and which change a record that was seen makes."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changes import diff, fingerprint, pointers, sealing
from changes.records import Change, Id, Json, Kind, Known, Record, Stored
from changes.resources import Resource
from tests.unit.json_values import NOW, THEN, documents, fixed, resource, shuffled, values

EARLIER = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("before", "after", "changed", "previous"),
    [
        ({"a": 1}, {"a": 1}, (), {}),
        ({"a": 1}, {"a": 1.0}, (), {}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, (), {}),
        ({"a": 1}, {"a": 2}, ("/a",), {"/a": 1}),
        ({"a": 1}, {"a": "1"}, ("/a",), {"/a": 1}),
        ({"a": 1}, {"a": True}, ("/a",), {"/a": 1}),
        ({"a": False}, {"a": 0}, ("/a",), {"/a": False}),
        ({"a": None}, {}, ("/a",), {"/a": None}),
        ({}, {"a": None}, ("/a",), {}),
        ({"a": {}}, {}, ("/a",), {"/a": {}}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 2, "c": 2}}, ("/a/b",), {"/a/b": 1}),
        ({"a": {"b": 1}}, {"a": {"c": 1}}, ("/a/b", "/a/c"), {"/a/b": 1}),
        ({"a": {"b": 1}}, {"a": [1]}, ("/a",), {"/a": {"b": 1}}),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, ("/a",), {"/a": [1, {"b": 2}]}),
        ({"a": [1, {"b": 2}]}, {"a": [1.0, {"b": 2.0}]}, (), {}),
        ({"a": [1]}, {"a": [True]}, ("/a",), {"/a": [1]}),
        ({"a": [1, 2]}, {"a": [2, 1]}, ("/a",), {"/a": [1, 2]}),
        ({"a": 2**64}, {"a": 2**64 + 1}, ("/a",), {"/a": 2**64}),
        ({"b": 1, "a": 1, "B": 1}, {}, ("/B", "/a", "/b"), {"/B": 1, "/a": 1, "/b": 1}),
        ({"a/b": 1, "m~n": 1, "": 1}, {}, ("/", "/a~1b", "/m~0n"), {"/": 1, "/a~1b": 1, "/m~0n": 1}),
        ("a", "a", (), {}),
        ("a", "b", ("",), {"": "a"}),
        ({"a": 1}, [1], ("",), {"": {"a": 1}}),
        ([1], [1, 2], ("",), {"": [1]}),
        (1, True, ("",), {"": 1}),
    ],
)
def test_differences_name_each_field_and_its_old_value(
    before: Json, after: Json, changed: tuple[str, ...], previous: dict[str, Json]
) -> None:
    assert diff.differences(before, after) == (changed, previous)


def put(document: Json, pointer: str, value: Json) -> Json:
    """The document with a value at the pointer, which need not be there yet."""
    if not pointer:
        return value
    step, *rest = pointers.split(pointer)
    below = "".join("/" + pointers.escape(name) for name in rest)
    return {**document, step: put(document.get(step), below, value) if rest else value}


def without(document: Json, pointer: str) -> Json:
    step, *rest = pointers.split(pointer)
    if not rest:
        return {name: member for name, member in document.items() if name != step}
    return {**document, step: without(document[step], "".join("/" + pointers.escape(name) for name in rest))}


@fixed
@given(before=values, after=values)
def test_the_old_values_and_the_vanished_fields_lead_from_the_new_document_back_to_the_old(
    before: Any, after: Any
) -> None:
    changed, previous = diff.differences(before, after)
    document = after
    for pointer in changed:
        if pointer in previous:
            document = put(document, pointer, previous[pointer])
        else:
            document = without(document, pointer)
    assert fingerprint.canonical(document) == fingerprint.canonical(before)


@fixed
@given(before=values, after=values)
def test_there_are_differences_exactly_where_the_canonical_forms_differ(before: Any, after: Any) -> None:
    changed, previous = diff.differences(before, after)
    assert bool(changed) is (fingerprint.canonical(before) != fingerprint.canonical(after))
    assert list(changed) == sorted(set(changed))
    assert previous.keys() <= set(changed)


@fixed
@given(before=documents, after=documents, seed=st.integers(0, 2**32))
def test_volatile_fields_make_differences_and_fingerprints_agree(before: Any, after: Any, seed: int) -> None:
    volatile = resource(volatile=("/name", "/*/id", "/0/*"))
    after = shuffled({**before, **after}, random.Random(seed))
    changed, _ = diff.differences(before, after, volatile=volatile.volatile)
    marks = [fingerprint.fingerprint(volatile, document) for document in (before, after)]
    assert (not changed) is fingerprint.same_meaning(*marks)


def test_volatile_fields_are_left_out() -> None:
    before = {"id": 1, "statement": {"equity": 1, "currency": "USD"}, "rows": [{"n": 1, "seen": 1}]}
    after = {"id": 1, "statement": {"equity": 2, "currency": "EUR"}, "rows": [{"n": 1, "seen": 2}], "seen": 3}
    volatile = ("/statement/equity", "/rows/*/seen", "/seen")
    assert diff.differences(before, after, volatile=volatile) == (
        ("/statement/currency",),
        {"/statement/currency": "USD"},
    )


def test_a_field_that_vanishes_is_told_with_its_volatile_parts() -> None:
    before = {"statement": {"equity": 1, "currency": "USD"}}
    assert diff.differences(before, {}, volatile=("/statement/equity",))[1] == {"/statement": before["statement"]}


def mark(of: Resource, document: Json) -> str:
    return fingerprint.fingerprint(of, document)


def seen(
    document: Json, *, before: Json = None, of: Resource | None = None, was: Resource | None = None, **parts: Any
) -> Change | None:
    """What a scan makes of a document where the mirror holds `before`, stored when the resource was like `was`."""
    of = of or resource()
    identity = Id("", "42")
    known, stored = None, None
    if before is not None:
        old_mark, deleted_at = mark(was or of, before), parts.pop("deleted_at", None)
        known = Known(version=4, fingerprint=old_mark, deleted_at=deleted_at)
        stored = Stored(identity, 4, old_mark, before, EARLIER, EARLIER, deleted_at)
    return diff.compare(
        of,
        source="backoffice",
        known=known,
        stored=stored,
        record=Record(identity, mark(of, document), fingerprint.canonical(document)),
        document=document,
        is_first=parts.pop("is_first", False),
        observed_after=THEN,
        observed_at=NOW,
        scan_id="scan-1",
    )


def told(found: Change | None) -> tuple[Any, ...]:
    assert found is not None
    return found.kind, found.version, found.changed, dict(found.previous), found.document


def test_first_sight_is_a_snapshot_that_nothing_was_known_before() -> None:
    found = seen({"id": 42}, is_first=True)
    assert told(found) == (Kind.SNAPSHOT, 1, ("",), {}, {"id": 42})
    assert found is not None
    assert (found.observed_after, found.observed_at, found.scan_id) == (None, NOW, "scan-1")


def test_a_record_that_appears_later_is_created() -> None:
    found = seen({"id": 42})
    assert told(found) == (Kind.CREATED, 1, ("",), {}, {"id": 42})
    assert found is not None
    assert (found.source, found.resource, found.id) == ("backoffice", "products", Id("", "42"))
    assert (found.observed_after, found.observed_at) == (THEN, NOW)


def test_what_is_as_it_was_makes_no_change() -> None:
    assert seen({"a": 1, "b": 2}, before={"b": 2.0, "a": 1}) is None


def test_a_difference_is_an_update_with_the_next_version() -> None:
    found = seen({"id": 42, "status": "off"}, before={"id": 42, "status": "on"})
    assert told(found) == (Kind.UPDATED, 5, ("/status",), {"/status": "on"}, {"id": 42, "status": "off"})


def test_a_difference_in_volatile_fields_alone_makes_no_change() -> None:
    accounts = resource("accounts", volatile=("/statement",))
    assert seen({"id": 1, "statement": 2}, before={"id": 1, "statement": 1}, of=accounts) is None


def test_a_record_that_returns_is_restored_against_the_last_document_known() -> None:
    same = seen({"id": 42}, before={"id": 42}, deleted_at=THEN)
    other = seen({"id": 42, "a": 2}, before={"id": 42, "a": 1}, deleted_at=THEN)
    assert told(same) == (Kind.RESTORED, 5, (), {}, {"id": 42})
    assert told(other) == (Kind.RESTORED, 5, ("/a",), {"/a": 1}, {"id": 42, "a": 2})


def test_a_record_of_a_resource_that_has_begun_anew_is_a_snapshot_with_the_next_version() -> None:
    found = seen({"id": 42, "a": 2}, before={"id": 42, "a": 1}, deleted_at=THEN, is_first=True)
    assert told(found) == (Kind.SNAPSHOT, 5, ("",), {}, {"id": 42, "a": 2})


def test_another_rule_takes_a_new_base_line_without_a_change() -> None:
    was, now = resource(), resource(volatile=("/seen",))
    assert seen({"id": 1, "seen": 2}, before={"id": 1, "seen": 1}, was=was, of=now) is None


def test_a_real_difference_is_seen_across_a_change_of_the_rule() -> None:
    was, now = resource(), resource(volatile=("/seen",))
    found = seen({"id": 2, "seen": 2}, before={"id": 1, "seen": 1}, was=was, of=now)
    assert told(found)[:4] == (Kind.UPDATED, 5, ("/id",), {"/id": 1})


def test_a_member_that_becomes_a_secret_is_no_change_and_never_told_in_clear() -> None:
    vault = sealing.Vault(bytes(32))
    was, now = resource(), resource(secrets=("/options/*", "/rows/*/token"))
    before = {"id": 1, "options": {"password": "clear"}, "rows": [{"token": "clear", "n": 1}]}
    after = {"id": 1, "options": {"password": vault.seal("clear")}, "rows": [{"token": vault.seal("clear"), "n": 1}]}
    assert seen(after, before=before, was=was, of=now) is None
    assert (
        seen({"id": 1, "options": vault.seal("clear")}, before={"id": 1, "options": "clear"}, was=was, of=now) is None
    )
    found = seen({"id": 2}, before=before, was=was, of=now)
    assert told(found)[2] == ("/id", "/options", "/rows")
    assert "clear" not in repr(found)


def test_a_member_that_is_no_secret_any_more_is_no_change() -> None:
    vault = sealing.Vault(bytes(32))
    was, now = resource(secrets=("/caption",)), resource()
    assert seen({"caption": "clear"}, before={"caption": vault.seal("clear")}, was=was, of=now) is None


def test_comparing_without_the_stored_document_where_it_is_needed_is_a_mistake_of_the_caller() -> None:
    record = Record(Id("", "42"), mark(resource(), 2), b"2")
    with pytest.raises(ValueError, match="the stored document is needed"):
        diff.compare(
            resource(),
            source="backoffice",
            known=Known(1, mark(resource(), 1), None),
            stored=None,
            record=record,
            document=2,
            is_first=False,
            observed_after=THEN,
            observed_at=NOW,
            scan_id="scan-1",
        )


def gone(document: Json, *, of: Resource, was: Resource) -> Change:
    stored = Stored(Id("7", "42"), 4, mark(was, document), document, EARLIER, EARLIER, None)
    return diff.deletion(
        stored, source="backoffice", resource=of, observed_after=THEN, observed_at=NOW, scan_id="scan-2"
    )


def test_a_deletion_keeps_the_last_document_as_the_previous_one() -> None:
    found = gone({"id": 42}, of=resource(), was=resource())
    assert told(found) == (Kind.DELETED, 5, ("",), {"": {"id": 42}}, None)
    assert (found.id, found.observed_after, found.observed_at, found.scan_id) == (Id("7", "42"), THEN, NOW, "scan-2")


def test_a_deletion_does_not_tell_what_has_become_a_secret_since() -> None:
    kept = sealing.Vault(bytes(32)).seal("x")
    now = resource(secrets=("/token", "/key", "/none"))
    found = gone({"id": 1, "token": "clear", "key": kept, "none": None}, of=now, was=resource())
    assert found.previous == {"": {"id": 1, "key": kept, "none": None}}


@pytest.mark.parametrize("deleted_at", [None, THEN])
def test_a_record_that_was_erased_is_restored_whole_and_nothing_is_told_of_before(deleted_at: datetime | None) -> None:
    found = diff.compare(
        resource(),
        source="backoffice",
        known=Known(4, fingerprint.ERASED, deleted_at),
        stored=Stored(Id("", "42"), 4, fingerprint.ERASED, None, EARLIER, EARLIER, deleted_at),
        record=Record(Id("", "42"), mark(resource(), {"id": 42}), b'{"id":42}'),
        document={"id": 42},
        is_first=False,
        observed_after=THEN,
        observed_at=NOW,
        scan_id="scan-1",
    )
    assert told(found) == (Kind.RESTORED, 5, ("",), {}, {"id": 42})


def test_a_deletion_of_what_was_erased_has_no_document_to_tell_of() -> None:
    found = gone(None, of=resource(secrets=("/token",)), was=resource())
    assert told(found) == (Kind.DELETED, 5, ("",), {}, None)


@fixed
@given(documents)
def test_what_stands_for_an_erased_fingerprint_means_no_document(document: Json) -> None:
    made = fingerprint.fingerprint(resource(), document)
    assert not fingerprint.same_meaning(fingerprint.ERASED, made)
    assert not fingerprint.same_rule(fingerprint.ERASED, made)
    assert fingerprint.main_hash(fingerprint.ERASED) == ""
