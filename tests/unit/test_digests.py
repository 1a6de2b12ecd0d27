"""Digests and ids of the record, against a second computation as an outsider would write it."""

from __future__ import annotations

import hashlib
import json
import uuid
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changes import digests
from tests.unit.json_values import NOW, fixed, texts

ROW: dict[str, Any] = {
    "seq": 7,
    "id": "01a2008d-7400-7c3a-9d2e-6f1b8a4e5d70",
    "source": "backoffice",
    "resource": "products",
    "parent_key": "",
    "key": "42",
    "version": 3,
    "kind": "updated",
    "changed": ("/status",),
    "previous_digest": "ab" * 32,
    "document_digest": None,
    "observed_after": None,
    "observed_at": "2026-11-22T00:00:00.000000Z",
    "scan_id": "scan-1",
}


@fixed
@given(source=texts, key=texts, changed=st.lists(texts))
def test_anybody_can_compute_a_digest_with_the_standard_library(source: str, key: str, changed: list[str]) -> None:
    row = {**ROW, "source": source, "key": key, "changed": changed}
    text = json.dumps(list(row.values()), ensure_ascii=False, separators=(",", ":"))
    assert digests.of_change(**row) == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("name", sorted(ROW))
def test_a_digest_covers_every_column(name: str) -> None:
    other = {"seq": 8, "version": 4, "changed": ("/status", "/x")}.get(name, "other")
    assert digests.of_change(**{**ROW, name: other}) != digests.of_change(**ROW)


def test_a_value_is_digested_behind_its_salt() -> None:
    assert digests.salted(b"salt", b"{}") == hashlib.sha256(b"salt{}").hexdigest()


def test_salts_are_sixteen_bytes_each_and_no_two_are_equal() -> None:
    found = digests.salts(1000)
    assert {len(salt) for salt in found} == {16}
    assert len(set(found)) == 1000


def test_an_id_is_a_uuid_of_version_7_with_the_milliseconds_of_its_moment() -> None:
    moments = [NOW + timedelta(microseconds=1234 * number) for number in range(200)]
    found = [uuid.UUID(each) for each in digests.ids(moments)]
    assert {(each.version, each.variant) for each in found} == {(7, uuid.RFC_4122)}
    assert [each.int >> 80 for each in found] == [int(moment.timestamp() * 1000) for moment in moments]
    assert len({each.int & (2**62 - 1) for each in found}) == 200


def test_ids_are_made_of_the_randomness_that_is_handed_in() -> None:
    assert digests.ids([NOW], entropy=lambda count: b"\xff" * count) == ["01a2008d-7400-7fff-bfff-ffffffffffff"]


def test_a_moment_is_written_in_utc_with_six_digits_of_the_second() -> None:
    assert digests.stamp(datetime(2026, 11, 3, 9, 55, tzinfo=UTC)) == "2026-11-03T09:55:00.000000Z"
    abroad = datetime(2026, 11, 3, 12, 55, 0, 123456, tzinfo=timezone(timedelta(hours=3)))
    assert digests.stamp(abroad) == "2026-11-03T09:55:00.123456Z"
    assert digests.stamp(None) is None


def test_a_digest_of_an_action_covers_every_column() -> None:
    row: dict[str, Any] = {
        "id": 1,
        "of": None,
        "at": "2026-11-03T09:55:00.000000Z",
        "who": "anna",
        "how": "command",
        "what": "approve",
        "target": "scan-1",
        "arguments": {"b": 1, "a": 2.0},
        "outcome": None,
    }
    others = [{**row, name: 9 if name in ("id", "of") else "x"} for name in row if name != "arguments"]
    found = [digests.of_action(**each) for each in (row, {**row, "arguments": {}}, *others)]
    assert len(set(found)) == len(found)
    assert digests.of_action(**{**row, "arguments": {"a": 2, "b": 1}}) == digests.of_action(**row)
