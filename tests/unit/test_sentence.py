"""The sentence at the top of the page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from web.pages import outages, sentence

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NO_POINTS: dict[str, Any] = {"points": [], "summary": {"problems": []}}


def row(name: str, **more: Any) -> dict[str, Any]:
    kept = {"schedule": "auto", "last_complete_at": "then", "late_seconds": None, "problem": None}
    return {**kept, "resource": name, "last_problem": None, "unkept": [], "why": "1 request a scan", **more}


def said(*rows: dict[str, Any]) -> sentence.Sentence:
    return sentence.of({"resources": rows, "sources": [], **NO_POINTS}, waiting=0)


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


def test_promises_that_the_plan_cannot_keep_are_told_while_they_are_kept_still() -> None:
    sources = [{"source": "office", "is_unread": False, "unkept": 1, "cure": "budget.share = 0.2"}]
    status = {"resources": [row("clients"), row("products")], "sources": sources, **NO_POINTS}
    told = sentence.of(status, waiting=1)
    assert told.text == "All 2 promises kept, but the plan cannot keep one of them. 1 thing waits for you."
    assert told.mood is sentence.Mood.WARN


def unread(name: str, *, since: datetime | None = NOW, trouble: str = "failing") -> dict[str, Any]:
    told = {
        "is_unread": True,
        "trouble": trouble,
        "unread_since": since,
        "unread_reason": "no route.",
        "unkept": 0,
        "cure": None,
    }
    return {"source": name, **told, "tried_again_at": NOW + timedelta(seconds=15)}


def outage(*rows: dict[str, Any], since: datetime | None) -> dict[str, Any]:
    sources = [unread("office", since=since)]
    return {
        "resources": [{"source": "office", **each} for each in rows],
        "sources": sources,
        **NO_POINTS,
    }


def test_a_source_that_cannot_be_read_is_named_before_any_promise_is_broken() -> None:
    told = sentence.of(outage(row("clients"), since=NOW), waiting=0)
    assert told.text == "office has been failing since 2026-11-23 12:00:00Z."
    assert told.mood == sentence.Mood.BAD


def test_why_a_source_cannot_be_read_is_told_once_and_not_in_the_sentence_or_with_its_resources() -> None:
    after, before = NOW + timedelta(seconds=5), NOW - timedelta(seconds=5)
    failed = {"held": 0, "problem": "no route; its source is left alone", "last_problem": "no route"}
    late = row("clients", late_seconds=60.0, last_problem_at=after, **failed)
    odd = row("parts", last_problem_at=before, **failed)
    status = outage(late, odd, since=NOW)
    assert (
        sentence.of(status, waiting=0).text == "office has been failing since 2026-11-23 12:00:00Z. 1 promise broken."
    )
    why = "office has been failing since 2026-11-23 12:00:00Z: no route."
    assert outages.of(status) == [f"{why} It is tried again at 2026-11-23 12:00:15Z. `mirrorpoint sync` tries now."]
    shown = {each["resource"]: each["problem"] for each in outages.without_what_follows(status)}
    assert shown == {"clients": None, "parts": "no route; its source is left alone"}


def test_a_source_that_was_never_read_says_so() -> None:
    assert sentence.of(outage(row("clients"), since=None), waiting=0).text == "office could not be read yet."


def test_what_is_wrong_with_a_source_is_said_in_its_own_words() -> None:
    def headline(*sources: dict[str, Any]) -> str:
        told = {"resources": [row("clients")], "sources": sources, **NO_POINTS}
        return sentence.of(told, waiting=0).text

    silent, refusing = unread("office", trouble="unreached"), unread("shop", trouble="refused")
    assert headline(silent) == "office has not answered since 2026-11-23 12:00:00Z."
    assert headline(refusing) == "shop has refused the credentials since 2026-11-23 12:00:00Z."
    assert headline(silent, refusing) == "office and shop cannot be read."
    many = [unread(name) for name in "abcde"]
    assert headline(*many[:4]) == "a, b, c and d cannot be read."
    assert headline(*many) == "a, b, c and 2 more sources cannot be read."
    assert [each.split(" ")[0] for each in outages.of({"sources": [silent, refusing]})] == ["office"]


def test_points_that_fail_are_named_where_all_promises_are_kept() -> None:
    def told(*points: dict[str, Any], waiting: int = 0, **more: Any) -> sentence.Sentence:
        status = {"resources": [row("clients", **more), row("products")], "sources": [], **NO_POINTS, "points": points}
        return sentence.of(status, waiting=waiting)

    def point(code: str, *, breaker: str = "open", state: str = "active") -> dict[str, Any]:
        return {"code": code, "state": state, "paused_at": NOW if state == "paused" else None, "breaker": breaker}

    crm, risk = point("CRM"), point("RISK", breaker="half-open")
    kept = "All 2 promises kept."
    assert told(crm).text == f"{kept} CRM fails, and what is owed there waits."
    assert told(crm).mood is sentence.Mood.WARN
    assert told(crm, risk).text == f"{kept} CRM and RISK fail, and what is owed there waits."
    assert told(crm, waiting=1).text == f"{kept} CRM fails, and what is owed there waits. 1 thing waits for you."
    assert told(point("CRM", breaker="closed"), point("RISK", state="paused")).text == kept
    assert told(crm, late_seconds=60.0).mood is sentence.Mood.BAD
    many = told(*(point(code) for code in "ABCDE"))
    assert many.text == f"{kept} A, B, C and 2 more points fail, and what is owed there waits."
