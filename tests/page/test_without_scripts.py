"""With scripts off everything works: one signs in, looks, filters and acts."""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from tests.integration.web_server import OPS, READER, Served
from tests.page import browser as browsers
from tests.page import mirrors
from tests.page.conftest import Open
from tests.page.mirrors import Mirror


def test_the_form_signs_in_and_leads_to_what_was_asked_for(browser: Browser, quiet: Served) -> None:
    with browsers.opened(browser, quiet.url, java_script_enabled=False) as (page, _):
        page.goto("/changes?kind=deleted")
        assert "/login" in page.url
        page.get_by_label("Token").fill(OPS)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/changes?kind=deleted")
        expect(page.locator("tbody tr")).to_have_count(1)
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("Token")).to_be_visible()


def test_a_filter_is_an_address(open_quiet: Open) -> None:
    with open_quiet(java_script_enabled=False) as (page, _):
        page.goto("/changes")
        page.get_by_label("Kind").select_option("updated")
        page.get_by_label("Key").fill("3")
        page.get_by_role("button", name="Show").click()
        expect(page.locator("tbody tr")).to_have_count(1)
        assert "kind=updated" in page.url
        assert "key=3" in page.url
        page.goto("/")
        page.get_by_role("searchbox").fill("list_2")
        page.get_by_role("searchbox").press("Enter")
        expect(page.locator("#resources tbody:visible")).to_have_count(1)


def test_what_waits_is_done_with_two_presses(browser: Browser, mirror: Mirror, served: Served) -> None:
    mirrors.fill_small(mirror)
    with browsers.opened(browser, served.url, token=OPS, java_script_enabled=False) as (page, _):
        page.goto("/")
        page.get_by_role("link", name="Look again and delete").click()
        page.get_by_role("button", name="Look again and delete").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("14 deletions of shop:things approved")
        page.get_by_role("link", name="Go on").click()
        page.get_by_role("button", name="Retry").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("due now")


def test_who_may_only_read_is_offered_nothing_to_press(browser: Browser, quiet: Served) -> None:
    with browsers.opened(browser, quiet.url, token=READER, java_script_enabled=False) as (page, _):
        for path in ("/", "/points/CRM", "/resources/things"):
            page.goto(path)
            assert page.get_by_role("main").get_by_role("button").all_text_contents() == []
