"""`status --check` for monitoring, `--problems`, and that its summary names the gravest first."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col

from storage import budgets, outbox, points, processes
from storage.session import Session
from storage.tables import DeliveryRow, PointRow, SuspectRow
from tests.commands import Commands
from tests.shop import NOON, Shop, open_shop
from worker.commands.status import standing_view

NOW = NOON + timedelta(minutes=2)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """All is well: every list was complete a moment ago, everybody is at work."""
    made = open_shop(tmp_path)
    made.scan("things", state="complete")
    made.scan("parts", state="complete")
    with made.database.write() as session:
        for kind in ("clock", "scan", "deliver"):
            processes.note_beat(session, f"{kind}@host:1", kind=kind, host="host", now=NOW)
        points.add(session, code="AUDIT", url="https://audit.example.com/hook", now=NOON)
    return made


@pytest.fixture
def commands(
    shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Commands:
    monkeypatch.setattr("worker.commands.times.now", lambda: NOW)
    monkeypatch.setattr("worker.embedded.answers", lambda *_, **__: True)
    return Commands(tmp_path / "mirrorpoint.toml", capsys)


def hold(session: Session) -> None:
    session.objects.add(
        SuspectRow(source="shop", resource="things", parent_key="", key="1", scan_id="s", state="held", held_by="s")
    )


def make_dead(session: Session) -> None:
    outbox.owe(session, [outbox.Owed(1, "AUDIT", "record")], now=NOON)
    session.objects.execute(update(DeliveryRow).values(state="dead"))


def open_breaker(session: Session) -> None:
    session.objects.execute(update(PointRow).values(paused_until=NOW + timedelta(seconds=30)))


def refuse(session: Session) -> None:
    budgets.note_refusal(session, "shop:5f1d", reason="the sign-in answered 401", at=NOON)


def forget_scanner(session: Session) -> None:
    processes.forget(session, "scan@host:1")


def test_check_is_quiet_and_0_where_all_is_well(commands: Commands) -> None:
    found = commands("status", "--check")
    assert (found.code, found.out) == (0, "ok\n")
    assert commands("status", "--json").json["summary"] == {
        "ok": True,
        "resources": 3,
        "fine": 2,
        "off": 1,
        "problems": [],
    }


@pytest.mark.parametrize(
    ("act", "code", "line"),
    [
        (
            hold,
            "held",
            "shop:things: 1 deletion is held until a person approves",
        ),
        (make_dead, "dead", "points[AUDIT]: 1 delivery is dead"),
        (
            open_breaker,
            "paused",
            "points[AUDIT]: it fails, and is left alone until 2026-11-22 12:02:30Z (breaker open)",
        ),
        (
            lambda session: points.mark_gone(session, "AUDIT", reason="it answered 410", now=NOON),
            "gone",
            "points[AUDIT]: it wants no more: it answered 410",
        ),
        (
            refuse,
            "credentials",
            "sources.shop: it refused the credentials at 2026-11-22 12:00:00Z: the sign-in answered 401",
        ),
        (forget_scanner, "nobody-at-work", "processes: not at work: a worker that scans"),
    ],
    ids=["held", "dead", "breaker", "gone", "credentials", "nobody"],
)
def test_check_ends_with_3_and_says_why(commands: Commands, shop: Shop, act: Any, code: str, line: str) -> None:
    with shop.database.write() as session:
        act(session)
    found = commands("status", "--check")
    assert (found.code, found.out) == (3, f"{line}\n")
    told = commands("status", "--check", "--json")
    assert (told.code, [each["code"] for each in told.json["summary"]["problems"]]) == (3, [code])
    assert commands("status").code == 0, "only who asks for it is given 3"


@pytest.mark.parametrize("state", ["failed", "partial", "drifted"])
def test_a_list_that_was_not_complete_is_a_reason_unless_it_is_off(
    commands: Commands, shop: Shop, tmp_path: Path, state: str
) -> None:
    shop.scan("things", state=state, reason="answered 403")
    found = commands("status", "--check")
    assert (found.code, found.out) == (3, f"shop:things: {state}: answered 403\n")
    file = tmp_path / "mirrorpoint.toml"
    file.write_text(file.read_text().replace('drafts = "off"', 'things = "off"'))
    assert commands("status", "--check").code == 0


def test_a_list_that_is_later_than_promised_is_a_reason(
    commands: Commands, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = NOON + timedelta(minutes=20)
    monkeypatch.setattr("worker.commands.times.now", lambda: later)
    with shop.database.write() as session:
        for kind in ("clock", "scan", "deliver"):
            processes.note_beat(session, f"{kind}@host:1", kind=kind, host="host", now=later)
    found = commands("status", "--check")
    assert (found.code, found.out) == (
        3,
        "shop:things: its last complete scan began 20 min ago, 14 min 53 s later than promised\n",
    )
    shown = commands("status").out
    assert re.search(r"^things .* 14 min 53 s late", shown, re.MULTILINE)
    counted = "age counts from the end of the last complete scan, late from the beginning of the last look"
    assert counted in shown.splitlines()


def test_before_the_first_scan_nothing_is_called_fine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.commands.times.now", lambda: NOW)
    shop, off = open_shop(tmp_path), " (1 more are off)"
    commands = Commands(tmp_path / "mirrorpoint.toml", capsys)

    def in_short() -> str:
        return commands("status").out.splitlines()[0].partition("; ")[2]

    assert in_short() == "nothing was scanned yet: 2 resources wait for their first whole scan" + off
    shop.scan("things", state="complete")
    assert in_short() == "1 of 2 resources are fine, 1 not scanned whole yet" + off
    shop.scan("parts", state="failed", reason="answered 500")
    assert in_short() == "1 of 2 resources are fine" + off


def test_a_point_that_a_person_has_paused_is_no_problem(commands: Commands, shop: Shop) -> None:
    with shop.database.write() as session:
        session.objects.execute(update(PointRow).where(col(PointRow.code) == "AUDIT").values(paused_at=NOON))
    assert commands("status", "--check").code == 0
    (point,) = commands("status", "--json").json["points"]
    assert (point["state"], point["paused_at"]) == ("paused", "2026-11-22T12:00:00Z")


def test_what_is_in_trouble_comes_first_and_the_gravest_at_the_top(commands: Commands, shop: Shop) -> None:
    shop.scan("parts", state="failed", reason="answered 500")
    with shop.database.write() as session:
        make_dead(session)
        hold(session)
        processes.forget(session, "clock@host:1")
    lines = commands("status").out.splitlines()
    assert lines[0] == "4 problems; 1 of them waits for a person; 0 of 2 resources are fine (1 more are off)"
    assert lines[4:8] == [
        "! processes: not at work: a clock",
        "! shop:parts: failed: answered 500",
        "! shop:things: 1 deletion is held until a person approves; `mirrorpoint approve s` lets them through",
        "! points[AUDIT]: 1 delivery is dead; `mirrorpoint deliveries retry --point AUDIT` tries again",
    ]
    assert commands("status", "--problems").out.splitlines() == lines[:8]


def test_named_resources_are_told_alone(commands: Commands, shop: Shop) -> None:
    shop.scan("parts", state="failed", reason="answered 500")
    with shop.database.write() as session:
        make_dead(session)
    assert commands("status", "--check", "thing*").code == 0
    found = commands("status", "par*").out
    assert [line.split()[0] for line in found.splitlines()[-2:]] == ["resource", "parts"]
    assert "AUDIT" not in found


def test_many_lists_with_one_problem_are_named_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    problems = [
        {"code": "failed", "where": f"shop:list_{n}", "message": "failed: answered 500", "hint": ""} for n in range(7)
    ]
    standing_view.print_problems(problems)
    assert capsys.readouterr().out == (
        "\n! 7 lists (shop:list_0, shop:list_1, shop:list_2, shop:list_3, …): failed: answered 500\n"
    )


def test_many_late_lists_are_told_with_the_reason_and_the_cure_of_the_worst(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"source": "shop", "resource": f"list_{n}", "late_seconds": 60.0 * n} for n in range(7)]
    problems = [
        {
            "code": "late",
            "where": f"shop:list_{n}",
            "message": f"{n} min later than promised; the plan cannot keep it: {n} requests a scan",
            "hint": "budget.share = 0.2",
        }
        for n in range(7)
    ]
    standing_view.print_problems(problems, rows)
    assert capsys.readouterr().out == (
        "\n! 7 lists (shop:list_6, shop:list_5, shop:list_4, shop:list_3, …): later than promised, the worst first: "
        "6 min later than promised; the plan cannot keep it: 6 requests a scan; budget.share = 0.2\n"
    )


def test_no_address_of_a_broker_is_told_with_its_password(commands: Commands, tmp_path: Path) -> None:
    file = tmp_path / "mirrorpoint.toml"
    file.write_text(f'{file.read_text()}\n[broker]\nurl = "redis://:s3cret@127.0.0.1:9/0"\n')
    found = commands("status", "--json")
    assert found.json["broker"]["url"] == "redis://127.0.0.1:9/0"
    assert not found.json["broker"]["reachable"]
    assert "s3cret" not in found.out + commands("status", "--check").out
