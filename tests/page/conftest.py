"""One browser for all of these tests, and mirrors that are served; without a browser they are skipped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.integration import web_server
from tests.integration.web_server import OPS, Served
from tests.page import browser as browsers
from tests.page import mirrors
from tests.page.browser import Seen
from tests.page.mirrors import Mirror

#: Opens a page of what is served, signed in; options are those of a browser's context.
Open = Callable[..., AbstractContextManager[tuple[Page, Seen]]]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Once, not for each test."""
    if browsers.program() is None:
        terminalreporter.write_line(f"the page was not tested: {browsers.ABSENT}")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = browsers.program()
    if executable is None:
        pytest.skip(browsers.ABSENT)
    with sync_playwright() as playwright:
        started = browsers.launch(playwright, executable)
        yield started
        started.close()


@pytest.fixture(scope="session")
def quiet(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A day's work with something of everything, which no test changes."""
    made = mirrors.open_small(tmp_path_factory.mktemp("small"))
    mirrors.fill_small(made)
    made.close()
    with web_server.serving(made.config) as served:
        yield served


@pytest.fixture
def mirror(browser: Browser, tmp_path: Path) -> Iterator[Mirror]:
    """Five resources and nothing in them yet, to do with as the test likes."""
    made = mirrors.open_small(tmp_path)
    yield made
    made.close()


@pytest.fixture
def served(mirror: Mirror) -> Iterator[Served]:
    """That mirror."""
    with web_server.serving(mirror.config) as found:
        yield found


@pytest.fixture
def open_quiet(browser: Browser, quiet: Served) -> Open:
    return partial(browsers.opened, browser, quiet.url, token=OPS)


@pytest.fixture
def open_page(browser: Browser, served: Served) -> Open:
    return partial(browsers.opened, browser, served.url, token=OPS)


@contextmanager
def ticking(opened: AbstractContextManager[tuple[Page, Seen]], path: str = "/") -> Iterator[tuple[Page, Any]]:
    """The page at `path`, and what lets its seconds pass at once."""
    with opened as (page, seen):
        page.clock.install()
        page.goto(path)
        yield page, seen
