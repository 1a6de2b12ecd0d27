"""What `replay` says, asks and refuses; which events go out again is in test_replay.py."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from sqlalchemy import update
from sqlmodel import col

from storage import actions, deliveries, outbox, point_pauses, points
from storage.tables import ChangeRow, PointRow
from tasks.delivery import replay as step
from tests.commands import Commands, Result
from tests.shop import CONFIGURATION, NOON, Shop, open_shop

ROUTED = """
[[routes]]
points = ["AUDIT", "QUIET", "GONE", "OFF"]
resources = ["things", "parts"]
kinds = ["snapshot", "updated", "deleted"]

[[routes]]
points = ["NEWS"]
resources = ["mirrorpoint.*"]
"""
BEFORE = ("--from", "2026-11-22T08:00:00Z")


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Seven changes of two resources; AUDIT has the first, is owed the second, and never got the rest."""
    made = open_shop(tmp_path)
    (tmp_path / "mirrorpoint.toml").write_text(CONFIGURATION + ROUTED)
    with made.database.write() as session:
        for code in ("AUDIT", "QUIET", "GONE", "OFF", "NEWS", "UNROUTED"):
            points.add(session, code=code, url="https://audit.example.com/hook", now=NOON)
        outbox.owe(session, [outbox.Owed(seq, "AUDIT", f"shop/things/{seq}") for seq in (1, 2)], now=NOON)
        first, _ = outbox.lease_due(session, now=NOON, lease_seconds=1, limit=9, per_point={"AUDIT": 9}, at_once=9)
        outbox.settle(session, [outbox.Outcome(first, "delivered", NOON, attempted_at=NOON, status=204)])  # type: ignore[arg-type]
    return made


@pytest.fixture
def commands(shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(tmp_path / "mirrorpoint.toml", capsys)


def states(shop: Shop, code: str = "AUDIT") -> dict[int | None, str]:
    with shop.database.read() as session:
        return {row.change_seq: row.state for row in deliveries.read(session, point=code)}


def test_it_says_how_much_it_is_makes_it_due_and_who_sends_it(commands: Commands, shop: Shop) -> None:
    said = commands("replay", "--point", "AUDIT", *BEFORE, "--to", "2026-11-22T12:00:01Z", "--yes")
    assert said.code == 0
    found, end = said.out.splitlines()
    assert found == (
        "7 changes of 2 resources between 2026-11-22 08:00:00Z and 2026-11-22 12:00:01Z: 1 was told before, "
        "1 is still owed, 5 never"
    )
    assert end == "7 changes are due now"
    assert "`mirrorpoint run` sends them, or `mirrorpoint deliver` now" in said.err
    assert states(shop) == dict.fromkeys(range(1, 8), "due")


def test_programs_get_one_document(commands: Commands) -> None:
    found = commands("replay", "--point", "AUDIT", *BEFORE, "--to", "2026-11-22T10:00:00Z", "--yes", "--json").json
    assert found == {
        "point": "AUDIT",
        "from": "2026-11-22T08:00:00Z",
        "to": "2026-11-22T10:00:00Z",
        "changes": 2,
        "resources": 1,
        "told": 1,
        "owed": 1,
        "never": 0,
        "erased": 0,
        "made_due": 2,
        "left": 0,
    }


def test_where_nobody_can_be_asked_it_only_counts(
    commands: Commands, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    before = states(shop)
    said = commands("replay", "--point", "AUDIT", *BEFORE)
    assert (said.code, said.out.count("\n")) == (130, 1)
    assert "7 changes of 2 resources" in said.out
    assert said.err == "nothing was sent, since nobody can be asked here: add --yes\n"
    quiet = commands("replay", "--point", "AUDIT", *BEFORE, "--json")
    assert (quiet.code, quiet.json["changes"], quiet.json["made_due"]) == (130, 7, 0)
    assert states(shop) == before
    with shop.database.read() as session:
        assert actions.read(session) == []


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 130)])
def test_a_person_is_asked(
    commands: Commands, shop: Shop, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    asked: list[str] = []

    def confirm(question: str, **_: object) -> bool:
        asked.append(question)
        if answer == "n":
            import typer

            raise typer.Abort
        return True

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.confirm", confirm)
    assert commands("replay", "--point", "AUDIT", *BEFORE).code == code
    assert asked == ["send 7 changes to AUDIT again?"]
    assert (states(shop)[1] == "due") is (answer == "y")


def test_it_can_be_narrowed_by_resources_and_kinds(commands: Commands, shop: Shop) -> None:
    def number(*narrowed: str) -> int:
        return int(commands("replay", "--point", "QUIET", *BEFORE, *narrowed, "--json", "--yes").json["changes"])

    assert number() == 7
    assert number("--resource", "things") == 4
    assert number("--resource", "shop:par*") == 3
    assert number("--resource", "things", "--kind", "deleted", "--kind", "updated") == 2
    assert number("--kind", "created") == 0
    assert "no change between" in commands("replay", "--point", "QUIET", *BEFORE, "--kind", "created").out


def test_what_was_erased_is_left_out_and_counted(commands: Commands, shop: Shop) -> None:
    with shop.database.write() as session:
        session.objects.execute(
            update(ChangeRow).where(col(ChangeRow.seq) == 3).values(salt=None, document=None, previous={})
        )
    said = commands("replay", "--point", "QUIET", *BEFORE, "--yes")
    assert "6 changes of 2 resources" in said.out
    assert "1 more was erased, and is left out" in said.out
    assert 3 not in states(shop, "QUIET")


def test_each_is_told_under_a_new_id_where_that_is_wanted(commands: Commands, shop: Shop) -> None:
    commands("replay", "--point", "AUDIT", *BEFORE, "--yes", "--as-new")
    shown = commands("deliveries", "show", "1", "--json").json
    assert shown["event"]["id"] == shown["event_id"] == shown["headers"]["webhook-id"]
    with shop.database.read() as session:
        (row,) = session.objects.execute(ChangeRow.__table__.select().where(col(ChangeRow.seq) == 1))  # type: ignore[attr-defined]
    assert shown["event_id"] != row.id
    assert "version 1 (snapshot, told as new) to AUDIT" in commands("deliveries", "show", "1").out


def test_it_is_written_down_as_an_action(commands: Commands, shop: Shop) -> None:
    commands("replay", "--point", "AUDIT", *BEFORE, "--resource", "things", "--as-new", "--yes")
    with shop.database.read() as session:
        intent, outcome = actions.read(session)
    assert (intent.what, intent.target) == ("replay", "AUDIT")
    assert intent.arguments == {"from": BEFORE[1], "resource": ["things"], "as_new": True}
    assert outcome.outcome == "done: 4 changes of 1 resource due"


def test_a_point_that_is_paused_is_owed_them_and_it_is_said(commands: Commands, shop: Shop) -> None:
    with shop.database.write() as session:
        point_pauses.begin(session, "QUIET", now=NOON)
    said = commands("replay", "--point", "QUIET", *BEFORE, "--yes")
    assert "QUIET is paused by hand, and nothing is sent before `mirrorpoint points resume QUIET`" in said.err
    assert set(states(shop, "QUIET").values()) == {"due"}


def test_who_interrupts_it_is_told_how_far_it_came(
    commands: Commands, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step, "DUE_AT_A_TIME", 3)
    real, calls = step.replays.make_due, []

    def make_due(*given: object, **more: object) -> object:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(step.replays, "make_due", make_due)
    said = commands("replay", "--point", "QUIET", *BEFORE, "--yes")
    assert said.code == 130
    assert "4 of 7 changes are due; the same command begins anew with all of them" in said.err
    assert len(states(shop, "QUIET")) == 4
    with shop.database.read() as session:
        assert actions.read(session)[1].outcome == "failed: KeyboardInterrupt"


def test_what_could_not_be_made_due_is_said_and_is_code_3(
    commands: Commands, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(step, "WAIT_SECONDS", 0.0)
    monkeypatch.setattr(step.replays, "make_due", lambda _session, _point, piece, **_: {next(iter(piece))})
    said = commands("replay", "--point", "QUIET", *BEFORE, "--resource", "parts", "--yes")
    assert said.code == 3
    assert "1 change is left out: other events of the same records were being sent all the while" in said.out


def refused(commands: Commands, *arguments: str) -> Result:
    said = commands("replay", *arguments, "--yes")
    assert said.code == 2
    assert "hint:" in said.err
    return said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--point", "AUDITT", *BEFORE), 'there is no point "AUDITT"'),
        (("--point", "UNROUTED", *BEFORE), "no route leads to UNROUTED"),
        (("--point", "AUDIT", "--from", "2999-01-01"), '--from "2999-01-01" is in the future'),
        (("--point", "AUDIT", *BEFORE, "--to", "2999-01-01"), '--to "2999-01-01" is in the future'),
        (("--point", "AUDIT", *BEFORE, "--to", "2026-11-22T08:00:00Z"), "--from is not before --to"),
        (("--point", "AUDIT", "--from", "whenever"), '--from "whenever" is no time'),
        (("--point", "AUDIT", *BEFORE, "--kind", "change"), '--kind "change" is not possible here'),
        (("--point", "AUDIT", *BEFORE, "--resource", "thing"), 'there is no resource "thing"'),
    ],
)
def test_what_cannot_be_is_refused_with_the_cure(commands: Commands, arguments: tuple[str, ...], message: str) -> None:
    assert message in refused(commands, *arguments).err


def test_a_point_that_receives_nothing_is_refused_with_what_helps(commands: Commands, shop: Shop) -> None:
    with shop.database.write() as session:
        points.mark_gone(session, "GONE", reason="it answered 410", now=NOON)
        session.objects.execute(update(PointRow).where(col(PointRow.code) == "OFF").values(state="disabled"))
        points.remove(session, "QUIET", now=NOON)
    gone = refused(commands, "--point", "GONE", *BEFORE).err
    assert "the point GONE is gone: it answered 410, so nothing can be sent to it" in gone
    assert "`mirrorpoint points enable GONE`" in gone
    assert "the point OFF is disabled, so nothing" in refused(commands, "--point", "OFF", *BEFORE).err
    assert "the point QUIET was removed" in refused(commands, "--point", "QUIET", *BEFORE).err


def test_a_point_whose_routes_ask_for_notices_alone_is_sent_no_change(commands: Commands) -> None:
    said = commands("replay", "--point", "NEWS", *BEFORE, "--yes")
    assert (said.code, "goes to NEWS by its routes" in said.out) == (0, True)
