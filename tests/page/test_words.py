"""Nothing is cut off: on a telephone each cell of a table is there, and no name is broken within one of its words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.integration import web_server
from tests.integration.web_server import OPS, Served
from tests.page import browser as browsers
from tests.page import mirrors
from tests.page.conftest import Open
from tests.page.mirrors import Mirror

PATHS = ("/", "/plan", "/points", "/points/AUDIT", "/deliveries", "/changes", "/resources/things", "/seal")
TELEPHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 800}}
REASON = (
    "backoffice, sms_provider_settings: no connection (Connection refused). Check base_url, the name and the network; "
    "left alone until 2026-11-29 09:47:58Z, after a failure"
)

#: Runs of letters and digits that stand on two lines; what is too long for any line may.
_BROKEN = """() => {
  const found = [];
  const texts = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    if (text.parentElement.closest("pre, script") || !text.parentElement.checkVisibility()) continue;
    for (const word of text.data.matchAll(/[\\p{L}\\p{N}]{2,24}/gu)) {
      const range = document.createRange();
      range.setStart(text, word.index);
      range.setEnd(text, word.index + word[0].length);
      const tops = new Set([...range.getClientRects()].map((each) => Math.round(each.top)));
      if (tops.size > 1 && !/[0-9a-f]{20}/.test(text.data)) found.push(`${word[0]}: ${text.data.trim().slice(0, 60)}`);
    }
  }
  return found;
}"""
_HIDDEN = """() => [...document.querySelectorAll("main tbody td, main tbody th")]
  .filter((each) => !each.checkVisibility() && !each.closest("[hidden]"))
  .filter((each) => !each.matches(".nil, :has(> .nil)"))
  .map((each) => `${each.closest("table").caption.textContent}: ${each.textContent.trim()}`)"""


@pytest.fixture(scope="module")
def named(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Long names everywhere, and a list that is late for a reason that takes some words."""
    made = mirrors.open_large(tmp_path_factory.mktemp("named"))
    mirrors.fill_large(made)
    at = mirrors.now()
    made.scan("sms_provider_settings", source="backoffice", at=at - timedelta(hours=9))
    made.scan("sms_provider_settings", source="backoffice", at=at, state="failed", reason=REASON)
    made.add_point("AUDIT", "https://hooks.accounting-department.example.com/mirrorpoint/incoming_events")
    made.add_point("WAREHOUSE_OF_THE_NORTH", "https://warehouse.example.com/hook")
    keys = ("EUR/USD_settlement_currency", "HedgingFailEvent", "products/42")
    seen = made.see("things", [(key, {"id": key, "settlement_currency": "EUR"}) for key in keys], at=at)
    made.owe("AUDIT", seen)
    made.owe("WAREHOUSE_OF_THE_NORTH", seen, dead="I do not know this currency")
    made.close()
    with web_server.serving(made.config) as served:
        yield served


def every_fold_open(page: Page, path: str) -> None:
    page.goto(path)
    page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_no_name_is_broken_within_a_word(browser: Browser, named: Served, width: int) -> None:
    with browsers.opened(browser, named.url, token=OPS, viewport={"width": width, "height": 900}) as (page, _):
        for path in PATHS:
            every_fold_open(page, path)
            assert page.evaluate(_BROKEN) == [], path


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_each_cell_of_a_row_is_shown(browser: Browser, named: Served, width: int) -> None:
    with browsers.opened(browser, named.url, token=OPS, viewport={"width": width, "height": 900}) as (page, _):
        for path in PATHS:
            every_fold_open(page, path)
            assert page.evaluate(_HIDDEN) == [], path


def test_a_reason_has_the_width_of_the_table(browser: Browser, named: Served) -> None:
    with browsers.opened(browser, named.url, token=OPS, viewport={"width": 1440, "height": 900}) as (page, _):
        page.goto("/")
        reason = page.locator(".why td", has_text="Connection refused").first
        expect(reason).to_be_visible()
        room, table = reason.bounding_box(), page.locator("table.resources").first.bounding_box()
        assert room is not None
        assert table is not None
        assert room["width"] > 0.95 * table["width"]
        assert room["height"] < 60  # two lines at the most


def test_a_change_is_reached_from_the_log_on_a_telephone(open_quiet: Open) -> None:
    with open_quiet(**TELEPHONE) as (page, _):
        page.goto("/changes")
        page.locator("#c30 td").first.get_by_role("link").click()
        page.wait_for_url("**/changes/30")


def test_a_telephone_tells_to_what_something_was_done_and_what_a_scan_found(mirror: Mirror, open_page: Open) -> None:
    mirrors.fill_small(mirror)
    with open_page(**TELEPHONE) as (page, _):
        page.goto("/points/AUDIT")
        page.get_by_role("button", name="Pause").click()
        page.goto("/seal")
        expect(page.get_by_role("cell", name="AUDIT")).to_be_visible()
        mirror.scan("things", at=mirrors.now(), created=3, deleted=2)
        page.goto("/resources/things")
        for number in ("3", "2"):
            expect(page.locator("#scan-list tbody tr").first.get_by_text(number, exact=True).last).to_be_visible()
