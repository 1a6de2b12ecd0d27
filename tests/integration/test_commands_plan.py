"""What `check`, `status` and the metrics tell of a plan: what is promised, what it costs, and what is kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from changes.cadence.terms import Budget, Cure, Plan, Planned, Promise
from changes.resources import Class
from storage import cadence, head_scans, processes
from storage.engine import Database
from tasks.cadence.gathering import Configured
from tasks.scan.head_state import HeadState
from tests.commands import Commands
from tests.integration import served, test_commands_set_up
from tests.integration.served import Client
from tests.shop import CONFIGURATION, NOON, Shop, open_shop
from upstream import catalogue
from worker import settings

__all__ = ["asking", "server"]  # fixtures

server = test_commands_set_up.server
#: Of a source that is asked.
asking = test_commands_set_up.commands
NOW = NOON + timedelta(minutes=2)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Every list was complete at noon, everybody is at work; the newest things are to be read every 30 seconds."""
    made = open_shop(tmp_path)
    file = tmp_path / "mirrorpoint.toml"
    schedule = 'schedule = { things = { head = "30s", full = "5m" }, drafts = "off" }'
    file.write_text(re.sub("schedule = .*", schedule, CONFIGURATION))
    text = (tmp_path / "shop.toml").read_text()
    (tmp_path / "shop.toml").write_text(text.replace('title = "Things"', 'title = "Things"\ncreated = "madeAt"'))
    made.scan("things", state="complete")
    made.scan("parts", state="complete")
    return made


@pytest.fixture
def at(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets the time; everybody has just given a sign then."""

    def set_time(now: Any) -> None:
        monkeypatch.setattr("worker.commands.times.now", lambda: now)
        with shop.database.write() as session:
            for kind in ("clock", "scan", "deliver"):
                processes.note_beat(session, f"{kind}@host:1", kind=kind, host="host", now=now)

    set_time(NOW)
    return set_time


@pytest.fixture
def commands(shop: Shop, at: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> Commands:
    monkeypatch.setattr("worker.embedded.answers", lambda *_, **__: True)
    return Commands(tmp_path / "mirrorpoint.toml", capsys)


@pytest.fixture
def client(shop: Shop, at: Any, tmp_path: Path) -> Iterator[Client]:
    with served.client(tmp_path / "mirrorpoint.toml") as page:
        yield page


def look_at_newest(shop: Shop, moment: Any) -> None:
    head = {"way": "newest", "started_at": moment.isoformat()}
    with shop.database.write() as session:
        head_scans.note(session, "shop", "things", head=head)


def store(
    shop: Shop, tmp_path: Path, *, interval_seconds: float, unkept: bool = False, rule: str = "", cure: str = ""
) -> None:
    """A plan as a clock has written it, of the settings as they stand in the file."""
    read = settings.load(str(tmp_path / "mirrorpoint.toml"), environ={}).sources["shop"]
    loaded = catalogue.load("shop.toml", base=tmp_path)
    configured = Configured("shop", loaded, read.schedule, read.limits.page_size, read.plan_budget)
    promises = dict.fromkeys(Promise, 300.0)
    line = Planned(
        resource="things",
        class_=Class.SET_UP,
        interval_seconds=interval_seconds,
        head_interval_seconds=None,
        requests_per_scan=3,
        requests_per_hour=36,
        promises=promises,
        is_kept=dict.fromkeys(Promise, not unkept),
        why="as it was stored",
    )
    plan = Plan((line,), Budget(20), claimed_per_hour=36, planned_per_hour=36, cure=Cure(cure, 0) if cure else None)
    with shop.database.write() as session:
        cadence.lock(session, "shop")
        cadence.write(session, "shop", plan, {}, rule=rule or configured.rule, now=NOON)


def row(commands: Commands, name: str) -> dict[str, Any]:
    found: dict[str, Any] = commands("status", name, "--json").json["resources"][0]
    return found


def test_check_tells_interval_heads_cost_and_promises_of_each_list(
    asking: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIRRORPOINT_SOURCES__SHOP__SCHEDULE__DEFAULT", "auto")
    monkeypatch.setenv("MIRRORPOINT_SOURCES__SHOP__SCHEDULE__THINGS", "1m")
    plan = {line["resource"]: line for line in asking("check", "--json").json["plan"]}
    things, parts = plan["things"], plan["parts"]
    assert (things["interval_seconds"], things["head_interval_seconds"]) == (60, None)
    assert things["promises"] == {which: pytest.approx(62, abs=1) for which in ("created", "updated", "deleted")}
    assert (things["kept"], things["requests_per_scan"]) == (dict.fromkeys(Promise, True), 4)
    assert (parts["class"], parts["promises"]["updated"], parts["requests_per_scan"]) == ("traffic", 14_400, 251)
    # Its list has no path for a single record: it must be absent twice.
    assert parts["promises"]["deleted"] == 28_800
    assert 60 <= parts["interval_seconds"] <= 14_400
    assert "changes a day" in parts["why"]
    told = asking("check").out.splitlines()
    assert re.split(r"  +", told[0])[3:] == [
        *("interval", "head", "requests a scan", "an hour", "created", "updated", "deleted", "why")
    ]
    assert re.search(r"^things +1m +250 +1 min +- +4 ", told[1])
    assert any(re.search(r"shop: 2 of 2 .* requests an hour planned of 1,800,000 in its budget", line) for line in told)


def test_check_ends_with_3_and_the_cheapest_cure_where_the_budget_carries_no_more(
    asking: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIRRORPOINT_SOURCES__SHOP__SCHEDULE__THINGS", "5s")  # 4 requests each
    monkeypatch.setenv("MIRRORPOINT_SOURCES__SHOP__SCHEDULE__PARTS", "5m")  # 251
    monkeypatch.setenv("MIRRORPOINT_SOURCES__SHOP__LIMITS__REQUESTS_PER_SECOND", "2")
    found = asking("check", "--json")
    (problem,) = found.json["problems"]
    assert (found.code, problem["where"], problem["code"]) == (3, "sources.shop.budget", "budget")
    assert problem["message"] == (
        "5,892 requests an hour are claimed by schedules, promises and head scans, 3,600 may be planned with"
    )
    assert problem["hint"] == 'schedule.parts = "30m" in place of "5m" (saves 2,510 an hour)'
    assert "error: sources.shop.budget: 5,892 requests" in asking("check").err
    monkeypatch.setenv("MIRRORPOINT_SOURCES__SHOP__SCHEDULE__PARTS", "22m")
    (problem,) = asking("check", "--json").json["problems"]
    assert problem["message"] == (
        "3,565 requests an hour are claimed by schedules, promises and head scans, 3,600 may be planned with, "
        "less 144 that are left to looks that follow a change"
    )
    monkeypatch.setenv("MIRRORPOINT_SOURCES__SHOP__SCHEDULE__PARTS", "30m")
    assert asking("check", "--json").code == 0


def test_schedules_that_want_more_than_the_limits_are_told_by_how_much_scans_come_later(
    asking: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIRRORPOINT_SOURCES__SHOP__SCHEDULE__THINGS", "5s")
    monkeypatch.setenv("MIRRORPOINT_SOURCES__SHOP__SCHEDULE__PARTS", "2m")
    monkeypatch.setenv("MIRRORPOINT_SOURCES__SHOP__LIMITS__REQUESTS_PER_SECOND", "2")
    found = asking("check", "--json")
    (problem,) = found.json["problems"]
    assert found.code == 3
    assert re.search(r"the limits themselves allow 7,200, so scans come 1\.\d times later$", problem["message"])
    assert [line["kept"]["updated"] for line in found.json["plan"]] == [False, False]


def test_check_warns_of_a_promise_that_is_shorter_than_a_scan_takes(
    asking: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIRRORPOINT_SOURCES__SHOP__SCHEDULE__DEFAULT", "auto")
    monkeypatch.setenv("MIRRORPOINT_SOURCES__SHOP__BUDGET__PROMISE__TRAFFIC", "2s")
    found = asking("check", "--json")
    (warned,) = found.json["warnings"]
    assert (found.code, warned["where"]) == (0, "shop:parts")
    assert warned["hint"].startswith("give it a longer promise or a schedule of its own")
    assert "what is promised cannot be kept (created, updated, deleted)" in warned["message"]
    assert "too long for the promise of 2 s" in warned["message"]
    kept = {line["resource"]: line["kept"] for line in found.json["plan"]}
    assert kept == {"things": dict.fromkeys(Promise, True), "parts": dict.fromkeys(Promise, False)}
    assert "2 s (not kept)" in asking("check").out


def test_check_says_which_lists_can_have_no_head_scans_and_what_happens(
    asking: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIRRORPOINT_SOURCES__SHOP__SCHEDULE", '{"*": {"head": "30s", "full": "1h"}, "drafts": "off"}')
    found = asking("check", "--json")
    warned = {each["where"]: each["message"] for each in found.json["warnings"]}
    assert found.code == 0
    assert warned == {
        "shop:things": "its head interval has no effect, since its catalogue names nothing by which new rows come "
        "first or last: what is created is seen by full scans",
        "shop:parts": "its head interval has no effect, since it has a list below each parent: "
        "what is created is seen by full scans",
    }
    assert {line["head_interval_seconds"] for line in found.json["plan"]} == {None}


def test_check_says_whose_head_interval_its_server_has_refused(
    asking: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule = '{"*": "1h", "things": {"head": "30s", "full": "1h"}, "drafts": "off"}'
    monkeypatch.setenv("MIRRORPOINT_SOURCES__SHOP__SCHEDULE", schedule)
    file = tmp_path / "shop.toml"
    path = 'item_path = "/things/{key}"'
    file.write_text(file.read_text().replace(path, f'{path}\ncreated = "id"'))
    assert asking("check", "--json").json["warnings"] == []
    database = Database(f"sqlite:///{tmp_path / 'mirrorpoint.db'}")
    refused = HeadState().refused("its rows have no order", now=datetime.now(UTC))
    with database.write() as session:
        head_scans.note(session, "shop", "things", head=refused.to_json())
    (warned,) = asking("check", "--json").json["warnings"]
    assert warned["where"] == "shop:things"
    assert warned["message"].startswith("its head interval has no effect: its rows have no order; ")


def test_status_tells_what_is_promised_before_any_plan_was_made(commands: Commands) -> None:
    things = row(commands, "things")
    assert (things["interval_seconds"], things["head_interval_seconds"]) == (300, 30)
    assert (things["promises"]["created"], things["promises"]["updated"]) == (32, 307)
    assert (things["kept"]["updated"], things["observed"]["updated"], things["late_seconds"]) == (True, 120, 88)
    assert things["why"].startswith("as configured")
    drafts = row(commands, "drafts")
    assert (drafts["promises"], drafts["kept"], drafts["interval_seconds"], drafts["why"]) == ({}, {}, None, None)


def test_the_plan_at_work_is_told_as_it_stands(commands: Commands, shop: Shop, tmp_path: Path) -> None:
    store(shop, tmp_path, interval_seconds=123)
    assert (row(commands, "things")["interval_seconds"], row(commands, "things")["why"]) == (123, "as it was stored")


def test_a_plan_of_other_settings_is_not_told(commands: Commands, shop: Shop, tmp_path: Path) -> None:
    store(shop, tmp_path, interval_seconds=123, rule="of yesterday")
    assert row(commands, "things")["interval_seconds"] == 300


def test_newest_records_that_were_not_looked_at_in_time_break_the_promise_of_creations_alone(
    commands: Commands, shop: Shop
) -> None:
    look_at_newest(shop, NOW - timedelta(seconds=20))
    assert (row(commands, "things")["kept"], commands("status", "--check").code) == (dict.fromkeys(Promise, True), 0)
    look_at_newest(shop, NOW - timedelta(seconds=50))
    things = row(commands, "things")
    assert things["kept"] == {"created": False, "updated": True, "deleted": True}
    assert (things["observed"], things["late_seconds"]) == ({"created": 50, "updated": 120, "deleted": 120}, 18)
    found = commands("status", "--check")
    said = "shop:things: the last look at its newest records began 50 s ago, 18 s later than promised\n"
    assert (found.code, found.out) == (3, said)


def test_a_promise_that_the_plan_cannot_keep_says_so_when_it_is_broken(
    commands: Commands, shop: Shop, at: Any, tmp_path: Path
) -> None:
    store(shop, tmp_path, interval_seconds=900, unkept=True)
    assert commands("status", "--check").code == 0
    at(NOON + 6 * MINUTE)
    found = commands("status", "--check")
    late = (
        "its last complete scan began 6 min ago, 1 min later than promised; the plan cannot keep it: as it was stored"
    )
    assert (found.code, found.out) == (3, f"shop:things: {late}\n")


def test_status_says_why_there_are_no_head_scans(commands: Commands, shop: Shop) -> None:
    with shop.database.write() as session:
        refused = {"way": "none", "why": "the first page is not sorted", "tried_at": NOW.isoformat()}
        head_scans.note(session, "shop", "things", head=refused)
    assert row(commands, "things")["no_heads"] == "the first page is not sorted"
    assert "no head scans: the first page is not sorted" in commands("status").out
    assert row(commands, "things")["promises"]["created"] == row(commands, "things")["promises"]["updated"]


def test_metrics_tell_each_promise_and_whether_it_is_kept(client: Client, shop: Shop) -> None:
    look_at_newest(shop, NOW - timedelta(seconds=50))
    text = client.get("/metrics").text
    place = 'resource="things",source="shop"'
    for name, value in {
        f'promise_seconds{{{place},which="created"}}': "32.0",
        f'promise_seconds{{{place},which="updated"}}': "307.0",
        f'promise_kept{{{place},which="created"}}': "0.0",
        f'promise_kept{{{place},which="updated"}}': "1.0",
        f"promised_staleness_seconds{{{place}}}": "307.0",
        f"interval_seconds{{{place}}}": "300.0",
        f"head_interval_seconds{{{place}}}": "30.0",
        f"requests_per_scan{{{place}}}": "1.0",
    }.items():
        assert f"mirrorpoint_resource_{name} {value}\n" in text
    assert 'mirrorpoint_scans_total{kind="head",resource="things",source="shop",state="complete"} 0.0' in text
    assert 'resource="drafts",source="shop",which' not in text
