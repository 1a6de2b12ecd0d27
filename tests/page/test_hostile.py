"""Documents, keys and codes are written by others: they are shown as they are, and do nothing."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.integration import web_server
from tests.integration.web_server import OPS, Served
from tests.page import browser as browsers
from tests.page import looks, mirrors
from tests.page.browser import Seen
from tests.page.mirrors import Mirror

MARKUP = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>'\"`{{7*7}}"
TURNED = "invoice\u202efdp.exe\u200b\u2066"
KEYS = (MARKUP, TURNED, "a/b?c=d&e#f%41", "ключ 東西 مفتاح", "long" * 2500)
CODES = ("A/B", 'say "hi" & <b>', "two words", "Пункт/東", "what?#%2F")


@pytest.fixture
def hostile(mirror: Mirror) -> Mirror:
    at = mirrors.now()
    mirror.work()
    documents = [(key, {"id": 1, "name": MARKUP, MARKUP: TURNED, "note": f"{key}"}) for key in KEYS]
    seen = mirror.see("things", documents, at=at)
    seen += mirror.see("things", [(key, {"id": 1, "name": TURNED, MARKUP: MARKUP}) for key in KEYS], at=at)
    mirror.see("things", [("huge", {"text": "word " * 200_000, "more": ["x" * 40_000]})], at=at)
    mirror.scan("things", at=at, state="failed", reason=f"the source answers {MARKUP} {TURNED}")
    for code in CODES:
        mirror.add_point(code)
        mirror.owe(code, seen[:3], dead=f"{MARKUP} {TURNED}")
    return mirror


@pytest.fixture
def page_and_seen(browser: Browser, hostile: Mirror) -> Iterator[tuple[Page, Seen]]:
    with (
        web_server.serving(hostile.config) as served,
        browsers.opened(browser, served.url, token=OPS, viewport={"width": 360, "height": 800}) as opened,
    ):
        yield opened


def records() -> list[str]:
    return [f"/records/shop:things/{quote(key, safe='')}" for key in KEYS]


def test_nothing_of_it_is_run_fetched_or_wider_than_the_page(page_and_seen: tuple[Page, Seen]) -> None:
    page, seen = page_and_seen
    points = [f"/points/{quote(code, safe='')}" for code in CODES]
    for path in ("/", "/changes", "/changes/1", "/changes/6", "/points", "/deliveries", "/deliveries/1",
                 "/diff?from=2h", "/resources/things", *records(), *points):  # fmt: skip
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 200, path
        assert page.title() != "taken"
        assert page.locator("main img, main script").count() == 0
        assert looks.too_wide(page, 360) == {}, path
    assert seen.said == []
    assert seen.elsewhere == []
    assert [each for each in seen.asked if each.endswith("/x")] == []


def test_what_turns_or_hides_text_is_written_out(page_and_seen: tuple[Page, Seen]) -> None:
    page, _ = page_and_seen
    for path in ("/changes", "/changes/6", records()[1], "/resources/things", "/deliveries/1", "/"):
        page.goto(path)
        text = page.locator("body").inner_text()
        assert "⟨U+202E⟩" in text, path
        assert not set("\u202e\u200b\u2066") & set(text), path
        assert not set("\u202e\u200b\u2066") & set(page.title()), path


def test_every_link_leads_to_what_it_names(page_and_seen: tuple[Page, Seen]) -> None:
    page, _ = page_and_seen
    for path in ("/changes", "/points", "/deliveries"):
        page.goto(path)
        links = page.eval_on_selector_all("main a", "all => [...new Set(all.map(each => each.href))]")
        assert len(links) > len(CODES) - 1
        for link in links:
            assert page.request.get(link, headers={"Accept": "text/html"}).status == 200, link


def test_a_button_acts_on_the_point_whose_page_it_stands_on(page_and_seen: tuple[Page, Seen]) -> None:
    page, _ = page_and_seen
    title = page.get_by_role("heading", level=1)
    for code in CODES:
        page.goto(f"/points/{quote(code, safe='')}")
        expect(title).to_have_text(code)
        page.get_by_role("button", name="Pause").click()
        expect(title).to_contain_text(f"{code} is")
        page.get_by_role("link", name="Go on").click()
        expect(title).to_have_text(code)
        expect(page.get_by_role("button", name="Resume")).to_be_visible()


def test_a_document_of_a_megabyte_is_folded_and_can_be_opened(page_and_seen: tuple[Page, Seen]) -> None:
    page, _ = page_and_seen
    page.goto("/records/shop:things/huge")
    fold = page.locator("details", has_text="The document")
    expect(fold.locator("pre")).not_to_be_visible()
    fold.locator("summary").click()
    expect(fold.locator("pre")).to_be_visible()
    assert looks.too_wide(page, 360) == {}
    page.goto("/changes")
    assert len(page.content()) < 150_000


def test_a_signed_out_person_comes_back_to_an_odd_address(browser: Browser, hostile: Mirror) -> None:
    with web_server.serving(hostile.config) as served, browsers.opened(browser, served.url) as (page, _):
        page.goto(f"/points/{quote(CODES[4], safe='')}")
        page.get_by_label("Token").fill(OPS)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(CODES[4])


def test_a_title_in_other_scripts_is_shown(browser: Browser, quiet: Served) -> None:
    with browsers.opened(browser, quiet.url, token=OPS) as (page, _):
        page.goto("/resources/things")
        expect(page.get_by_role("heading", level=1)).to_contain_text("Dinge 東西 أشياء вещи")
