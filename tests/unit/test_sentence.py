"""The sentence at the top of the page."""

from __future__ import annotations

from typing import Any

from web.pages import sentence


def row(name: str, **more: Any) -> dict[str, Any]:
    kept = {"schedule": "auto", "last_complete_at": "then", "late_seconds": None, "problem": None}
    return {**kept, "resource": name, "last_problem": None, "unkept": [], "why": "1 request a scan", **more}


def said(*rows: dict[str, Any]) -> sentence.Sentence:
    return sentence.of({"resources": rows, "summary": {"problems": []}}, waiting=0)


def test_kept_promises_are_counted_without_what_is_off() -> None:
    told = said(row("clients"), row("products"), row("drafts", schedule="off"))
    assert (told.text, told.mood) == ("All 2 promises kept.", sentence.Mood.WELL)


def test_a_broken_promise_is_told_with_its_lateness_and_the_reason() -> None:
    told = said(row("clients", late_seconds=840.0, problem="answered 503"), row("products"))
    assert told.text == "1 promise broken: clients is 14 min late, because answered 503."
    assert (told.gist, told.mood) == ("1 promise broken: clients is late, because answered 503.", sentence.Mood.BAD)


def test_of_several_broken_promises_the_worst_is_named() -> None:
    told = said(row("clients", late_seconds=60.0), row("products", late_seconds=7200.0))
    assert told.text == "2 promises broken, the worst: products is 2 h late."


def test_a_promise_that_the_plan_cannot_keep_says_so_where_nothing_else_is_wrong() -> None:
    late = {"late_seconds": 60.0, "unkept": ["updated"]}
    assert said(row("clients", **late)).text.endswith("because the plan cannot keep it: 1 request a scan.")
    assert said(row("clients", **late, problem="answered 503")).text.endswith("because answered 503.")
