"""Whoever has no mouse reaches everything, sees where he is, and can press it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.page.conftest import Open

_REACHABLE = """() => [...document.querySelectorAll(
    "a[href], button, input:not([type=hidden]), select, summary, pre[tabindex]")]
  .filter((each) => each.checkVisibility()).length"""
_FOCUSED = """() => {
  const each = document.activeElement;
  if (each === document.body) return null;
  const look = getComputedStyle(each);
  window.reached = (window.reached || new Set()).add(each);
  return {
    name: each.tagName.toLowerCase(), text: each.textContent.trim(), count: window.reached.size,
    isSeen: look.outlineStyle !== "none" && parseFloat(look.outlineWidth) >= 2,
  };
}"""


def walk(page: Page) -> list[dict[str, object]]:
    """What the tabulator leads to, from the top until it comes round."""
    stops = []
    for _ in range(400):
        page.keyboard.press("Tab")
        stop = page.evaluate(_FOCUSED)
        if stop is None or (stops and stop["count"] == stops[-1]["count"]):
            break
        stops.append(stop)
    return stops


@pytest.mark.parametrize("path", ["/", "/changes", "/points/AUDIT", "/diff?from=2h"])
def test_the_tabulator_reaches_all_that_can_be_pressed_and_shows_where_it_is(open_quiet: Open, path: str) -> None:
    with open_quiet() as (page, _):
        page.goto(path)
        stops = walk(page)
        assert stops[0]["text"] == "To the content"
        assert len(stops) == page.evaluate(_REACHABLE)
        assert [stop for stop in stops if not stop["isSeen"]] == []


def test_the_first_stop_leads_past_the_menu(open_quiet: Open) -> None:
    with open_quiet() as (page, _):
        page.goto("/points")
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="To the content")).to_be_in_viewport()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.closest('main') !== null")


def test_folds_open_and_buttons_act_without_a_mouse(open_quiet: Open) -> None:
    with open_quiet() as (page, _):
        page.goto("/points/WAREHOUSE")
        page.locator("summary").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_label("From")).to_be_visible()
        page.get_by_role("button", name="Pause").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_contain_text("WAREHOUSE")
        page.get_by_role("link", name="Go on").press("Enter")
        page.get_by_role("button", name="Resume").press("Space")
        page.get_by_role("link", name="Go on").press("Enter")
        expect(page.get_by_role("button", name="Pause")).to_be_visible()


def test_the_filter_shows_what_is_typed_and_all_when_it_is_emptied(open_quiet: Open) -> None:
    with open_quiet() as (page, _):
        page.goto("/")
        rows = page.locator("#resources tbody")
        every = rows.count()
        page.get_by_role("searchbox").focus()
        page.keyboard.type("LIST_2")
        expect(page.locator("#resources tbody:visible")).to_have_count(1)
        page.keyboard.press("Enter")
        assert page.url.endswith("/")
        page.keyboard.press("Control+A")
        page.keyboard.press("Delete")
        expect(page.locator("#resources tbody:visible")).to_have_count(every)
