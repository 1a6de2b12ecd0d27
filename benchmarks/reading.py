"""Reading alone, nothing stored: httpx and orjson, one request after the other or so many at a time.

python -m benchmarks.reading URL products --page 500 --threads 1
python -m benchmarks.reading URL children --threads 8
"""

from __future__ import annotations

import argparse
from concurrent.futures import ThreadPoolExecutor

import httpx
import orjson

from benchmarks.rows import FIRST_KEY
from benchmarks.server import PARENTS


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("resource")
    parser.add_argument("--page", type=int, default=500)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    limits = httpx.Limits(max_connections=given.threads, max_keepalive_connections=given.threads)
    with (
        httpx.Client(base_url=given.url, timeout=30, limits=limits) as client,
        ThreadPoolExecutor(given.threads) as pool,
    ):

        def read(path: str, offset: int = 0) -> tuple[int, int]:
            """The total, and the rows of one page."""
            answer = client.get(path, params={"limit": given.page, "offset": offset})
            answer.raise_for_status()
            page = orjson.loads(answer.content)
            return page["total"], len(page["data"])

        if given.resource == "children":
            paths = [f"/parents/{FIRST_KEY + number}/children" for number in range(PARENTS)]
            print(sum(number for _, number in pool.map(read, paths)))
            return
        path = f"/{given.resource}"
        total, number = read(path)
        offsets = range(given.page, total, given.page)
        each = map if given.threads == 1 else pool.map
        print(number + sum(found for _, found in each(read, [path] * len(offsets), offsets)))


if __name__ == "__main__":
    main()
