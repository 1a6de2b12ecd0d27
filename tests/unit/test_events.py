"""What is sent out of a change: its subject and its CloudEvent."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given

from changes import events, fingerprint, normalise
from changes.records import Id, Kind
from tests.unit.json_values import change, documents, fixed, values


def test_an_event_is_what_the_product_promises() -> None:
    assert events.cloud_event(change(), seq=1234, id="an-id") == {
        "specversion": "1.0",
        "id": "an-id",
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
    assert events.cloud_event(deleted, seq=1, id="an-id")["data"]["document"] is None
    assert events.cloud_event(deleted, seq=1, id="an-id")["data"]["previous"] == {"": {"id": 42}}
    assert events.cloud_event(snapshot, seq=1, id="an-id")["data"]["observed_after"] is None


def test_a_deletion_says_so_as_a_feed_does_and_nothing_else_has_that() -> None:
    methods = {kind: events.cloud_event(change(kind=kind), seq=1, id="an-id").get("method") for kind in Kind}
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
    assert events.cloud_event(change(observed_at=local), seq=1, id="an-id")["time"] == "2026-11-22T00:00:00.250000Z"


@fixed
@given(document=values, previous=documents)
def test_the_body_is_the_event_exactly(document: Any, previous: Any) -> None:
    event = events.cloud_event(change(document=document, previous=previous), seq=1, id="an-id")
    assert normalise.parse(events.body(event)) == event


def test_the_body_of_the_deepest_document_is_written_too() -> None:
    document: Any = "\U0001f600"
    for _ in range(fingerprint.DEEPEST_DOCUMENT):
        document = {"a": document}
    event = events.cloud_event(change(document=document, previous={"": document}), seq=1, id="an-id")
    assert json.loads(events.body(event)) == event
