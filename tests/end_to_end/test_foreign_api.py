"""A user's own catalogue file: an API that has nothing in common with the Back Office is mirrored without any code."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from changes.records import Id
from changes.sealing import new_key
from tests import mirrored_world
from tests.end_to_end import journal
from tests.end_to_end.stage import ROOT, Receiver, Stage
from tests.mirrored_world import World, last_seq, log

SECRET = "whsec_bWlycm9ycG9pbnQtc2VjcmV0LW9mLWEtdGVzdA=="
CONFIGURATION = """
[storage]
url = "sqlite:///mirror.db"
seal_key = "file:mirrorpoint.key"

[sources.warehouse]
catalogue = "catalogues/foreign.toml"
base_url = "{api}"
auth = {{ method = "sign-in", email = "mirror", password = "env:WAREHOUSE_SECRET" }}
limits = {{ requests_per_second = 200, page_size = 5 }}

[[points]]
code = "STOCK"
url = "{receiver}/stock"
secret = "{secret}"

[[routes]]
points = ["STOCK"]
resources = ["bins", "units"]

[delivery]
allow_networks = ["127.0.0.0/8"]
"""
WAREHOUSES, BINS, UNITS = "/v1/warehouses", "/v1/warehouses/{code}/bins", "/v1/units"


@pytest.fixture
def world(stage: Stage, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("WAREHOUSE_SECRET", "sandbox")
    world = stage.api()
    (stage.folder / "catalogues").mkdir()
    shutil.copy(ROOT / "tests" / "samples" / "foreign.toml", stage.folder / "catalogues")
    (stage.folder / "mirrorpoint.key").write_text(new_key())
    text = CONFIGURATION.format(api=world.url, receiver=receiver.url, secret=SECRET)
    (stage.folder / "mirrorpoint.toml").write_text(text)
    return world


@pytest.fixture
def receiver(stage: Stage) -> Receiver:
    return stage.receiver("--secret", SECRET)


def test_a_foreign_api_is_mirrored_exactly_and_its_changes_are_told(
    stage: Stage, world: World, receiver: Receiver
) -> None:
    checked = stage.call("check")
    assert checked.code == 0, checked.out + checked.err
    first = stage.call("sync", "--json")
    assert first.code == 0, first.err
    assert {("warehouses", 12), ("bins", 60), ("units", 6)} == {
        (scan["resource"], scan["rows"]) for scan in first.json["scans"]
    }
    assert "0 changes" in stage.call("sync").out
    file = stage.folder / "mirrorpoint.toml"
    services = mirrored_world.services(file)
    mirrored_world.assert_equal(services, world, source="warehouse")
    _check_columns(stage.folder / "mirror.db")
    seq = last_seq(services)

    world.change(BINS, "update", parent_keys=["WH-001"], key="01/A", document={"load": 101})
    world.change(BINS, "delete", parent_keys=["WH-001"], key="02/A")
    world.change(BINS, "create", parent_keys=["WH-001"], document={"code": "9/9 ü%"})
    world.change(WAREHOUSES, "delete", key="WH-002")  # with its five bins
    world.change(WAREHOUSES, "create", document={"code": "WH/new"})
    world.change(BINS, "create", parent_keys=["WH/new"], document={"code": "/"})
    world.change(UNITS, "delete", key="litre/100")
    world.change(UNITS, "create", document="gallon")
    for _ in range(2):  # a text in a list has no path of its own: two scans must miss it
        assert stage.call("sync").code == 0
    world.change(WAREHOUSES, "restore", key="WH-002")
    world.change(UNITS, "restore", key="litre/100")
    assert stage.call("sync").code == 0

    mirrored_world.assert_equal(services, world, source="warehouse")
    changes = log(services, after=seq)
    journal.check_versions(log(services))
    two = [("warehouses", Id("", "WH-002")), *(("bins", Id("WH-002", f"{number:02}/A")) for number in range(1, 6))]
    expected = [
        ("bins", Id("WH-001", "01/A"), "updated"),
        ("bins", Id("WH-001", "02/A"), "deleted"),
        ("bins", Id("WH-001", "9/9 ü%"), "created"),
        ("warehouses", Id("", "WH/new"), "created"),
        ("bins", Id("WH%2Fnew", "/"), "created"),
        ("units", Id("", "gallon"), "created"),
        ("units", Id("", "litre/100"), "deleted"),
        ("units", Id("", "litre/100"), "restored"),
        *((*name, kind) for name in two for kind in ("deleted", "restored")),
    ]
    assert sorted(expected) == sorted(mirrored_world.told_changes(changes))
    services.close()

    assert stage.call("deliver", "--wait", "1m").code == 0
    received = receiver.received("/stock")
    assert {change.id for change in changes if change.resource != "warehouses"} == {
        one["event"]["id"] for one in received
    }
    assert [] == [problem for one in received for problem in one["problems"]]
    subjects = {one["event"]["subject"] for one in received}
    assert {"bins/WH-001/01%2FA", "bins/WH-001/9%2F9 ü%25", "bins/WH%2Fnew/%2F", "units/litre%2F100"} <= subjects
    assert {"/mirrorpoint/warehouse"} == {one["event"]["source"] for one in received}
    _check_commands(stage)


def _check_columns(database: Path) -> None:
    """The catalogue's typed columns, for plain SQL."""
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT code, title, active, capacity, document FROM warehouses").fetchall()
        assert {("WH-001", "01/A")} <= set(connection.execute("SELECT parent_key, code FROM bins"))
        assert {'"m³"'} <= {document for (document,) in connection.execute("SELECT document FROM units")}
    for code, title, active, capacity, text in rows:
        document = json.loads(text)
        assert (code, title, active, capacity) == (
            document["code"], document["title"], int(document["active"]), document["capacity"]
        )  # fmt: skip


def _check_commands(stage: Stage) -> None:
    shown = stage.call("show", "bins", "01/A", "--parent", "WH-001", "--json")
    assert (shown.code, shown.json["document"]["load"], shown.json["version"]) == (0, 101, 2)
    told = stage.call("history", "bins", "01/A", "--parent", "WH-001", "--json")
    assert ["snapshot", "updated"] == [line["kind"] for line in told.lines]
    assert ["/load"] == told.lines[1]["changed"]
    assert stage.call("show", "units", "litre/100", "--json").json["document"] == "litre/100"


def test_a_token_that_is_not_good_any_more_is_replaced_in_the_middle_of_a_scan(stage: Stage, world: World) -> None:
    world.tell("options", {"token_seconds": 1})
    world.fault(kind="delay", seconds=0.1, path="/v1/warehouses/*/bins")
    done = stage.call("sync", "--json")
    assert done.code == 0, done.err
    assert {"complete"} == {scan["state"] for scan in done.json["scans"]}
    tries = world.ask("requests", path="/oauth/token")["total"]
    assert 2 <= tries <= 4


def test_what_is_wrong_with_a_catalogue_is_told_with_its_place(stage: Stage, world: World) -> None:
    file = stage.folder / "catalogues" / "foreign.toml"
    file.write_text(file.read_text().replace('parent = "warehouses"', 'parent = "warehuoses"'))
    told = stage.call("sync")
    assert told.code == 2
    assert "foreign.toml" in told.err
    assert 'id you mean "warehouses"' in told.err
    assert told.out == ""
