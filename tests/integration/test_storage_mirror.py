"""The mirrored tables: what is written comes back, and what a page costs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlmodel import SQLModel

from changes import bodies, fingerprint
from changes.records import Change, Id, Json, Kind, Known
from changes.resources import ColumnType, Resource
from storage import mirror, mirror_columns, mirror_tables, sql
from storage.engine import Database
from storage.prepare import prepare

NOW = datetime(2026, 11, 22, 10, 0, 0, 123456, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
RESOURCE = Resource(
    name="products",
    title="Products",
    path="/products",
    columns={
        "name": ColumnType.TEXT,
        "groupId": ColumnType.INTEGER,
        "price": ColumnType.NUMBER,
        "isOpen": ColumnType.BOOLEAN,
        "createTime": ColumnType.TIME,
        "tags": ColumnType.JSON,
    },
)
DOCUMENT = {
    "id": 1,
    "name": "Gold 💶 żółć",
    "groupId": 2**63 - 1,
    "price": 1.25,
    "isOpen": True,
    "createTime": "2026-11-22T12:00:00.5+02:00",
    "tags": ["a", {"b": 2**80}],
    "huge": 10**40,
}


@pytest.fixture
def mirrored(database: Database) -> Database:
    prepare(database, {"s": [RESOURCE]})
    return database


def _row(database: Database, its_id: Id, document: Json, *, version: int = 1, at: datetime = NOW) -> mirror.MirrorRow:
    columns, _ = mirror.columns_of(RESOURCE, database.dialect)(document)
    canonical = fingerprint.canonical(document)
    return mirror.MirrorRow(its_id, canonical, f"1:{version}", version, columns, first_seen_at=at, changed_at=at)


def _put(database: Database, *ids: Id, source: str = "s", document: Json = DOCUMENT) -> None:
    with database.write() as session:
        mirror.put(session, RESOURCE, source, [_row(database, one, document) for one in ids])


def _deletion(its_id: Id, *, version: int = 2) -> Change:
    return Change("s", "products", its_id, version, Kind.DELETED, ("",), {"": None}, None, NOW, LATER, "scan")


def _delete(database: Database, *ids: Id) -> None:
    with database.write() as session:
        mirror.mark_deleted(session, RESOURCE, "s", [_deletion(one) for one in ids])


def _live(database: Database, **wanted: object) -> list[Id]:
    with database.read() as session:
        return mirror.live_ids(session, RESOURCE, "s", **{"limit": 1_000} | wanted)


@pytest.mark.parametrize("document", [DOCUMENT, "EUR", "", {}, {"a": None}, [1, 2.5], {"id": "x" * 200_000}])
def test_a_document_comes_back_as_it_was(mirrored: Database, document: Json) -> None:
    _put(mirrored, Id("", "1"), document=document)
    with mirrored.read() as session:
        stored = mirror.stored(session, RESOURCE, "s", [Id("", "1")])[Id("", "1")]
    assert (stored.document, stored.version, stored.fingerprint) == (document, 1, "1:1")
    assert (stored.first_seen_at, stored.changed_at, stored.deleted_at) == (NOW, NOW, None)


def test_a_time_without_a_zone_is_refused(mirrored: Database) -> None:
    with pytest.raises(ValueError, match="without a zone"), mirrored.write() as session:
        mirror.put(session, RESOURCE, "s", [_row(mirrored, Id("", "1"), {}, at=NOW.replace(tzinfo=None))])


def test_typed_columns_hold_what_the_document_says(mirrored: Database) -> None:
    _put(mirrored, Id("", "1"))
    model: type[SQLModel] = mirror_tables.model_for(RESOURCE)
    with mirrored.read() as session:
        row = session.objects.execute(select(model)).scalars().one()
    assert (row.name, row.group_id, row.price, row.is_open) == ("Gold 💶 żółć", 2**63 - 1, 1.25, True)
    assert (row.create_time, row.tags) == (datetime(2026, 11, 22, 10, 0, 0, 500000, tzinfo=UTC), ["a", {"b": 2**80}])
    assert (row.source, row.parent_key, row.key, row.document) == ("s", "", "1", DOCUMENT)


_NUMBERS = st.one_of(
    st.integers(-(2**63) - 1, 2**63),
    st.integers(-9, 9),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(allow_nan=False, allow_infinity=False, places=25, min_value=-9, max_value=9),
)
_VALUES = st.one_of(
    st.none(), st.booleans(), _NUMBERS, st.text(), st.sampled_from(["\\N", "\t\\.\n\r", "\0", "7", "true"])
)
_TIMES = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-11, minutes=-7))])).map(str)
_MEMBERS = st.recursive(
    _VALUES | _TIMES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(RESOURCE.columns, _MEMBERS)), min_size=1, max_size=9))
def test_new_records_are_written_as_they_would_be_one_by_one(mirrored: Database, drawn: list[Json]) -> None:
    documents = [bodies.parse(fingerprint.written(document)[0]) for document in drawn]
    rows = [_row(mirrored, Id("", str(number)), document) for number, document in enumerate(documents)]
    with mirrored.write() as session:
        mirror.add(session, RESOURCE, "added", rows)
        mirror.put(session, RESOURCE, "put", rows)
        names = ", ".join(name for name, _ in mirror_columns.all_columns(mirror_columns.typed_columns(RESOURCE))[1:])
        text = f"SELECT {names} FROM products WHERE source = :source ORDER BY key"
        added, put = sql.rows(session, text, source="added"), sql.rows(session, text, source="put")
        assert (len(added), added) == (len(documents), put)
        assert mirror.stored(session, RESOURCE, "added", [row.id for row in rows])[rows[0].id].document == documents[0]
        session.rollback()


def test_a_table_can_be_asked_in_plain_sql(mirrored: Database) -> None:
    _put(mirrored, Id("", "1"))
    of_document = "document ->> 'name'" if mirrored.dialect == "postgresql" else "json_extract(document, '$.name')"
    text = f"SELECT name, {of_document} FROM products WHERE is_open AND group_id > 5 AND create_time < '2026-12-01'"
    with mirrored.read() as session:
        assert [tuple(row) for row in session.execute(text)] == [("Gold 💶 żółć", "Gold 💶 żółć")]


def test_known_tells_versions_and_fingerprints_and_leaves_out_what_was_never_there(mirrored: Database) -> None:
    _put(mirrored, Id("", "1"), Id("", "2"))
    _put(mirrored, Id("", "3"), source="another")
    _delete(mirrored, Id("", "2"))
    with mirrored.read() as session:
        found = mirror.known(session, RESOURCE, "s", [Id("", key) for key in ("1", "2", "3", "4")])
    assert found == {Id("", "1"): Known(1, "1:1", None), Id("", "2"): Known(2, "1:1", LATER)}


def test_known_finds_records_of_several_parents_and_keys_of_any_text(mirrored: Database) -> None:
    ids = [Id("7", "1"), Id("8", "1"), Id("7/3", "a'b\"c"), Id("", "💶"), Id("", "["), Id("x%2Fy", "50%")]
    _put(mirrored, *ids)
    with mirrored.read() as session:
        found = mirror.known(session, RESOURCE, "s", [*ids, Id("8", "2")])
        of_one_parent = mirror.known(session, RESOURCE, "s", [Id("", "💶"), Id("", "["), Id("", "1")])
    assert (set(found), set(of_one_parent)) == (set(ids), {Id("", "💶"), Id("", "[")})


def test_nothing_asked_is_nothing_found(mirrored: Database) -> None:
    with mirrored.write() as session:
        mirror.put(session, RESOURCE, "s", [])
        mirror.refresh(session, RESOURCE, "s", [])
        mirror.mark_deleted(session, RESOURCE, "s", [])
        assert (mirror.known(session, RESOURCE, "s", []), mirror.stored(session, RESOURCE, "s", [])) == ({}, {})


@pytest.mark.parametrize("parents", [1, 10])
def test_a_page_of_500_is_one_statement_to_know_and_one_to_write(mirrored: Database, parents: int) -> None:
    ids = [Id(str(n % parents), str(n)) for n in range(500)]
    _put(mirrored)
    asked: list[str] = []
    mirrored.watchers.append(lambda text, _: asked.append(text.split()[0]))
    with mirrored.write() as session:
        mirror.known(session, RESOURCE, "s", ids)
        mirror.put(session, RESOURCE, "s", [_row(mirrored, one, DOCUMENT) for one in ids])
    assert [word for word in asked if word != "BEGIN"] == ["SELECT", "INSERT"]


def test_a_second_put_keeps_when_a_record_was_first_seen_and_brings_back_what_was_deleted(mirrored: Database) -> None:
    _put(mirrored, Id("", "1"))
    _delete(mirrored, Id("", "1"))
    with mirrored.write() as session:
        mirror.put(session, RESOURCE, "s", [_row(mirrored, Id("", "1"), {"name": "new"}, version=3, at=LATER)])
    with mirrored.read() as session:
        found = mirror.find(session, RESOURCE, "s", key="1")[0]
    assert (found.first_seen_at, found.changed_at, found.deleted_at) == (NOW, LATER, None)
    assert (found.document, found.version, found.fingerprint) == ({"name": "new"}, 3, "1:3")


def test_refresh_changes_the_document_and_neither_version_nor_times(mirrored: Database) -> None:
    _put(mirrored, Id("", "1"))
    with mirrored.write() as session:
        mirror.refresh(session, RESOURCE, "s", [_row(mirrored, Id("", "1"), {"name": "new"}, version=9, at=LATER)])
    with mirrored.read() as session:
        found = mirror.find(session, RESOURCE, "s", key="1")[0]
        name = sql.value(session, "SELECT name FROM products", ())
    assert (found.document, found.fingerprint, name) == ({"name": "new"}, "1:9", "new")
    assert (found.version, found.first_seen_at, found.changed_at) == (1, NOW, NOW)


def test_a_deleted_record_keeps_its_last_document(mirrored: Database) -> None:
    _put(mirrored, Id("", "1"))
    _delete(mirrored, Id("", "1"))
    with mirrored.read() as session:
        found = mirror.find(session, RESOURCE, "s", key="1")[0]
    assert (found.document, found.version, found.changed_at, found.deleted_at) == (DOCUMENT, 2, LATER, LATER)


def test_live_records_are_counted_and_listed_without_the_deleted_ones(mirrored: Database) -> None:
    ids = [Id(parent, f"{n:03}") for parent in ("a", "b") for n in range(50)]
    gone = [one for one in ids if int(one.key) % 3 == 0]
    _put(mirrored, *ids)
    _put(mirrored, Id("a", "1"), source="another")
    _delete(mirrored, *gone)
    expected = [one for one in ids if one not in gone]
    with mirrored.read() as session:
        assert mirror.live_count(session, RESOURCE, "s") == len(expected)
        assert list(mirror.walk_live(session, RESOURCE, "s")) == expected
    assert _live(mirrored) == expected
    assert _live(mirrored, parent_key="b") == [one for one in expected if one.parent_key == "b"]


def test_live_records_are_walked_in_pieces_of_any_size(mirrored: Database) -> None:
    ids = sorted(Id(parent, str(n)) for parent in ("", "a") for n in range(20))
    gone = ids[3:19]
    _put(mirrored, *ids)
    _delete(mirrored, *gone)
    for limit in (1, 2, 7, 24, 100):
        walked: list[Id] = []
        while found := _live(mirrored, limit=limit, after=walked[-1] if walked else None):
            assert len(found) <= limit
            walked += found
        assert walked == [one for one in ids if one not in gone]


def test_keys_come_in_the_order_of_their_bytes(mirrored: Database) -> None:
    """PostgreSQL's own order ignores case and signs; a walk that goes on after a key must not depend on it."""
    keys = ["b", "B", "a", "_", "10", "9", "ä", "a b", "a-b", "💶"]
    _put(mirrored, *(Id("", key) for key in keys))
    assert [one.key for one in _live(mirrored)] == sorted(keys, key=str.encode)


def test_descendants_are_found_at_any_depth_and_their_neighbours_are_not(mirrored: Database) -> None:
    below = [Id("4", "1"), Id("4/1", "2"), Id("4/1/2", "3")]
    beside = [Id("40", "1"), Id("4.", "1"), Id("4%2F1", "1"), Id("", "4"), Id("5", "1"), Id("4", "gone")]
    _put(mirrored, *below, *beside)
    _delete(mirrored, Id("4", "gone"))
    with mirrored.read() as session:
        assert mirror.descendants(session, RESOURCE, "s", parent_key="4", limit=10) == below
        assert mirror.descendants(session, RESOURCE, "s", parent_key="4", limit=2) == below[:2]


def test_a_record_is_found_by_its_key_with_and_without_its_parent(mirrored: Database) -> None:
    _put(mirrored, Id("a", "1"), Id("b", "1"), Id("b", "2"))
    with mirrored.read() as session:
        assert [found.id for found in mirror.find(session, RESOURCE, "s", key="1")] == [Id("a", "1"), Id("b", "1")]
        assert [found.id for found in mirror.find(session, RESOURCE, "s", key="1", parent_key="b")] == [Id("b", "1")]
        assert mirror.find(session, RESOURCE, "s", key="3") == []


def test_what_is_asked_for_often_goes_through_an_index(mirrored: Database) -> None:
    if mirrored.dialect == "postgresql":
        pytest.skip("its planner decides by the sizes of the tables")
    _put(mirrored, *(Id("", str(n)) for n in range(10)))
    plans: list[str] = []

    def explain(statement: str, parameters: Any) -> None:
        if statement.startswith("SELECT"):
            found = session.driver.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
            plans.extend(row[3] for row in found if "products" in row[3])

    mirrored.watchers.append(explain)
    with mirrored.read() as session:
        mirror.known(session, RESOURCE, "s", [Id("", "1")])
        mirror.known(session, RESOURCE, "s", [Id("", "1"), Id("a", "1")])
        mirror.live_count(session, RESOURCE, "s")
        mirror.live_ids(session, RESOURCE, "s", limit=5, after=Id("", "2"))
    key, gone = "sqlite_autoindex_products_1", "ix_products_source"
    assert plans == [
        f"SEARCH products USING INDEX {key} (source=? AND parent_key=? AND key=?)",
        f"SEARCH products USING INDEX {key} (source=? AND parent_key=? AND key=?)",
        f"SEARCH products USING COVERING INDEX {key} (source=?)",
        f"SEARCH products USING COVERING INDEX {gone} (source=?)",
        f"SEARCH products USING COVERING INDEX {key} (source=? AND (parent_key,key)>(?,?))",
        f"SEARCH products USING COVERING INDEX {gone} (source=? AND (parent_key,key)>(?,?) AND (parent_key,key)<(?,?))",
    ]
