"""What is sent out and sealed of a change: id, subject, CloudEvent, digest."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changes import events, fingerprint, normalise
from changes.records import Id, Kind
from tests.unit.json_values import NOW, THEN, change, documents, fixed, texts, values


def event_id(*parts: Any) -> str:
    source, resource, parent_key, key, version = parts
    return events.event_id(source=source, resource=resource, id=Id(parent_key, key), version=version)


def test_an_event_is_what_the_product_promises() -> None:
    assert events.cloud_event(change(), seq=1234) == {
        "specversion": "1.0",
        "id": event_id("backoffice", "products", "", "42", 3),
        "source": "/mirrorpoint/backoffice",
        "type": "products.updated",
        "subject": "products/42",
        "time": "2026-11-22T00:00:00Z",
        "datacontenttype": "application/json",
        "sequence": "00000000000000001234",
        "partitionkey": "backoffice/products/42",
        "data": {
            "resource": "products",
            "key": "42",
            "parent_key": "",
            "kind": "updated",
            "version": 3,
            "observed_after": "2026-11-21T23:55:00Z",
            "observed_at": "2026-11-22T00:00:00Z",
            "changed": ["/status"],
            "previous": {"/status": "enabled"},
            "document": {"id": 42, "status": "disabled"},
        },
    }


def test_a_deletion_has_no_document_and_a_snapshot_no_moment_before() -> None:
    deleted = change(kind=Kind.DELETED, changed=("",), previous={"": {"id": 42}}, document=None)
    snapshot = change(kind=Kind.SNAPSHOT, observed_after=None)
    assert events.cloud_event(deleted, seq=1)["data"]["document"] is None
    assert events.cloud_event(deleted, seq=1)["data"]["previous"] == {"": {"id": 42}}
    assert events.cloud_event(snapshot, seq=1)["data"]["observed_after"] is None


def test_a_deletion_says_so_as_a_feed_does_and_nothing_else_has_that() -> None:
    methods = {kind: events.cloud_event(change(kind=kind), seq=1).get("method") for kind in Kind}
    assert {kind: method for kind, method in methods.items() if method} == {Kind.DELETED: "DELETE"}


@pytest.mark.parametrize(
    ("parent_key", "key", "subject"),
    [
        ("", "42", "products/42"),
        ("42", "7", "products/42/7"),
        ("3/9", "12", "products/3/9/12"),
        ("a%2Fb", "c/d%", "products/a%2Fb/c%2Fd%25"),
    ],
)
def test_a_subject_is_the_path_of_the_record(parent_key: str, key: str, subject: str) -> None:
    assert events.subject("products", Id(parent_key, key)) == subject
    assert events.partition_key(source="s", resource="products", id=Id(parent_key, key)) == f"s/{subject}"


def test_moments_are_utc_with_their_fractions() -> None:
    local = datetime(2026, 11, 22, 3, 0, 0, 250_000, tzinfo=timezone(timedelta(hours=3)))
    assert events.cloud_event(change(observed_at=local), seq=1)["time"] == "2026-11-22T00:00:00.250000Z"


@fixed
@given(document=values, previous=documents)
def test_the_body_is_the_event_exactly(document: Any, previous: Any) -> None:
    event = events.cloud_event(change(document=document, previous=previous), seq=1)
    assert normalise.parse(events.body(event)) == event


def test_the_body_of_the_deepest_document_is_written_too() -> None:
    document: Any = "\U0001f600"
    for _ in range(fingerprint.DEEPEST_DOCUMENT):
        document = {"a": document}
    event = events.cloud_event(change(document=document, previous={"": document}), seq=1)
    assert json.loads(events.body(event)) == event
    assert len(events.digest(change(document=document, previous={"": document}))) == 64


def test_the_ids_and_digests_given_so_far_stay_as_they_are() -> None:
    """Receivers tell repeated events by their ids, and sealed batches are recomputed from these digests."""
    assert event_id("backoffice", "products", "", "42", 3) == "86855e05bbf516d438d133626cbe9e3c"
    assert events.digest(change()) == "46db9856418e379cc4fd607299bfa4f860746612ab56ee48bc05d45f3ec15899"


identities = st.tuples(texts, texts, texts, texts, st.integers(1, 9))


@fixed
@given(a=identities, b=identities)
def test_an_id_is_that_of_one_version_of_one_record(a: Any, b: Any) -> None:
    assert (event_id(*a) == event_id(*b)) is (a == b)
    assert len(event_id(*a)) == 32


def test_parts_that_run_together_to_the_same_text_have_ids_of_their_own() -> None:
    parts = [("a", "bc", "", "d"), ("ab", "c", "", "d"), ("a", "bc", "d", ""), ("a", 'b","c', "", "d")]
    assert len({event_id(*each, 1) for each in parts}) == len(parts)


@pytest.mark.parametrize(
    "other",
    [
        {"source": "other"},
        {"resource": "other"},
        {"id": Id("4", "2")},
        {"version": 4},
        {"kind": Kind.RESTORED},
        {"changed": ("/status", "/x")},
        {"previous": {}},
        {"previous": {"/status": "Enabled"}},
        {"document": {"id": "42", "status": "disabled"}},
        {"document": None},
        {"observed_after": None},
        {"observed_after": THEN + timedelta(microseconds=1)},
        {"observed_at": NOW + timedelta(microseconds=1)},
        {"scan_id": "scan-2"},
    ],
)
def test_a_digest_covers_every_column(other: dict[str, Any]) -> None:
    assert events.digest(change(**other)) != events.digest(change())


@fixed
@given(document=values, previous=documents)
def test_a_digest_is_the_same_of_what_a_database_gives_back(document: Any, previous: Any) -> None:
    written = change(document=document, previous=previous)
    abroad = timezone(timedelta(hours=-5))
    read_back = change(
        document=normalise.parse(fingerprint.canonical(document)),
        previous=normalise.parse(fingerprint.canonical(previous)),
        observed_after=THEN.astimezone(abroad),
        observed_at=NOW.astimezone(abroad),
    )
    assert events.digest(read_back) == events.digest(written)
