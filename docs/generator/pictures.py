"""Takes the pictures of the page that README shows, from what the demo leaves; `make pictures` calls it.

It needs Chromium, as tests/page does. Pictures are taken anew when the page looks different, not by `make docs`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.page import browser as browsers
from worker.demo.play import Play
from worker.demo.stage import Stage

FOLDER = Path(__file__).parents[1] / "pictures"
#: Above the fold of a window on a desk; README shows it at about this width.
_WIDTH, _HEIGHT = 1200, 780
LARGEST = 150_000


def main() -> int:
    program = browsers.program()
    if program is None:
        sys.stderr.write(f"{browsers.ABSENT}\n")
        return 1
    FOLDER.mkdir(exist_ok=True)
    with Stage() as stage, sync_playwright() as playwright:
        Play(stage).go()
        browser = browsers.launch(playwright, program)
        page = browser.new_page(viewport={"width": _WIDTH, "height": _HEIGHT})
        link = stage.page_link()
        if link is None:
            sys.stderr.write(f"the page of the demo is not up:\n{stage.log_tail()}\n")
            return 1
        page.goto(link)
        page.locator("#resources").wait_for()
        for scheme in ("light", "dark"):
            _take(page, scheme)
        browser.close()
    return 0


def _take(page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    file = FOLDER / f"page-{scheme}.png"
    page.screenshot(path=str(file))
    size = file.stat().st_size
    sys.stdout.write(f"{file.name}: {size:,} bytes{'' if size < LARGEST else ', which is too many'}\n")


if __name__ == "__main__":
    raise SystemExit(main())
