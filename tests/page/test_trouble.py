"""What a page says when something is wrong, or when there is nothing yet; what stands there stays."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.integration import web_server
from tests.integration.web_server import OPS, Served
from tests.page import browser as browsers
from tests.page import looks, mirrors
from tests.page.conftest import Open, ticking
from tests.page.mirrors import Mirror
from tests.page.test_live import EVERY, change, fill, pass_time

PATHS = ("/", "/changes", "/points", "/deliveries", "/diff?from=1h", "/seal", "/plan", "/resources/things")


def said(what: str) -> re.Pattern[str]:
    """With the moment that the rest of the page is of."""
    return re.compile(rf"^{what}: what stands here is of 20\d\d-\d\d-\d\d \d\d:\d\d:\d\dZ\.$")


def test_an_empty_mirror_says_what_is_to_come(open_page: Open) -> None:
    with open_page() as (page, seen):
        for path in PATHS:
            answer = page.goto(path)
            assert answer is not None
            assert answer.status == (400 if path.startswith("/diff") else 200), path
            assert looks.too_wide(page, 360) == {}, path
        assert [text for text in seen.said if "400" not in text] == []
        page.goto("/diff?from=1h")
        expect(page.get_by_role("heading", level=1)).to_have_text("nothing of that was read yet")
        page.goto("/")
        expect(page.get_by_role("main")).to_contain_text("No points yet")
        expect(page.get_by_role("main")).to_contain_text("Nothing was seen yet")


def test_without_a_database_each_page_says_what_to_do(browser: Browser, tmp_path: Path) -> None:
    made = mirrors.open_small(tmp_path)
    made.close()
    for file in tmp_path.glob("mirrorpoint.db*"):
        file.unlink()
    with web_server.serving(made.config) as served, browsers.opened(browser, served.url, token=OPS) as (page, _):
        for path in PATHS:
            answer = page.goto(path)
            assert answer is not None
            assert answer.status == 503, path
            expect(page.get_by_role("heading", level=1)).to_contain_text("database")
            expect(page.locator("p.lead")).to_be_visible()
            assert "Traceback" not in page.content()


def test_a_broken_source_is_told_at_the_top_and_at_its_resource(open_quiet: Open) -> None:
    with open_quiet() as (page, _):
        page.goto("/")
        expect(page.get_by_role("heading", level=1)).to_contain_text(
            "list_2 is 2 h late, because the source answers 503"
        )
        first = page.locator("#resources tbody").first
        expect(first).to_contain_text("list_2")
        expect(first).to_contain_text("the source answers 503")


def test_a_database_that_is_gone_for_a_while_leaves_the_page_as_it_was(
    mirror: Mirror, open_page: Open, tmp_path: Path
) -> None:
    fill(mirror)
    mirror.close()
    database, away = tmp_path / "mirrorpoint.db", tmp_path / "away.db"
    with ticking(open_page()) as (page, seen):
        database.rename(away)
        pass_time(page, seen.asked)
        expect(page.locator("#trouble")).to_have_text(said("This could not be brought up to date"))
        expect(page.locator("#resources")).to_contain_text("things")
        expect(page.locator("#c8")).to_be_visible()
        away.rename(database)
        change(mirror)
        pass_time(page, seen.asked)
        expect(page.locator("#trouble")).to_have_count(0)
        expect(page.locator("#c9")).to_contain_text("Renamed")


def test_a_database_that_somebody_writes_to_is_read_all_the_same(mirror: Mirror, open_page: Open) -> None:
    fill(mirror)
    with ticking(open_page()) as (page, seen), mirror.database.write():
        pass_time(page, seen.asked)
        expect(page.locator("#trouble")).to_have_count(0)
        page.goto("/changes")
        expect(page.locator("#c8")).to_be_visible()


def test_a_server_that_has_ended_is_told_and_the_rest_stays(browser: Browser, mirror: Mirror) -> None:
    fill(mirror)
    with web_server.serving(mirror.config) as served:
        opened = browsers.opened(browser, served.url, token=OPS)
        page, _ = opened.__enter__()
        page.clock.install()
        page.goto("/")
    try:
        page.clock.run_for(EVERY)
        expect(page.locator("#trouble")).to_have_text(said("Mirrorpoint does not answer"))
        expect(page.locator("#c8")).to_be_visible()
        expect(page.get_by_role("status")).to_contain_text("does not answer")
    finally:
        opened.__exit__(None, None, None)


def test_what_is_wrong_is_the_headline_and_when_it_is_over_all_is_as_before(mirror: Mirror, open_page: Open) -> None:
    fill(mirror)
    with ticking(open_page()) as (page, seen):
        headline = page.get_by_role("heading", level=1)
        before, title = headline.text_content(), page.title()
        assert before == "All 4 promises kept."
        pass_time(page, seen.asked)  # from now on nothing is sent where nothing has changed
        page.route("**/*", lambda route: route.abort())
        page.clock.run_for(EVERY)
        expect(headline).to_have_count(1)
        expect(headline).to_have_text(said("Mirrorpoint does not answer"))
        expect(page.get_by_text("All 4 promises kept")).to_have_count(1)
        expect(page.get_by_text("All 4 promises kept")).not_to_be_visible()
        expect(page).to_have_title(said("Mirrorpoint does not answer"))
        assert headline.evaluate("each => getComputedStyle(each).color") == page.evaluate(
            "(() => { const a = document.createElement('b'); a.className = 'dead'; document.body.append(a);"
            " return getComputedStyle(a).color; })()"
        )
        spoken = page.get_by_role("status").text_content()
        page.clock.run_for(3 * EVERY)
        assert page.get_by_role("status").text_content() == spoken  # once, and not with each question
        page.unroute("**/*")
        pass_time(page, seen.asked)
        expect(headline).to_have_text(before)
        expect(headline).to_have_class("well")
        expect(page).to_have_title(title)
        assert page.get_by_role("status").text_content() == before


def test_a_page_without_a_sentence_has_what_is_wrong_above_it(mirror: Mirror, open_page: Open) -> None:
    fill(mirror)
    with ticking(open_page(), "/points") as (page, seen):
        page.route("**/*", lambda route: route.abort())
        page.clock.run_for(EVERY)
        expect(page.locator("p#trouble.bad")).to_have_text(said("Mirrorpoint does not answer"))
        expect(page.get_by_role("heading", level=1)).to_have_text("Points")
        page.unroute("**/*")
        pass_time(page, seen.asked)
        expect(page.locator("#trouble")).to_have_count(0)


def test_who_is_signed_out_meanwhile_is_told_so(served: Served, mirror: Mirror, open_page: Open) -> None:
    fill(mirror)
    with ticking(open_page()) as (page, seen):
        page.context.clear_cookies()
        pass_time(page, seen.asked)
        expect(page.locator("#trouble")).to_have_text(said("You are signed out, open the page anew"))
        expect(page.locator("#c8")).to_be_visible()
