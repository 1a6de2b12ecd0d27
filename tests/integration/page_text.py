"""What a person reads on a page that was answered: its text without marks."""

from __future__ import annotations

import html
import re

import httpx

from tests.integration.web_server import Served

HTML = {"Accept": "text/html"}


def of(text: str) -> str:
    """All of it on one line."""
    body = text.partition("<main id=main tabindex=-1>")[2].partition("</main>")[0] or text
    parted = re.sub(r"</?(?!wbr|span|code|a|time|strong|em)[a-z0-9]+\b[^>]*>", " ", body)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", parted)).split())


def read(served: Served, token: str, path: str) -> str:
    """What stands there."""
    with served.client(token, headers=HTML) as client:
        answer = client.get(path)
    answer.raise_for_status()
    return of(answer.text)


def row(page: httpx.Response, name: str) -> str:
    """The row of a table that begins with this name."""
    rows = (of(each) for each in re.findall(r"<tr\b.*?</tr>", page.text, re.DOTALL))
    return next(each for each in rows if each.partition(" ")[0] == name)
