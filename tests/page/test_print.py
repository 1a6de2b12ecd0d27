"""On paper there is what was found, and nothing to press."""

from __future__ import annotations

from tests.page import looks
from tests.page.conftest import Open


def test_what_is_printed_is_dark_on_white_without_menus_and_forms(open_quiet: Open) -> None:
    with open_quiet(color_scheme="dark") as (page, _):
        page.goto("/diff?from=2h")
        page.emulate_media(media="print")
        assert not page.locator("header nav").is_visible()
        assert not page.locator("form.filters").is_visible()
        assert page.locator("table").first.is_visible()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        ink = page.evaluate("getComputedStyle(document.body).color.match(/[0-9.]+/)[0]")
        assert float(ink) < 60
        assert looks.too_wide(page, 680) == {}


def test_a_document_is_printed_whole(open_quiet: Open) -> None:
    with open_quiet() as (page, _):
        page.goto("/records/things/1")
        page.emulate_media(media="print")
        whole = page.locator("pre.document").first.evaluate(
            "each => each.scrollHeight <= each.clientHeight + 1 && getComputedStyle(each).maxHeight"
        )
        assert whole == "none"
