"""What is live comes up to date by itself, and never takes out of somebody's hands what he holds."""

from __future__ import annotations

from datetime import timedelta

from playwright.sync_api import Locator, Page, expect

from storage import point_pauses
from tests.page import mirrors
from tests.page.conftest import Open, ticking
from tests.page.mirrors import Mirror

#: How often a page asks, in milliseconds.
EVERY = 5000


def pass_time(page: Page, seen: list[str]) -> None:
    """Until it has asked once more and has its answer."""
    before = len(seen)
    with page.expect_response(lambda response: response.request.method == "GET"):
        page.clock.run_for(EVERY)
    assert len(seen) > before


def fill(mirror: Mirror) -> None:
    at = mirrors.now()
    mirror.work()
    for name in ("things", "list_0", "list_1", "list_2"):
        mirror.scan(name, at=at - timedelta(seconds=20))
    mirror.see("things", [(str(key), {"id": key, "name": f"Thing {key}"}) for key in range(8)], at=at)


def change(mirror: Mirror, key: int = 1) -> None:
    mirror.see("things", [(str(key), {"id": key, "name": f"Renamed {mirrors.now()}"})], at=mirrors.now())


def top_of(element: Locator) -> float:
    return float(element.evaluate("each => each.getBoundingClientRect().top"))


def test_a_change_appears_by_itself_and_is_lit_for_a_moment(mirror: Mirror, open_page: Open) -> None:
    fill(mirror)
    with ticking(open_page()) as (page, seen):
        change(mirror)
        pass_time(page, seen.asked)
        row = page.locator("#c9")
        expect(row).to_contain_text("Renamed")
        assert row.evaluate("each => getComputedStyle(each).animationName") == "fresh"
        assert page.locator("#c8").evaluate("each => getComputedStyle(each).animationName") == "none"


def test_a_bar_grows_by_itself_while_nothing_but_ages_changes(mirror: Mirror, open_page: Open) -> None:
    fill(mirror)
    with ticking(open_page()) as (page, _):
        page.goto("/resources/things")
        bar = page.locator("progress.bar")
        before = float(bar.evaluate("each => each.value"))
        page.clock.run_for(120_000)
        assert float(bar.evaluate("each => each.value")) > before


def test_who_wants_less_motion_sees_none(mirror: Mirror, open_page: Open) -> None:
    fill(mirror)
    with ticking(open_page(reduced_motion="reduce")) as (page, seen):
        change(mirror)
        pass_time(page, seen.asked)
        row = page.locator("#c9")
        expect(row).to_contain_text("Renamed")
        assert row.evaluate("each => getComputedStyle(each).animationName") == "none"


def test_selected_text_stays_and_what_was_held_back_comes_when_it_is_let_go(mirror: Mirror, open_page: Open) -> None:
    fill(mirror)
    with ticking(open_page()) as (page, seen):
        page.evaluate("getSelection().selectAllChildren(document.querySelector('#c8 td:nth-child(4)'))")
        change(mirror, key=7)
        pass_time(page, seen.asked)
        expect(page.locator("#foot")).to_contain_text("9 changes")  # the rest is up to date
        assert page.evaluate("getSelection().toString()").strip() == "things/7"
        assert page.locator("#c9").count() == 0
        page.evaluate("getSelection().removeAllRanges()")
        pass_time(page, seen.asked)
        expect(page.locator("#c9")).to_contain_text("Renamed")


def test_the_focus_in_the_filter_stays_with_what_was_typed_and_nothing_jumps(mirror: Mirror, open_page: Open) -> None:
    fill(mirror)
    with ticking(open_page()) as (page, seen):
        box = page.get_by_role("searchbox")
        box.click()
        page.keyboard.type("list")
        expect(page.locator("#resources tbody:visible")).to_have_count(3)
        before = top_of(box)
        change(mirror)
        mirror.scan("list_1", at=mirrors.now(), state="failed", reason="the source answers 503")
        pass_time(page, seen.asked)
        expect(page.locator("#c9")).to_contain_text("Renamed")
        expect(page.locator("#resources")).to_contain_text("the source answers 503")
        expect(page.locator("#resources tbody:visible")).to_have_count(3)
        page.keyboard.type("_1")
        expect(box).to_have_value("list_1")
        assert top_of(box) == before


def test_an_open_fold_and_a_focused_row_stay(mirror: Mirror, open_page: Open) -> None:
    fill(mirror)
    for number in range(13):
        mirror.add_point(f"P{number:02}")
    with ticking(open_page()) as (page, seen):
        fold = page.locator("#fold-points")
        fold.locator("summary").click()
        page.evaluate("document.activeElement.blur()")
        mirror.owe("P03", [(1, "0")])
        pass_time(page, seen.asked)
        expect(page.get_by_role("row", name="P03")).to_contain_text("1")
        assert fold.evaluate("each => each.open")
        link = page.locator("#c5 a").first
        link.focus()
        change(mirror)
        pass_time(page, seen.asked)
        expect(page.locator("#foot")).to_contain_text("9 changes")
        assert page.evaluate("document.activeElement.closest('tr').id") == "c5"


def test_the_live_region_speaks_only_when_the_sentence_changes(mirror: Mirror, open_page: Open) -> None:
    fill(mirror)
    mirror.scan("list_2", at=mirrors.now() - timedelta(hours=3))
    with ticking(open_page()) as (page, seen):
        said = page.get_by_role("status")
        assert said.get_attribute("aria-live") == "polite"
        change(mirror)
        pass_time(page, seen.asked)
        expect(page.locator("#c9")).to_contain_text("Renamed")
        assert said.text_content() == ""
        mirror.hold("things", ["1", "2"], at=mirrors.now())
        pass_time(page, seen.asked)
        expect(said).to_contain_text("1 thing waits for you")
        assert said.text_content() == page.get_by_role("heading", level=1).text_content()


def test_that_a_promise_is_a_minute_later_is_shown_and_not_spoken(mirror: Mirror, open_page: Open) -> None:
    fill(mirror)
    mirror.scan("list_2", at=mirrors.now() - timedelta(minutes=8))
    with ticking(open_page()) as (page, seen):
        first = page.get_by_role("heading", level=1).text_content()
        assert "late" in (first or "")
        an_hour_ago = (mirrors.now() - timedelta(hours=1)).isoformat()
        later = "UPDATE mirrorpoint_resource SET last_complete_started_at = ? WHERE resource = 'list_2'"
        with mirror.database.write() as session:
            session.execute(later, (an_hour_ago,))
        pass_time(page, seen.asked)
        expect(page.get_by_role("heading", level=1)).not_to_have_text(first or "")
        assert page.get_by_role("status").text_content() == ""


def test_nothing_is_sent_again_while_nothing_has_changed(mirror: Mirror, open_page: Open) -> None:
    fill(mirror)
    with ticking(open_page()) as (page, seen):
        statuses = []
        page.on("response", lambda response: statuses.append(response.status))
        for _ in range(3):
            pass_time(page, seen.asked)
        assert statuses == [200, 304, 304]  # the script has no tag before its first answer


def test_a_page_that_nobody_sees_asks_nothing_and_asks_at_once_when_it_is_seen(mirror: Mirror, open_page: Open) -> None:
    fill(mirror)
    with open_page() as (page, seen):
        page.clock.install()
        page.add_init_script(
            "window.isHidden = true; Object.defineProperty(document, 'hidden', { get: () => window.isHidden })"
        )
        page.goto("/")
        before = len(seen.asked)
        page.clock.run_for(20 * EVERY)
        assert seen.asked[before:] == []
        with page.expect_response(lambda response: response.request.method == "GET"):
            page.evaluate("window.isHidden = false; document.dispatchEvent(new Event('visibilitychange'))")
        assert seen.asked[before:] == ["GET /"]


def test_ages_grow_while_nothing_is_asked(mirror: Mirror, open_page: Open) -> None:
    fill(mirror)
    with ticking(open_page(), "/plan") as (page, seen):
        page.goto("/changes/1")
        before = len(seen.asked)
        page.clock.run_for(3 * 3600 * 1000)
        expect(page.locator("time + .age").first).to_have_text("3 h ago")
        assert seen.asked[before:] == []


def test_the_log_says_how_many_are_newer_and_does_not_move(mirror: Mirror, open_page: Open) -> None:
    fill(mirror)
    with ticking(open_page(), "/changes?resource=things") as (page, seen):
        change(mirror)
        mirror.see("list_0", [("1", {"id": 1})], at=mirrors.now())
        pass_time(page, seen.asked)
        expect(page.locator("#newer")).to_have_text("1 newer")
        assert page.locator("tbody tr").first.get_attribute("id") == "c8"
        page.locator("#newer a").click()
        expect(page.locator("tbody tr").first).to_contain_text("Renamed")


def test_what_a_receiver_says_and_that_it_is_paused_appears_on_its_open_page(mirror: Mirror, open_page: Open) -> None:
    fill(mirror)
    mirror.add_point("AUDIT")
    with ticking(open_page(), "/points/AUDIT") as (page, seen):
        expect(page.locator("#last-words")).to_have_text("")
        mirror.owe("AUDIT", [(1, "0")], dead="the disk is full")
        pass_time(page, seen.asked)
        expect(page.locator("#last-words")).to_contain_text("the disk is full")
        expect(page.get_by_role("button", name="Retry now")).to_be_visible()
        with mirror.database.write() as session:
            point_pauses.begin(session, "AUDIT", now=mirrors.now())
        pass_time(page, seen.asked)
        expect(page.get_by_role("button", name="Resume")).to_be_visible()
        expect(page.get_by_role("button", name="Retry now")).to_have_count(0)
        expect(page.locator("#standing")).to_contain_text("Paused since")
