"""Pages of one list, one after the other, not parsed: over our own connections, or over httpx as it is.

python -m benchmarks.read_pages URL ours|httpx PAGES
"""

from __future__ import annotations

import argparse
import threading
from collections.abc import Callable
from functools import partial

import httpx

from upstream.limit_store import LocalLimitStore
from upstream.throttle import Budget
from upstream.transport import Wire

ROWS_A_PAGE = 500
#: So many pages are asked for in turn.
DIFFERENT = 40


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("by", choices=("ours", "httpx"))
    parser.add_argument("pages", type=int)
    given = parser.parse_args()
    read = _ours(given.url) if given.by == "ours" else _httpx(given.url)
    for number in range(given.pages):
        params = {"limit": str(ROWS_A_PAGE), "offset": str(number % DIFFERENT * ROWS_A_PAGE)}
        if len(read(params)) < ROWS_A_PAGE:
            raise SystemExit(f"page {number} is too short")


def _httpx(url: str) -> Callable[[dict[str, str]], bytes]:
    client = httpx.Client(base_url=url, timeout=30)

    def read(params: dict[str, str]) -> bytes:
        return client.get("/products", params=params).content

    return read


def _ours(url: str) -> Callable[[dict[str, str]], bytes]:
    wire = Wire(
        Budget("bench", LocalLimitStore(), requests_per_second=1_000_000, concurrency=8),
        base_url=url,
        language="en",
        user_agent="mirrorpoint",
        timeout_seconds=30,
        verify=True,
        max_body_bytes=64 * 1024 * 1024,
        stopping=threading.Event(),
    )
    send = partial(wire.send, "GET", "/products", resource="products", headers={})
    return lambda params: send(params=params).body


if __name__ == "__main__":
    main()
