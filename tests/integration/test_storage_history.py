"""The change log: numbered in the order of the commits, read in pieces, exact at any size."""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from changes import digests, fingerprint
from changes.records import Change, Id, Kind
from storage import change_log, feed, history, sql
from storage.engine import Database
from storage.session import failures

NOW = datetime(2026, 11, 22, 10, 0, 0, 123456, tzinfo=UTC)
CHANGE = Change(
    source="s",
    resource="products",
    id=Id("7", "42"),
    version=3,
    kind=Kind.UPDATED,
    changed=("/name", "/tags"),
    previous={"/name": "żółć 💶", "/tags": [2**70, None]},
    document={"id": 42, "name": "Gold", "huge": 10**30, "deep": {"a": [1.5, True]}},
    observed_after=NOW - timedelta(minutes=5),
    observed_at=NOW,
    scan_id="scan-1",
)


def _numbered(number: int, **other: object) -> Change:
    return CHANGE._replace(id=Id("", str(number)), observed_at=NOW + timedelta(seconds=number), **other)


def _append(database: Database, *changes: Change) -> list[int]:
    with database.write() as session:
        return change_log.append(session, changes)


def _read(database: Database, **wanted: object) -> list[str]:
    with database.read() as session:
        return [row.key for row in history.read(session, **wanted)]


@pytest.mark.parametrize(
    "change",
    [
        CHANGE,
        CHANGE._replace(kind=Kind.DELETED, changed=("",), previous={"": {"id": 1}}, document=None),
        CHANGE._replace(kind=Kind.SNAPSHOT, changed=("",), previous={}, document="EUR", observed_after=None),
    ],
)
def test_a_change_comes_back_as_it_was_with_its_id_and_digests(database: Database, change: Change) -> None:
    (seq,) = _append(database, change)
    with database.read() as session:
        (row,) = history.read(session)
        assert history.by_seq(session, [seq, seq + 1]) == {seq: history.Logged(row.id, change)}
    assert (row.seq, uuid.UUID(row.id).version) == (seq, 7)
    document = None if change.document is None else _salted(row.salt, change.document)
    assert (row.document_digest, row.previous_digest) == (document, _salted(row.salt, dict(change.previous)))
    assert row.digest == _digest(row)


def test_documents_at_hand_as_canonical_bytes_are_stored_as_they_are(database: Database) -> None:
    with database.write() as session:
        (seq,) = change_log.append(session, [CHANGE], canonical={CHANGE.id: fingerprint.canonical(CHANGE.document)})
    with database.read() as session:
        assert history.by_seq(session, [seq])[seq].change == CHANGE


def _salted(salt: str | None, value: object) -> str:
    assert salt is not None
    return digests.salted(bytes.fromhex(salt), fingerprint.canonical(value))


def _digest(row: history.Entry) -> str:
    """As whoever verifies the log computes it from what the database gives back."""
    return digests.of_change(
        seq=row.seq,
        id=row.id,
        source=row.source,
        resource=row.resource,
        parent_key=row.parent_key,
        key=row.key,
        version=row.version,
        kind=row.kind,
        changed=row.changed,
        previous_digest=row.previous_digest,
        document_digest=row.document_digest,
        observed_after=digests.stamp(row.observed_after),
        observed_at=digests.stamp(row.observed_at),
        scan_id=row.scan_id,
    )


def test_numbers_ascend_in_the_order_given_and_go_on_from_transaction_to_transaction(database: Database) -> None:
    assert (_append(database, *map(_numbered, range(3))), _append(database), _append(database, _numbered(3))) == (
        [1, 2, 3],
        [],
        [4],
    )
    assert _read(database) == ["0", "1", "2", "3"]


def test_a_number_that_was_rolled_back_is_given_again_so_that_the_log_has_no_gaps(database: Database) -> None:
    def append_and_fail() -> None:
        with database.write() as session:
            change_log.append(session, [_numbered(1)])
            raise KeyError

    with pytest.raises(KeyError):
        append_and_fail()
    assert _append(database, _numbered(2)) == [1]
    assert _read(database) == ["2"]


def test_a_thousand_changes_are_a_few_statements(database: Database) -> None:
    asked: list[str] = []
    database.watchers.append(lambda text, _: asked.append(text.split()[0]))
    _append(database, *map(_numbered, range(1_000)))
    assert asked.count("INSERT") == (4 if database.dialect == "sqlite" else 0)  # COPY goes past the library
    assert len(asked) <= 6


def test_the_same_change_cannot_be_logged_twice(database: Database) -> None:
    _append(database, CHANGE)
    with pytest.raises(failures()):
        _append(database, CHANGE)


def test_the_order_of_numbers_is_the_order_of_commits(database: Database) -> None:
    """Else a reader who goes on after the highest number that it has seen would miss what is committed later."""
    seen: list[int] = []
    done = threading.Event()

    def write(first: int) -> None:
        for number in range(first, first + 15):
            _append(database, _numbered(2 * number), _numbered(2 * number + 1))

    def follow() -> None:
        while True:
            last_round = done.is_set()
            with database.read() as session:
                seen.extend(row.seq for row in history.read(session, after_seq=seen[-1] if seen else 0, limit=7))
                behind = history.last_seq(session) > (seen[-1] if seen else 0)
            if last_round and not behind:
                return

    with ThreadPoolExecutor(4) as threads:
        follower = threads.submit(follow)
        list(threads.map(write, [100, 200, 300]))
        done.set()
        follower.result(timeout=60)
    assert (len(seen), seen) == (90, sorted(seen))


def test_reading_sifts_by_what_is_given(database: Database) -> None:
    _append(database, *(_numbered(n) for n in range(4)), _numbered(4, kind=Kind.CREATED), _numbered(5, source="other"))
    _append(database, CHANGE._replace(resource="clients"))
    assert _read(database, source="s", resource="products") == ["0", "1", "2", "3", "4"]
    assert _read(database, kinds=["created", "deleted"]) == ["4"]
    assert _read(database, key="42", parent_key="7") == ["42"]
    assert _read(database, key="42", parent_key="8") == []
    assert _read(database, since=NOW + timedelta(seconds=2), until=NOW + timedelta(seconds=4)) == ["2", "3"]
    assert _read(database, after_seq=2, limit=2) == ["2", "3"]
    assert _read(database, resources=[("s", "clients"), ("other", "products"), ("s", "others")]) == ["5", "42"]
    assert _read(database, parent_key=["6", "7"], kinds=["updated", "deleted"], newest_first=True, limit=1) == ["42"]
    assert _read(database, since=NOW, before_seq=3) == ["0", "1"]


@pytest.mark.parametrize("none", ["resources", "parent_key", "kinds"])
def test_who_asks_for_one_of_none_finds_nothing(database: Database, none: str) -> None:
    _append(database, CHANGE)
    assert _read(database, **{none: []}) == []
    if none != "parent_key":
        with database.read() as session:
            assert feed.headings(session, after=0, until=9, limit=9, **{none: []}) == []


def test_counting_stops_at_the_most(database: Database) -> None:
    _append(database, *(_numbered(n) for n in range(4)), _numbered(4, kind=Kind.CREATED))
    with database.read() as session:
        assert history.count(session, most=10, kinds=["updated"], since=NOW + timedelta(seconds=1)) == 3
        assert history.count(session, most=2, kinds=["updated"]) == 2
        assert history.count(session, most=2, kinds=["deleted"]) == 0


@pytest.mark.parametrize("dialect", ["sqlite"])
@pytest.mark.parametrize("of_it", [{"source": "s", "resource": "products"}, {"resources": [("s", "products")]}])
def test_who_follows_one_resource_has_each_batch_without_sorting_the_rest(
    database: Database, of_it: dict[str, Any]
) -> None:
    asked: list[tuple[str, Any]] = []
    database.watchers.append(lambda *said: asked.append(said))
    with database.read() as session:
        history.read(session, **of_it, after_seq=5)
        statement, values = asked[-1]
        plan = sql.fetch(session, f"EXPLAIN QUERY PLAN {statement}", values)
    assert [row[3] for row in plan] == [
        "SEARCH mirrorpoint_change USING INDEX mirrorpoint_change_resource (source=? AND resource=? AND seq>?)"
    ]


def test_a_record_as_it_was_is_its_last_change_up_to_that_moment(database: Database) -> None:
    versions = [CHANGE._replace(version=n, document={"v": n}, observed_at=NOW + timedelta(hours=n)) for n in (1, 2, 3)]
    _append(database, *versions, _numbered(9))
    with database.read() as session:
        found = [
            history.as_of(session, "s", "products", CHANGE.id, NOW + timedelta(hours=hours))
            for hours in (0.9, 1, 2.5, 9)
        ]
        assert [row and row.document for row in found] == [None, {"v": 1}, {"v": 2}, {"v": 3}]
        assert [row.version for row in history.timeline(session, "s", "products", CHANGE.id)] == [1, 2, 3]


def test_the_last_number_of_an_empty_log_is_zero(database: Database) -> None:
    with database.read() as session:
        assert history.last_seq(session) == 0
