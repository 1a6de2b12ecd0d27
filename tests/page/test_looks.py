"""Every page in light and dark, on a telephone, a tablet and a desk: nothing sticks out, nobody is left out."""

from __future__ import annotations

import pytest

from tests.page import looks
from tests.page.conftest import Open

PATHS = (
    "/", "/changes", "/changes/25", "/records/things/1?at=1h&field=/status", "/resources/things", "/resources/list_2",
    "/points", "/points/CRM", "/points/AUDIT", "/deliveries", "/deliveries/6", "/diff", "/diff?from=2h", "/seal",
    "/plan", "/nothing", "/actions/retry/CRM", "/actions/replay/AUDIT?from=1d",
)  # fmt: skip
#: The three of the tests, half of the two greater ones (200 % zoom), and the narrowest that WCAG 2.2 asks for.
WIDTHS = (320, 360, 384, 720, 768, 1440)


@pytest.mark.parametrize("path", PATHS)
def test_a_page_fits_is_quiet_and_can_be_used_by_everybody(open_quiet: Open, path: str) -> None:
    with open_quiet() as (page, seen):
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == (404 if path == "/nothing" else 200)
        seen.said = [text for text in seen.said if "404" not in text]
        page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")
        assert looks.too_wide(page, *WIDTHS) == {}
        assert seen.said == []
        assert seen.elsewhere == []
        assert looks.lacks(page) == []


def test_dark_is_dark_and_light_is_light(open_quiet: Open) -> None:
    grounds = {}
    for scheme in ("light", "dark"):
        with open_quiet(color_scheme=scheme) as (page, _):
            page.goto("/")
            red = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/[0-9.]+/)[0]")
            grounds[scheme] = float(red)
    assert grounds["light"] > 200
    assert grounds["dark"] < 60


def test_a_state_has_a_shape_and_a_word_beside_its_colour(open_quiet: Open) -> None:
    with open_quiet() as (page, _):
        page.goto("/")
        states = page.eval_on_selector_all(
            ".resources .state",
            """all => all.map(each => {
              const shape = getComputedStyle(each, "::before");
              return [each.textContent.trim(), `${shape.clipPath} ${shape.borderRadius} ${shape.height}`];
            })""",
        )
    words = dict(states)
    assert {"kept", "late", "held", "off"} <= words.keys()
    assert len(set(words.values())) == len(words)
