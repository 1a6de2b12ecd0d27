"""Figures over all resources at once, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from changes.records import Id
from changes.resources import ColumnType, Resource
from storage import mirror, prepare, reports, scans, sql, suspects
from storage.engine import Database
from storage.tables import BudgetRow, SuspectRow, TokenRow
from upstream import catalogue

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
RESOURCES = catalogue.parse(
    "".join(f'[resources.list_{number}]\npath = "/{number}"\ncolumns = {{ name = "text" }}\n' for number in range(8)),
    name="many",
    origin="many.toml",
).resources


@pytest.fixture
def filled(database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setattr(reports, "_CHUNK", 5)  # the tables of eight lists in two parts
    first = RESOURCES["list_0"]
    prepare.prepare(database, {"s": list(RESOURCES.values())})
    with database.write() as session:
        mirror.put(session, first, "shop", [row(key) for key in ("1", "2")])
        mirror.put(session, RESOURCES["list_7"], "store", [row("1")])
        for number, state in enumerate(("failed", "complete")):
            scan = scans.begin(
                session,
                source="shop",
                resource="list_0",
                kind="full",
                fence=1,
                now=NOON + timedelta(hours=number),
                id=f"scan-{number}",
            )
            scans.finish(session, scan.id, fence=1, state=state, now=NOON + timedelta(hours=number, seconds=5))
        for key, state in (("1", "absent"), ("2", "held")):
            held_by = "s" if state == "held" else None
            place = {"source": "shop", "resource": "list_0", "parent_key": "", "key": key}
            session.objects.add(SuspectRow(**place, scan_id="s", state=state, held_by=held_by))
    return database


def row(key: str) -> mirror.MirrorRow:
    return mirror.MirrorRow(
        id=Id("", key),
        canonical=b'{"name":"x"}',
        fingerprint="f",
        version=1,
        columns=("x",),
        first_seen_at=NOON,
        changed_at=NOON,
    )


def named() -> list[tuple[str, Resource]]:
    return [(source, resource) for source in ("shop", "store") for resource in RESOURCES.values()]


def test_rows_of_many_resources_are_counted_per_source(filled: Database) -> None:
    with filled.read() as session:
        counts = reports.row_counts(session, named())
    assert len(counts) == 16
    assert {at: count for at, count in counts.items() if count} == {("shop", "list_0"): 2, ("store", "list_7"): 1}


def test_the_last_scan_of_each_resource_is_found(filled: Database) -> None:
    with filled.read() as session:
        found = reports.last_scans(session, named())
    began = NOON + timedelta(hours=1)
    assert found == {
        ("shop", "list_0"): reports.LastScan("scan-1", "complete", None, began, began + timedelta(seconds=5), began)
    }


def test_states_and_suspects_are_given_for_all_that_have_any(filled: Database) -> None:
    with filled.read() as session:
        states, suspected = reports.resource_states(session), suspects.counts(session)
    assert states[("shop", "list_0")].last_complete_id == "scan-1"
    assert suspected == {("shop", "list_0"): {"absent": 1, "held": 1}}


def test_of_a_source_the_last_refusal_is_told_and_where_there_is_no_account_its_trouble(filled: Database) -> None:
    with filled.write() as session:
        for account, at in (("shop:a", NOON), ("shop:b", NOON + timedelta(hours=2)), ("shop:c", NOON), ("other", None)):
            session.objects.add(TokenRow(source=account, refused_at=at, refused_reason=account if at else None))
        trouble = {"trouble": "refused", "trouble_since": NOON, "trouble_reason": "401"}
        session.objects.add(BudgetRow(name="store", failures=3, rests_until=NOON, **trouble))
    with filled.read() as session:
        found = reports.asking(session, ["shop", "store", "new"])
    assert found == {
        "shop": reports.Asking(refused_at=NOON + timedelta(hours=2), refused_reason="shop:b"),
        "store": reports.Asking(failures=3, rests_until=NOON, refused_at=NOON, refused_reason="401", **trouble),
        "new": reports.Asking(),
    }


def test_a_row_is_given_column_by_column(filled: Database) -> None:
    with filled.read() as session:
        (found,) = reports.rows(session, RESOURCES["list_0"], "shop", key="1")
        assert reports.rows(session, RESOURCES["list_0"], "shop", key="1", parent_key="9") == []
    assert found == {
        "source": "shop",
        "parent_key": "",
        "key": "1",
        "name": "x",
        "document": {"name": "x"},
        "version": 1,
        "fingerprint": "f",
        "first_seen_at": NOON,
        "changed_at": NOON,
        "deleted_at": None,
    }


def test_a_row_has_values_of_the_kinds_of_its_columns(database: Database) -> None:
    kinds = {"count": "integer", "share": "number", "is_open": "boolean", "is_shut": "boolean", "order": "json"}
    columns = {name: ColumnType(kind) for name, kind in kinds.items()} | {"at": ColumnType.TIME, "no": ColumnType.TIME}
    resource = Resource(name="kinds", title="", path="/kinds", columns=columns)
    document: dict[str, Any] = {"count": 2**60, "share": 0.5, "is_open": True, "is_shut": False, "order": {"by": [1]}}
    typed, _ = mirror.columns_of(resource, database.dialect)(document | {"at": "2026-11-22T12:00:00Z"})
    prepare.prepare(database, {"s": [resource]})
    with database.write() as session:
        mirror.put(session, resource, "shop", [row("1")._replace(columns=typed)])
        (found,) = reports.rows(session, resource, "shop", key="1", parent_key="")
    read = {name: found[name] for name in columns}
    assert read == document | {"at": NOON, "no": None}
    assert {name: type(value) for name, value in read.items() if name in document} == {
        name: type(value) for name, value in document.items()
    }


def test_rows_of_one_source_are_counted_without_deleted_ones_and_those_of_other_sources(filled: Database) -> None:
    first = RESOURCES["list_0"]
    with filled.write() as session:
        mirror.put(session, first, "store", [row(key) for key in ("1", "2", "3")])
        mirror.put(session, first, "left", [row("1")])
        sql.change(session, "UPDATE list_0 SET deleted_at = :at WHERE source = 'store' AND key = '3'", at=NOON)
    with filled.read() as session:
        of_both, of_one = (reports.row_counts(session, each) for each in (named(), [("store", first)]))
    assert (of_both["shop", "list_0"], of_both["store", "list_0"]) == (2, 2)
    assert of_one == {("store", "list_0"): 2}


@pytest.mark.parametrize("others", [0, 300])
def test_the_number_of_statements_does_not_follow_the_number_of_sources(filled: Database, others: int) -> None:
    statements: list[str] = []
    more = [(f"other_{number}", resource) for number in range(others) for resource in RESOURCES.values()]
    filled.watchers.append(lambda text, _: statements.append(text))
    with filled.read() as session:
        counts = reports.row_counts(session, named() + more)
        found = reports.last_scans(session, named() + more)
        reports.resource_states(session)
        suspects.counts(session)
    assert (len(counts), sum(counts.values()), list(found)) == (16 + len(more), 3, [("shop", "list_0")])
    assert len([text for text in statements if text.strip().startswith("SELECT")]) == 2 + 1 + 1 + 1, statements
