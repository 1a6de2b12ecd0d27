"""The browser of these tests: finds it, starts it once, and watches what a page of it does."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, Request

VARIABLE = "MIRRORPOINT_TEST_CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome")
ABSENT = (
    f"no browser: install one, for example with `sudo apt install chromium`, or name its program in {VARIABLE}"
    f" (looked for {', '.join(NAMES)})"
)
#: It runs on this machine alone, in containers too, and calls nobody on its own account.
_OPTIONS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
_TELL_REFUSALS = """
addEventListener("securitypolicyviolation", (refused) =>
  console.error(`refused by the policy: ${refused.violatedDirective} ${refused.blockedURI} ${refused.sourceFile}`));
"""


def program() -> str | None:
    """Where the browser is; None where there is none."""
    named = os.environ.get(VARIABLE)
    if named:
        return named
    return next(filter(None, map(shutil.which, NAMES)), None)


def launch(playwright: Playwright, executable: str) -> Browser:
    return playwright.chromium.launch(executable_path=executable, args=list(_OPTIONS))


@dataclass
class Seen:
    """What a page did that none of ours should: said something, failed, or asked somebody else."""

    origin: str
    said: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)  #: `GET /changes`, of all requests in order

    def watch(self, page: Page) -> None:
        page.on("console", self._note_console)
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", self._note_request)

    def _note_console(self, message: ConsoleMessage) -> None:
        self.said.append(f"{message.type}: {message.text} {message.location.get('url', '')}")

    def _note_request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        self.asked.append(f"{request.method} {parts.path}")
        if f"{parts.scheme}://{parts.netloc}" != self.origin:
            self.elsewhere.append(request.url)


@contextmanager
def opened(browser: Browser, origin: str, *, token: str | None = None, **options: Any) -> Iterator[tuple[Page, Seen]]:
    """A page of a browser without a past, signed in with the token; nothing that it does goes unnoticed."""
    context = browser.new_context(base_url=origin, **options)
    context.set_default_timeout(10_000)
    try:
        context.add_init_script(_TELL_REFUSALS)
        if token is not None:
            sign_in(context, origin, token)
        page = context.new_page()
        seen = Seen(origin)
        seen.watch(page)
        yield page, seen
    finally:
        context.close()


def sign_in(context: BrowserContext, origin: str, token: str) -> None:
    """As the form does it."""
    headers = {"Origin": origin, "Sec-Fetch-Site": "same-origin"}
    answer = context.request.post("/login", form={"token": token}, headers=headers)
    assert answer.ok, answer.text()
