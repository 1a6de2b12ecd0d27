"""Amounts of any length arrive digit by digit: in documents, the log, output, events and what `models` reads."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

import mirrorpoint
from changes import events
from storage import history
from tasks.services import Services
from tests.commands import Commands
from tests.integration import shop as shops
from tests.integration.shop import Shop, row, scanned
from tests.mirrored_world import log

#: What comes first -> what comes then, which no double tells apart.
AMOUNTS = {
    "0.123456789012345678": "0.123456789012345679",
    "12345678901234567.89": "12345678901234567.88",
    "1": "1.000000000000000001",
    "100000000000000000000.5": "100000000000000000000.25",
    "1e-400": "1.1e-400",
    "1E400": "1.1E400",
    "0.1": "0.1000000000000000055511151231257827",
}
#: The same numbers in other words.
SAME = ["0.1234567890123456780", "1234567890123456789e-2", "1.0", "1000000000000000000005E-1", "0.1E-399", "10e399"]

PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import models
from sqlmodel import Session, create_engine, select
with Session(create_engine(sys.argv[2])) as session:
    for row in session.exec(select(models.Things).order_by(models.Things.key)):
        print(row.key, repr(row.document["amount"]))
    for change in session.exec(select(models.Change).where(models.Change.kind == "updated")):
        print(change.key, repr(change.previous["/amount"]))
"""

file, services = shops.file, shops.services


def things(amounts: list[str]) -> list[str]:
    return [f'{{"id":{number},"amount":{amount}}}' for number, amount in enumerate(amounts, 1)]


def test_every_digit_arrives_and_the_last_one_makes_a_change(
    shop: Shop, services: Services, file: Path, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for amounts, updated in ((list(AMOUNTS), 0), ([*SAME, "0.10"], 0), (list(AMOUNTS.values()), len(AMOUNTS))):
        shop.lists("things", *things(amounts))
        scan = scanned(services, "things")
        assert ("complete", len(AMOUNTS), 0, updated) == (scan.state, scan.rows, scan.skipped, scan.updated)

    for number, (before, after) in enumerate(AMOUNTS.items(), 1):
        change = next(each for each in log(services) if (each.kind, each.key) == ("updated", str(number)))
        assert _exactly(change.previous["/amount"]) == Decimal(before)
        assert _exactly(change.document["amount"]) == Decimal(after)
        assert _exactly(row(services, "things", str(number))["document"]["amount"]) == Decimal(after)

    run = Commands(file, capsys)
    for command in (("show", "things", "1"), ("show", "things", "1", "--json")):
        assert "0.123456789012345679" in run(*command).out
    for command in (("history", "things", "1"), ("changes",), ("changes", "--json")):
        out = run(*command).out
        assert "0.123456789012345678" in out
        assert "0.123456789012345679" in out

    with mirrorpoint.open(str(file)) as mirror:
        found = [each for each in mirror.changes() if each.kind == "updated"]
        assert found[0].document == {"id": 1, "amount": Decimal("0.123456789012345679")}

    assert 0 == run("models", "--out", str(file.parent / "models.py")).code
    read = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(file.parent), database_url],
        capture_output=True, text=True, check=False, cwd="/",
    )  # fmt: skip
    assert 0 == read.returncode, read.stderr
    assert "1 Decimal('0.123456789012345679')" in read.stdout
    assert "1 Decimal('0.123456789012345678')" in read.stdout
    assert "3 1\n" in read.stdout
    assert "7 0.1\n" in read.stdout


def test_events_have_every_digit(shop: Shop, services: Services) -> None:
    for amounts in (list(AMOUNTS), list(AMOUNTS.values())):
        shop.lists("things", *things(amounts))
        scanned(services, "things")
    with services.database.read() as session:
        stored = history.by_seq(session, [each.seq for each in log(services)])
    bodies = [events.body(events.cloud_event(each.change, seq=seq, id=each.id)) for seq, each in stored.items()]
    assert any(b'"previous":{"/amount":0.123456789012345678}' in each for each in bodies)
    assert any(b'"amount":100000000000000000000.25' in each for each in bodies)


def _exactly(value: object) -> Decimal:
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)  # type: ignore[arg-type]
