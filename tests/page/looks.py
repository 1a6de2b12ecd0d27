"""What is asked of a page as it looks: nothing sideways, nothing that a person with other eyes or hands misses."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

_TOO_WIDE = """() => {
  const room = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= room) return [];
  const scrolls = (each) => each && (getComputedStyle(each).overflowX !== "visible" || scrolls(each.parentElement));
  return ["the page", ...[...document.body.querySelectorAll("*")]
    .filter((each) => each.getBoundingClientRect().right > room + 1 && !scrolls(each.parentElement))
    .map((each) => `${each.tagName.toLowerCase()}.${each.className}: ${each.textContent.trim().slice(0, 40)}`)];
}"""
#: How text stands out from its ground does not hang on the width, and takes longest to find.
_WITHOUT_CONTRAST = {"color-contrast": {"enabled": False}}


def too_wide(page: Page, *widths: int) -> dict[int, list[str]]:
    """Width -> what sticks out there; widths where nothing does are left out."""
    found = {}
    for width in widths:
        page.set_viewport_size({"width": width, "height": 900})
        if out := page.evaluate(_TOO_WIDE):
            found[width] = out
    return found


def lacks(page: Page) -> list[str]:
    """What axe-core calls serious or critical: contrast in light and dark at a desk, all the rest there and by hand."""
    page.evaluate(AXE_SCRIPT)
    found: list[str] = []
    for width, scheme, options in (
        (1440, "light", {}),
        (1440, "dark", {"runOnly": ["color-contrast"]}),
        (768, "light", {"rules": _WITHOUT_CONTRAST}),
        (360, "light", {"rules": _WITHOUT_CONTRAST}),
    ):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        answer = page.evaluate("options => axe.run(options)", {"resultTypes": ["violations"], **options})
        found += [f"{width} {scheme}: {each}" for each in _grave(answer["violations"])]
    return found


def _grave(violations: list[dict[str, Any]]) -> list[str]:
    return [
        f"{each['id']}: {each['help']}: {node['html'][:200]} {node.get('failureSummary', '')}"
        for each in violations
        if each["impact"] in {"serious", "critical"}
        for node in each["nodes"]
    ]
