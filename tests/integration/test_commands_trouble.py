"""What `status` and `check` say of resources that are slow or left alone, and of processes that are missing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col

from storage import backoff, budgets, leases, outbox, points, processes, scans
from storage.tables import DeliveryRow
from tests.commands import Commands
from tests.shop import Shop, open_shop
from worker import embedded, liveness

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return open_shop(tmp_path)


@pytest.fixture
def commands(
    shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Commands:
    monkeypatch.setattr("worker.commands.times.now", lambda: NOW)
    return Commands(tmp_path / "mirrorpoint.toml", capsys)


def problem(commands: Commands, resource: str = "things") -> Any:
    rows = commands("status", "--json").json["resources"]
    return next(row["problem"] for row in rows if row["resource"] == resource)


def write_scan(
    shop: Shop, *, seconds: float | None, resource: str = "things", state: str = "complete", ended: float = 0
) -> None:
    """`seconds` None: it runs since `ended` seconds before now."""
    with shop.database.write() as session:
        began = NOW - timedelta(seconds=ended + (seconds or 0))
        scans.begin(session, source="shop", resource=resource, kind="full", fence=1, now=began, id=f"{resource} scan")
        if seconds is not None:
            at = NOW - timedelta(seconds=ended)
            assert scans.finish(session, f"{resource} scan", fence=1, state=state, now=at, reason="answered 500")


def test_a_scan_that_takes_longer_than_its_interval_is_told_as_such(commands: Commands, shop: Shop) -> None:
    write_scan(shop, seconds=420)
    write_scan(shop, seconds=3500, resource="parts")
    assert problem(commands) == "its scan takes 7 min, longer than its interval of 5 min"
    assert problem(commands, "parts") is None
    found = commands("status", "--json").json["resources"][0]
    assert found["state"] == "complete"


def test_one_that_runs_longer_than_its_interval_is_told_before_it_ends(commands: Commands, shop: Shop) -> None:
    write_scan(shop, seconds=None, ended=301)
    with shop.database.write() as session:
        leases.acquire(session, leases.of_scan("shop", "things"), holder="w", now=NOW, seconds=60)
    assert problem(commands) == "its scan takes 5 min 1 s so far, longer than its interval of 5 min"


def test_a_cron_line_has_an_interval_too(commands: Commands, shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "mirrorpoint.toml"
    crons = 'schedule = { things = "*/5 * * * *", parts = "0 3 * * *" }'
    file.write_text(file.read_text().replace('schedule = { drafts = "off" }', crons))
    write_scan(shop, seconds=301)
    write_scan(shop, seconds=7200, resource="parts")
    assert problem(commands) == "its scan takes 5 min 1 s, longer than its interval of 5 min"
    assert problem(commands, "parts") is None


@pytest.mark.parametrize(("seconds", "state"), [(299, "complete"), (420, "failed")])
def test_in_time_or_without_a_list_there_is_nothing_to_say_of_time(
    commands: Commands, shop: Shop, seconds: float, state: str
) -> None:
    write_scan(shop, seconds=seconds, state=state)
    assert "takes" not in (problem(commands) or "")


def test_a_resource_that_is_left_alone_says_until_when_and_after_what(commands: Commands, shop: Shop) -> None:
    write_scan(shop, seconds=1, state="failed")
    with shop.database.write() as session:
        for _ in range(3):
            backoff.note_failure(session, "shop", "things", is_sources=False, now=NOW)
    assert problem(commands) == "answered 500; left alone until 2026-11-23 12:04:00Z, after 3 failures in a row"
    assert problem(commands, "parts") is None


def test_a_source_that_is_left_alone_is_told_with_each_of_its_resources(commands: Commands, shop: Shop) -> None:
    with shop.database.write() as session:
        for number in range(7):
            backoff.note_failure(session, "shop", f"list {number}", is_sources=True, now=NOW)
    assert problem(commands) == "its source is left alone until 2026-11-23 12:01:20Z, after 7 failures in a row"
    assert problem(commands, "drafts") is None, "it is off"


def test_a_source_that_cannot_be_read_is_one_problem_and_not_one_for_each_list(commands: Commands, shop: Shop) -> None:
    write_scan(shop, seconds=1, state="complete", resource="parts", ended=600)
    for resource in ("things", "parts"):
        with shop.database.write() as session:
            scan_id = f"{resource} again"
            scans.begin(session, source="shop", resource=resource, kind="full", fence=2, now=NOW, id=scan_id)
            scans.finish(session, scan_id, fence=2, state="failed", now=NOW, reason="answered 500")
    with shop.database.write() as session:
        for number in range(3):
            backoff.note_failure(session, "shop", f"list {number}", is_sources=True, now=NOW)
        scans.put_state(session, "shop", "things", {"next_at": NOW})
    summary = commands("status", "--json").json["summary"]
    told = [(each["where"], each["message"], each["hint"]) for each in summary["problems"] if "shop" in each["where"]]
    said = "it has been failing since 2026-11-23 11:50:00Z: answered 500; it is tried again at 2026-11-23 12:00:05Z"
    assert told == [("sources.shop", said, "`mirrorpoint sync` tries now")]
    alone = commands("status", "things", "--json").json
    assert alone["sources"][0]["unread_since"] == "2026-11-23T11:50:00Z", "all lists of the source tell since when"
    assert [row["resource"] for row in alone["resources"]] == ["things"]
    assert alone["resources"][0]["next_at"] == "2026-11-23T12:00:05Z", "it is not asked before, though it is due"
    assert summary["fine"] == 0
    with shop.database.write() as session:
        budgets.pause(session, "shop", until=NOW + timedelta(seconds=40))
    summary = commands("status", "--json").json["summary"]
    (told_of_pause,) = [each["message"] for each in summary["problems"] if "shop" in each["where"]]
    assert told_of_pause.endswith("it is tried again at 2026-11-23 12:00:40Z"), "it asked to be left alone until then"


def test_check_warns_of_who_is_left_alone(commands: Commands, shop: Shop) -> None:
    with shop.database.write() as session:
        backoff.note_failure(session, "shop", "things", is_sources=False, now=datetime.now(UTC))
    warnings = {each["where"]: each for each in commands("check", "--json").json["warnings"]}
    assert warnings["shop:things"]["message"].startswith("left alone until")
    assert "mirrorpoint sync" in warnings["shop:things"]["hint"]


def test_a_scan_whose_process_has_ended_is_interrupted_and_takes_no_time(commands: Commands, shop: Shop) -> None:
    write_scan(shop, seconds=None, ended=780)
    with shop.database.write() as session:
        leases.acquire(
            session,
            leases.of_scan("shop", "things"),
            holder="w",
            now=NOW - timedelta(seconds=700),
            seconds=60,
        )
    assert problem(commands).startswith("its scan was interrupted")
    found = commands("status").out
    assert "interrupted" in found
    assert "takes" not in found
    assert "running" not in found


@pytest.mark.parametrize(("kinds", "state"), [((), "interrupted"), (("scan",), "running")])
def test_between_two_slices_a_scan_runs_where_a_worker_is_there(
    commands: Commands, shop: Shop, kinds: tuple[str, ...], state: str
) -> None:
    write_scan(shop, seconds=None, ended=30)
    note_processes(shop, *kinds)
    assert commands("status", "--json").json["resources"][0]["state"] == state


def test_the_next_scan_is_never_in_the_past(commands: Commands, shop: Shop) -> None:
    with shop.database.write() as session:
        scans.note_next(session, {("shop", "things"): NOW - timedelta(seconds=20)})
        scans.note_next(session, {("shop", "parts"): NOW - timedelta(hours=2)})
    lines = {line.split()[0]: line for line in commands("status").out.splitlines() if line}
    assert "due now" in lines["things"]
    assert "due for 2 h" in lines["parts"]
    assert commands("status", "--json", "parts").json["resources"][0]["overdue_seconds"] == 7200


def test_deliveries_that_end_their_process_are_a_problem(commands: Commands, shop: Shop) -> None:
    with shop.database.write() as session:
        outbox.owe(session, [outbox.Owed(seq, "LEDGER", f"record {seq}") for seq in (1, 2)], now=NOW)
        session.objects.execute(
            update(DeliveryRow).where(col(DeliveryRow.change_seq) == 2).values(losses=outbox.LOSSES)
        )
    (told,) = [line for line in commands("status").out.splitlines() if "LEDGER" in line]
    assert "1 delivery to LEDGER rests: the process that attempted it has ended each time; " in told
    assert told.endswith("`mirrorpoint deliveries --point LEDGER` shows it")


def note_processes(shop: Shop, *kinds: str, seconds: float = 3) -> None:
    with shop.database.write() as session:
        for kind in kinds:
            at = NOW - timedelta(seconds=seconds)
            processes.note_beat(session, f"{kind}@host:1", kind=kind, host="host", now=at)


def test_status_says_who_is_at_work(commands: Commands, shop: Shop) -> None:
    note_processes(shop, "clock", "scan+deliver")
    told = commands("status").out.splitlines()[1]
    assert told == "at work: clock@host:1, scan+deliver@host:1; last sign 3 s ago"
    assert commands("status", "--json").json["processes"][0] == {
        "name": "clock@host:1",
        "kind": "clock",
        "host": "host",
        "started_at": "2026-11-23T11:59:57Z",
        "beat_at": "2026-11-23T11:59:57Z",
        "at_work": True,
    }


def test_status_says_who_is_missing_and_whether_the_broker_answers(
    commands: Commands, shop: Shop, tmp_path: Path
) -> None:
    with shop.database.write() as session:
        points.add(session, code="AUDIT", url="https://audit.example.com/hook", now=NOW)
    note_processes(shop, "deliver", seconds=liveness.SILENT_SECONDS + 1)
    note_processes(shop, "clock", "scan")
    lines = commands("status", "--check").out.splitlines()
    assert lines == [
        "processes: not at work: a worker that delivers",
        "broker: embedded does not answer: it is started by `mirrorpoint run`",
    ]
    where = embedded.place(tmp_path / ".mirrorpoint" / "mirror.db")
    with embedded.Broker(where):
        file = tmp_path / "mirrorpoint.toml"
        file.write_text(f'{file.read_text()}\n[broker]\nurl = "{where.url}"\n')
        assert commands("status", "--check").out.splitlines() == lines[:1]
        assert commands("status", "--json").json["broker"] == {"url": where.url, "reachable": True, "problem": None}


def test_status_says_when_nobody_is_at_work(commands: Commands, shop: Shop) -> None:
    note_processes(shop, "clock", "scan", "deliver", seconds=liveness.SILENT_SECONDS + 1)
    lines = commands("status").out.splitlines()
    assert lines[:5] == [
        "1 problem; nothing was scanned yet: 2 resources wait for their first whole scan (1 more are off)",
        "nobody is at work",
        "record: not verified yet; `mirrorpoint verify` does it now, `[record] verify` says how often it is done",
        "",
        "! processes: no clock and no worker is at work: nothing is scanned or sent by itself; start `mirrorpoint run`",
    ]
