"""What `deliveries` shows, and what can be made due again."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from changes.records import Change, Id, Kind
from storage import actions, change_log, deliveries, outbox, point_options, points
from tests.commands import Commands
from tests.shop import NOON, Shop, open_shop
from worker import bootstrap, settings


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return open_shop(tmp_path)


@pytest.fixture
def commands(shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(tmp_path / "mirrorpoint.toml", capsys)


def test_deliveries_are_lines_with_the_columns_of_their_table(commands: Commands, shop: Shop) -> None:
    with shop.database.write() as session:
        points.add(session, code="AUDIT", url="https://audit.example.com/hook", now=NOON)
        outbox.owe(session, [outbox.Owed(1, "AUDIT", "shop/things/1")], now=NOON)
    assert commands("deliveries", "--state", "due", "--json").lines == [
        {
            "id": 1,
            "change_seq": 1,
            "point": "AUDIT",
            "record": "shop/things/1",
            "state": "due",
            "attempts": 0,
            "due_at": "2026-11-22T12:00:00Z",
            "leased_until": None,
            "fence": 0,
            "last_status": None,
            "last_error": None,
            "losses": 0,
            "created_at": "2026-11-22T12:00:00Z",
            "delivered_at": None,
            "leased_by": None,
            "notice_id": None,
            "event_id": None,
            "kind": "snapshot",
            "version": 1,
        }
    ]


def test_what_has_ended_can_be_made_due_again(commands: Commands, shop: Shop) -> None:
    with shop.database.write() as session:
        points.add(session, code="AUDIT", url="https://audit.example.com/hook", now=NOON)
        outbox.owe(session, [outbox.Owed(1, "AUDIT", "shop/things/1")], now=NOON)
        outbox.skip_owed(session, "AUDIT", reason="a test", now=NOON)
    assert commands("deliveries", "retry", "--point", "AUDIT", "--state", "skipped", "--json").json == {
        "retried": 1,
        "superseded": 0,
        "erased": 0,
        "paused": [],
    }
    with shop.database.read() as session:
        assert deliveries.counts(session)["AUDIT"].due == 1


def test_dead_letters_are_tried_again_one_by_one_by_their_point_or_by_a_span_of_time(
    commands: Commands, shop: Shop
) -> None:
    with shop.database.write() as session:
        for number, code in enumerate("AABB", 1):
            at = NOON + timedelta(hours=number)
            outbox.owe(session, [outbox.Owed(number, code, f"shop/things/{number}")], now=at)
        leased = outbox.lease_due(session, now=at, lease_seconds=60, limit=9, per_point={"A": 9, "B": 9}, at_once=9)
        dead = [outbox.Outcome(item, "dead", settled_at=at, attempted_at=at, status=500) for item in leased]
        outbox.settle(session, dead)

    def due(*arguments: str) -> list[int]:
        assert commands("deliveries", "retry", *arguments, "--state", "dead").code == 0
        return [row["id"] for row in commands("deliveries", "--state", "due", "--json").lines]

    assert due("--from", "2026-11-22T15:00:00Z", "--until", "2026-11-22T16:00:00Z") == [3]
    assert due("--point", "A", "--to", "2026-11-22T14:00:00Z") == [1, 3]
    assert due("4") == [1, 3, 4]
    assert due("--point", "A") == [1, 2, 3, 4]


def test_sending_everything_to_everyone_again_is_refused(commands: Commands) -> None:
    assert commands("deliveries", "retry", "--state", "delivered").code == 2


def test_who_names_nothing_is_told_what_it_would_do(commands: Commands, shop: Shop) -> None:
    die(shop, 2)
    said = commands("deliveries", "retry")
    assert said.code == 2
    assert "that would try all that is dead or due again, at all points: 2 deliveries" in said.err
    assert "add --all" in said.err
    assert commands("deliveries", "retry", "--all", "--json").json == {
        "retried": 2,
        "superseded": 0,
        "erased": 0,
        "paused": [],
    }


def test_a_retry_is_written_down_with_who_did_it(commands: Commands, shop: Shop) -> None:
    die(shop, 1)
    commands("deliveries", "retry", "1")
    with shop.database.read() as session:
        intent, outcome = actions.read(session)
    assert (intent.what, intent.target) == ("deliveries retry", "1")
    assert outcome.outcome == "done: 1 due now, 0 superseded"


def test_a_superseded_one_is_said_to_be_left_out(commands: Commands, shop: Shop) -> None:
    die(shop, 1)
    update(shop)
    arrive(shop)
    said = commands("deliveries", "retry", "1")
    assert "0 deliveries are due now" in said.out
    assert "1 is superseded and left out" in said.out


def test_a_retry_ends_what_is_superseded_and_it_is_no_problem_afterwards(commands: Commands, shop: Shop) -> None:
    def problems() -> list[str]:
        told = commands("status", "--json").json["summary"]["problems"]
        return [each["message"] for each in told if each["code"] == "dead"]

    die(shop, 1)
    update(shop)
    arrive(shop)
    assert problems() == ["1 delivery is dead"]
    commands("deliveries", "retry", "--point", "AUDIT")
    assert problems() == []
    (row,) = commands("deliveries", "--state", "skipped", "--json").lines
    assert (row["id"], row["version"]) == (1, 1)
    assert row["last_error"].startswith("superseded: the point has a newer version")


def test_deliveries_are_sifted_by_record_kind_and_glob(commands: Commands, shop: Shop) -> None:
    die(shop, 2)
    update(shop)
    for key in ("101", "102"):
        shop.mirror_row(change(key, 1, Kind.CREATED))

    def found(*arguments: str) -> list[tuple[int, str, int]]:
        rows = commands("deliveries", *arguments, "--json").lines
        return [(row["id"], row["kind"], row["version"]) for row in rows]

    assert found("--record", "things/101") == [(1, "created", 1), (3, "updated", 2)]
    assert found("--record", "shop/things/102") == [(2, "created", 1)]
    assert found("--kind", "updated") == [(3, "updated", 2)]
    assert found("--point", "AU*", "--state", "due") == [(3, "updated", 2)]
    assert found("--record", "mirrorpoint/points/AUDIT") == []
    assert found("--record", "mirrorpoint/shop/things") == []
    assert commands("deliveries", "--kind", "changed").code == 2
    assert 'there is no point "X*"' in commands("deliveries", "--point", "X*").err


@pytest.mark.parametrize(
    ("record", "meant"),
    [
        ("mirrorpoint/points/ADIT", "mirrorpoint/points/AUDIT"),
        ("mirrorpoint/shop/thigns", "mirrorpoint/shop/things"),
    ],
)
def test_deliveries_of_notices_about_nothing_are_refused(
    commands: Commands, shop: Shop, record: str, meant: str
) -> None:
    die(shop, 1)
    said = commands("deliveries", "--record", record)
    assert (said.code, said.out) == (2, "")
    assert said.err == f'error: no notice is about "{record}"\n  hint: did you mean "{meant}"?\n'


def test_a_delivery_is_shown_with_what_was_sent_and_what_the_receiver_said(commands: Commands, shop: Shop) -> None:
    die(shop, 1)
    said = commands("deliveries", "show", "1")
    for text in ("delivery 1 of shop/things/101 version 1 (created) to AUDIT", "state: dead", "no such tenant", "401"):
        assert text in said.out
    assert "Mirrorpoint-Point: AUDIT" in said.out
    shown = commands("deliveries", "show", "1", "--json").json
    assert shown["event"]["data"]["document"] == {"id": 101}
    assert shown["headers"]["webhook-id"] == shown["event"]["id"]
    assert [(each["status"], each["answer"]) for each in shown["tries"]] == [(401, '{"error": "no such tenant"}')]
    assert commands("deliveries", "show", "9").code == 2


def test_no_secret_of_the_point_is_shown(commands: Commands, shop: Shop) -> None:
    vault = bootstrap.open_vault(settings.load(str(commands.config)))
    options = point_options.Options(headers={"X-Api-Key": "hush-1"})
    with shop.database.write() as session:
        points.add(
            session,
            code="AUDIT",
            url="https://audit.example.com/hook",
            token=vault.encrypt("hush-2"),
            secret=vault.encrypt("whsec_" + "c2VjcmV0" * 4),
            options=options.open(),
            sealed_options=options.sealed(vault),
            now=NOON,
        )
    owe(shop, change("101", 1, Kind.CREATED))
    said = commands("deliveries", "show", "1")
    assert "X-Api-Key: (hidden)" in said.out
    assert "Authorization: (hidden)" in said.out
    assert "hush" not in said.out


def change(key: str, version: int, kind: Kind) -> Change:
    return Change("shop", "things", Id("", key), version, kind, ("",), {}, {"id": int(key)}, None, NOON, "scan")


def owe(shop: Shop, *changes: Change) -> None:
    with shop.database.write() as session:
        owed = [
            outbox.Owed(seq, "AUDIT", f"shop/things/{each.id.key}")
            for seq, each in zip(change_log.append(session, changes), changes, strict=True)
        ]
        outbox.owe(session, owed, now=NOON)


def die(shop: Shop, number: int) -> None:
    """So many records' first events, refused by the point."""
    with shop.database.write() as session:
        points.add(session, code="AUDIT", url="https://audit.example.com/hook", now=NOON)
    owe(shop, *(change(str(key), 1, Kind.CREATED) for key in range(101, 101 + number)))
    settle(shop, "dead", status=401, answer='{"error": "no such tenant"}')


def update(shop: Shop) -> None:
    owe(shop, change("101", 2, Kind.UPDATED))


def arrive(shop: Shop) -> None:
    settle(shop, "delivered", status=204)


def settle(shop: Shop, state: str, **more: Any) -> None:
    with shop.database.write() as session:
        leased = outbox.lease_due(session, now=NOON, lease_seconds=60, limit=9, per_point={"AUDIT": 9}, at_once=9)
        outbox.settle(
            session, [outbox.Outcome(item, state, settled_at=NOON, attempted_at=NOON, **more) for item in leased]
        )
