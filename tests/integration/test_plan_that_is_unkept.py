"""A plan that cannot keep its promises: what `status`, the page and the start say, and that a new one is made."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from changes.cadence.terms import Budget, Plan, Planned, Promise
from changes.resources import Class
from storage import cadence, scans
from tests.commands import Commands
from tests.integration import test_commands_plan as plans
from tests.integration import web_server
from tests.shop import Shop
from worker import banner, settings
from worker.commands.check import source_plan

shop, at, commands = plans.shop, plans.at, plans.commands  # fixtures


def test_a_plan_that_cannot_keep_its_promises_is_one_problem_with_its_cure_wherever_it_is_told(
    shop: Shop, commands: Commands, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plans.store(shop, tmp_path, interval_seconds=300)
    assert (commands("status", "--check").code, commands("status", "--check").out) == (0, "ok\n")
    plans.store(shop, tmp_path, interval_seconds=300, unkept=True, cure="budget.share = 0.2")
    problem = "the plan cannot keep what is promised of 1 list: more is claimed than the budget carries"
    told = commands("status", "--check")
    assert (told.code, told.out) == (3, f"sources.shop.budget: {problem}\n")
    assert f"! sources.shop.budget: {problem}; budget.share = 0.2" in commands("status").out.splitlines()
    assert commands("status", "--json").json["sources"][0]["cure"] == "budget.share = 0.2"
    file = tmp_path / "mirrorpoint.toml"
    file.write_text(file.read_text() + web_server.TOKENS)
    with web_server.serving(file) as running, running.client(web_server.OPS) as asked:
        page = asked.get("/").text
    assert "but the plan cannot keep one of them. 1 thing waits for you." in page
    assert "The cheapest cure: budget." in page.replace("<wbr>", "")
    banner.show(settings.load(str(file), environ={}), page=None, is_json=False, now=plans.NOW)
    assert (
        "not kept     the plan of shop cannot keep it for 1 list; cure: budget.share = 0.2" in capsys.readouterr().err
    )


def test_a_budget_that_is_exceeded_while_every_list_is_kept_is_told_without_lists(
    shop: Shop, commands: Commands, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plans.store(shop, tmp_path, interval_seconds=300, cure="budget.share = 0.2")
    told = commands("status", "--check")
    assert (told.code, told.out) == (3, "sources.shop.budget: more is claimed than the budget carries\n")
    read = settings.load(str(tmp_path / "mirrorpoint.toml"), environ={})
    banner.show(read, page=None, is_json=False, now=plans.NOW)
    assert "not kept     the plan of shop cannot keep to the budget; cure" in capsys.readouterr().err


def test_whoever_locks_a_plan_with_a_cure_finds_what_everybody_reads(shop: Shop, tmp_path: Path) -> None:
    """Else a clock would take it for the plan of another clock, and never make a new one."""
    plans.store(shop, tmp_path, interval_seconds=300, cure="budget.share = 0.2")
    with shop.database.write() as session:
        assert cadence.lock(session, "shop") == cadence.made(session)["shop"]


def test_the_page_says_of_each_scan_whether_it_read_the_newest_records_or_all(shop: Shop, tmp_path: Path) -> None:
    with shop.database.write() as session:
        scans.begin(session, source="shop", resource="things", kind="head", fence=1, now=plans.NOW, id="the newest")
        scans.finish(session, "the newest", fence=1, state="complete", now=plans.NOW)
    file = tmp_path / "mirrorpoint.toml"
    file.write_text(file.read_text() + web_server.TOKENS)
    with web_server.serving(file) as running, running.client(web_server.OPS) as asked:
        page = asked.get("/resources/things").text
    assert re.findall(r"<td data-label=scan>([^<]*)</td>", page) == ["newest records", "whole"]


def test_a_list_that_has_a_schedule_of_its_own_is_not_told_to_have_one() -> None:
    line = Planned("tags", Class.SET_UP, 1, None, 3, 10_800, {Promise.UPDATED: 2.0}, {Promise.UPDATED: False}, "slow")
    plan = Plan((line,), Budget(20), claimed_per_hour=36, planned_per_hour=36)
    (own,) = source_plan.unkept("shop", plan, {"tags"})
    (planned,) = source_plan.unkept("shop", plan, ())
    assert own.hint == "give it longer times in its schedule, or the source more requests"
    assert planned.hint == "give it a longer promise or a schedule of its own, or the source more requests"
