"""Which points get events that nobody has signed: `check` on the page, `status` and the page say the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from storage import points
from tests.commands import Commands
from tests.integration.web_server import OPS, TOKENS, serving
from tests.shop import NOON, Shop, open_shop

ROUTES = '\n[[routes]]\npoints = ["CRM*", "FEED"]\nresources = ["things"]\n'


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = open_shop(tmp_path)
    file = tmp_path / "mirrorpoint.toml"
    file.write_text(file.read_text() + ROUTES + TOKENS)
    with made.database.write() as session:
        for code in ("CRM", "RISK", "902"):  # no route leads to two of them
            points.add(session, code=code, url=f"https://{code.lower()}.example.com/hook", now=NOON)
        points.add(session, code="CRM-SIGNED", url="https://crm.example.com", secret="kept encrypted", now=NOON)
        points.add(session, code="FEED", url=None, now=NOON)
    return made


def told(folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """What each of the three says."""
    status = Commands(folder / "mirrorpoint.toml", capsys)("status", "--json").json
    with serving(folder / "mirrorpoint.toml") as served, served.client(OPS) as client:
        plan = client.get("/plan", headers={"Accept": "application/json"}).json()
        page = client.get("/").text
    return {
        "status": [(each["where"], each["message"]) for each in status["summary"]["problems"] if _is_of(each)],
        "plan": [each["where"] for each in plan["warnings"] if "not signed" in each["message"]],
        "page": [line for line in ("1 point gets unsigned events", "2 points get unsigned events") if line in page],
    }


def _is_of(problem: dict[str, Any]) -> bool:
    return problem["code"] == "unsigned"


def test_only_those_that_a_route_leads_to_and_that_are_posted_to_are_told(
    shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(tmp_path, capsys) == {
        "status": [("points[CRM]", "it gets unsigned events")],
        "plan": ["points[CRM]"],
        "page": ["1 point gets unsigned events"],
    }
    with shop.database.write() as session:
        points.add(session, code="CRM2", url="https://crm2.example.com", now=NOON)
    assert told(tmp_path, capsys) == {
        "status": [("points", "2 points get unsigned events: CRM, CRM2")],
        "plan": ["points[CRM]", "points[CRM2]"],
        "page": ["2 points get unsigned events"],
    }


def test_a_secret_for_all_ends_it_everywhere(shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mirrorpoint.toml"
    file.write_text(f'{file.read_text()}\n[delivery]\nsecret = "whsec_{"YWJj" * 8}"\n')
    assert told(tmp_path, capsys) == {"status": [], "plan": [], "page": []}
