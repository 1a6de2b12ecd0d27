"""Who was absent from a scan, and what is remembered of it."""

from __future__ import annotations

import tracemalloc
from array import array
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from changes.records import Change, Id, Kind
from changes.resources import Resource
from storage import mirror, seen_ids, suspects
from storage.engine import Database
from storage.prepare import prepare
from storage.states import SuspectState

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
RESOURCE = Resource(name="products", title="Products", path="/products")
IDS = [Id(parent, f"{n:04}") for parent in ("", "a", "b") for n in range(300)]


@pytest.fixture
def mirrored(database: Database) -> Database:
    prepare(database, {"s": [RESOURCE]})
    rows = [mirror.MirrorRow(one, b"{}", "1:f", 1, (), NOW, NOW) for one in IDS]
    with database.write() as session:
        mirror.put(session, RESOURCE, "s", rows)
        mirror.put(session, RESOURCE, "another", rows[:5])
    return database


def _see(database: Database, *parts: list[Id], scan_id: str = "1") -> None:
    with database.write() as session:
        for number, part in enumerate(parts):
            seen_ids.note_seen(session, scan_id, number, seen_ids.packed(part))


def _absent(database: Database, *, without_parents: tuple[str, ...] = ()) -> list[Id]:
    with database.read() as session:
        seen, live_rows = seen_ids.Seen(session, "1"), mirror.live_count(session, RESOURCE, "s")
        return list(
            seen_ids.absent_ids(session, RESOURCE, "s", seen, live_rows=live_rows, without_parents=without_parents)
        )


def _suspects(database: Database) -> list[tuple[str, int, datetime | None, str]]:
    with database.read() as session:
        found = suspects.suspects(session, "s", "products", limit=100)
    return [(one.id.key, one.absent_scans, one.since, one.state) for one in found]


def _note(database: Database, scan_id: str, *keys: str, since: datetime | None = NOW) -> None:
    with database.write() as session:
        ids = [Id("", key) for key in keys]
        suspects.note_suspects(session, "s", "products", scan_id=scan_id, ids=ids, since=since)


def test_what_came_as_in_a_walk_without_repeated_ids_is_told_without_a_look_at_them(mirrored: Database) -> None:
    with mirrored.write() as session:
        for number, part in enumerate((IDS[:400], IDS[400:800])):
            seen_ids.note_seen(session, "1", number, seen_ids.packed(part), pages=b"page %d" % number)
        for known in (None, seen_ids.KnownWalk(b"page 0page 1", 800)):
            seen = seen_ids.Seen(session, "1", known=known)
            assert (seen.living, seen.count, seen.flagged, seen.reused, seen.repeated) == (800, 800, 0, 0, {})
            assert list(seen_ids.absent_ids(session, RESOURCE, "s", seen, live_rows=900)) == IDS[800:]


def test_ids_that_came_beside_the_pages_of_such_a_walk_are_looked_at(mirrored: Database) -> None:
    known = seen_ids.KnownWalk(b"page", 899)
    with mirrored.write() as session:
        seen_ids.note_seen(session, "1", 1, seen_ids.packed(IDS[:899]), pages=b"page")
        seen_ids.note_seen(session, "1", 2, seen_ids.packed(IDS[:1]))
        seen = seen_ids.Seen(session, "1", known=known)
        assert (seen.living, len(seen.repeated)) == (899, 1)
        assert list(seen_ids.absent_ids(session, RESOURCE, "s", seen, live_rows=900)) == IDS[899:]


def test_records_that_a_scan_did_not_see_are_absent_in_the_order_of_their_keys(mirrored: Database) -> None:
    gone = [IDS[0], IDS[299], IDS[450], IDS[-1]]
    seen = [one for one in IDS if one not in gone]
    _see(mirrored, seen[600:], seen[:100], seen[100:600])
    assert _absent(mirrored) == gone


def test_nothing_is_absent_when_all_were_seen_and_that_takes_no_walk(mirrored: Database) -> None:
    _see(mirrored, IDS[:500], IDS[450:])
    asked: list[str] = []
    mirrored.watchers.append(lambda text, _: asked.append(text))
    assert _absent(mirrored) == []
    assert [text for text in asked if "ORDER BY" in text] == []


def test_everything_is_absent_from_a_scan_that_saw_nothing(mirrored: Database) -> None:
    assert _absent(mirrored) == sorted(IDS)


def test_a_page_noted_again_replaces_what_it_held(mirrored: Database) -> None:
    _see(mirrored, IDS)
    _see(mirrored, IDS[1:])
    assert _absent(mirrored) == [IDS[0]]


def test_records_seen_in_another_scan_count_for_nothing(mirrored: Database) -> None:
    _see(mirrored, IDS, scan_id="2")
    assert _absent(mirrored) == sorted(IDS)


def test_parents_whose_lists_were_not_read_to_the_end_are_left_out(mirrored: Database) -> None:
    _see(mirrored, [one for one in IDS if one.key != "0007"])
    assert _absent(mirrored, without_parents=("a",)) == [Id("", "0007"), Id("b", "0007")]


def test_deleted_records_are_not_absent(mirrored: Database) -> None:
    change = Change("s", "products", IDS[3], 2, Kind.DELETED, ("",), {}, None, NOW, NOW, "0")
    with mirrored.write() as session:
        mirror.mark_deleted(session, RESOURCE, "s", [change])
    _see(mirrored, IDS[:3] + IDS[5:])
    assert _absent(mirrored) == [IDS[4]]


def test_a_key_is_not_taken_for_the_same_key_of_another_parent(mirrored: Database) -> None:
    like_it = Id("0000", "")
    with mirrored.write() as session:
        mirror.put(session, RESOURCE, "s", [mirror.MirrorRow(like_it, b"{}", "1:f", 1, (), NOW, NOW)])
    _see(mirrored, [*IDS[1:], like_it])
    assert _absent(mirrored) == [IDS[0]]


def test_what_was_seen_takes_little_memory(tmp_path: Path) -> None:
    """A set of Python's would take about 100 bytes for each id."""
    parts = [array("Q", range(n << 56, (n << 56) + 1_000)).tobytes() for n in range(200)]
    database = Database(f"sqlite:///{tmp_path / 'm.db'}")
    prepare(database, {})
    with database.write() as session:
        session.execute(
            "INSERT INTO mirrorpoint_seen (scan_id, part, hashes) VALUES ('1', ?, ?)", list(enumerate(parts))
        )
    with database.read() as session:
        seen_ids.Seen(session, "2")  # what is needed once and for all
        tracemalloc.start()
        number = seen_ids.Seen(session, "1").count
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    database.dispose()
    assert number == 200_000
    assert peak < 30 * number


def test_a_suspect_is_counted_once_for_each_scan_that_did_not_have_it(database: Database) -> None:
    _note(database, "1", "a", "b")
    _note(database, "1", "a")
    _note(database, "2", "b", "c", since=None)
    assert _suspects(database) == [("a", 1, NOW, "absent"), ("b", 2, NOW, "absent"), ("c", 1, None, "absent")]


def test_suspects_are_read_in_pieces_and_by_state(database: Database) -> None:
    _note(database, "1", *"abcd")
    _note(database, "2", *"bd")
    with database.write() as session:
        suspects.hold_suspects(session, "s", "products", scan_id="2")
        after_b = suspects.suspects(session, "s", "products", after=Id("", "b"), limit=1)
        held = suspects.suspects(session, "s", "products", state="held", limit=9)
        assert suspects.counts(session) == {("s", "products"): {"absent": 2, "held": 2}}
    assert ([one.id.key for one in after_b], [one.id.key for one in held]) == (["c"], ["b", "d"])


def test_suspects_that_are_cleared_are_gone(database: Database) -> None:
    _note(database, "1", *"abc")
    with database.write() as session:
        suspects.clear_suspects(session, "s", "products", [Id("", "a"), Id("", "c"), Id("x", "b")])
    assert [key for key, *_ in _suspects(database)] == ["b"]


@pytest.mark.parametrize("odd", ['"', "'", "\\", "%s", ":ids", "ü🙂", "1e3", "[1]", "null", " ", "\u2028"])
def test_suspects_are_found_by_whatever_key_and_parent_they_have(database: Database, odd: str) -> None:
    meant, others = [Id("", odd), Id(odd, "1"), Id(odd, odd)], [Id("", "1"), Id("1", odd)]
    with database.write() as session:
        suspects.note_suspects(session, "s", "products", scan_id="1", ids=[*meant, *others], since=NOW)
        assert suspects.last_seen(session, "s", "products", [*meant, Id("", "2")]) == dict.fromkeys(meant, NOW)
        suspects.confirm_suspects(session, "s", "products", meant)
        confirmed = suspects.suspects(session, "s", "products", state=SuspectState.CONFIRMED, limit=9)
        assert {one.id for one in confirmed} == {*meant}
        suspects.clear_suspects(session, "s", "products", meant)
        assert {one.id for one in suspects.suspects(session, "s", "products", limit=9)} == {*others}


def test_suspects_that_a_scan_has_seen_again_are_cleared(database: Database) -> None:
    _note(database, "1", *(f"{n:04}" for n in range(1_200)))
    _see(database, [Id("", f"{n:04}") for n in range(3, 1_200)], scan_id="2")
    with database.write() as session:
        assert suspects.clear_seen_suspects(session, "s", "products", scan_id="2") == 3
        assert suspects.clear_seen_suspects(session, "s", "products", scan_id="2") == 3
    assert [key for key, *_ in _suspects(database)] == ["0000", "0001", "0002"]


def test_when_a_suspect_was_seen_last_is_kept(database: Database) -> None:
    _note(database, "1", "a")
    _note(database, "2", "a", since=NOW + timedelta(hours=1))
    with database.read() as session:
        assert suspects.last_seen(session, "s", "products", [Id("", "a"), Id("", "b")]) == {Id("", "a"): NOW}


def _states(database: Database) -> dict[str, str]:
    return {key: state for key, _, _, state in _suspects(database)}


def test_what_is_held_waits_for_a_person_while_a_scan_judges_it_anew_and_up_to_its_decision(database: Database) -> None:
    _note(database, "1", *"abc")
    with database.write() as session:
        suspects.hold_suspects(session, "s", "products", scan_id="1")
    _note(database, "2", *"abcd")
    with database.write() as session:
        suspects.confirm_suspects(session, "s", "products", [Id("", "a"), Id("", "b")])
        assert suspects.counts(session) == {("s", "products"): {"absent": 1, "held": 3}}
        assert suspects.holders(session) == {("s", "products"): "1"}
        waiting = suspects.suspects(session, "s", "products", is_held=True, limit=9)
        assert [(each.id.key, each.is_held) for each in waiting] == [("a", True), ("b", True), ("c", True)]

        assert suspects.settle_held(session, "s", "products", scan_id="2") == 1
        assert suspects.counts(session) == {("s", "products"): {"confirmed": 2, "absent": 1, "held": 1}}
    assert _states(database) == {"a": "confirmed", "b": "confirmed", "c": "held", "d": "absent"}


def test_an_approval_that_comes_while_a_scan_asks_is_not_overwritten_by_its_answer(database: Database) -> None:
    _note(database, "1", "a", "b")
    with database.write() as session:
        suspects.hold_suspects(session, "s", "products", scan_id="1")
    _note(database, "2", "a", "b")
    with database.write() as session:
        assert suspects.approve_suspects(session, "s", "products", scan_id="1") == 2
        suspects.confirm_suspects(session, "s", "products", [Id("", "a")])
        assert suspects.settle_held(session, "s", "products", scan_id="2") == 0
    assert _states(database) == {"a": "approved", "b": "approved"}
    _note(database, "3", "a", "b")
    assert _states(database) == {"a": "approved", "b": "approved"}
    with database.write() as session:
        suspects.withdraw_approval(session, "s", "products", [Id("", "a")])
    assert _states(database) == {"a": "held", "b": "approved"}
