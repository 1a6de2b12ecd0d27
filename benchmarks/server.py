"""The source that is measured: lists with limit and offset, pages cut from encoded rows; a process of its own.

A thread per connection and blocking writes: on this side only the head of a page is computed, so that the
server is never what is measured. `python -m benchmarks.server --rows 100000` prints its URL.

    /products                      ?limit=&offset=   {"total": n, "data": [...]}
    /products/KEY                                    one row, or 404
    /parents, /parents/KEY/children                  a nested resource of CHILDREN rows per parent
    /empty                                           a list without rows: what a start costs
    POST /_control/latency?ms=50                     each answer waits so long from now on
    POST /_control/rows?number=20000                 so many products from now on, all as they were at first
    POST /_control/change?every=100                  each 100th product changes; answers with how many
    POST /_control/touch?key=1000001                 one product changes
"""

from __future__ import annotations

import argparse
import json
import re
import socket
import threading
import time
from urllib.parse import parse_qsl, urlsplit

from benchmarks.rows import FIRST_KEY, Rows, product

PARENTS, CHILDREN = 2_000, 3
_HEAD = b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
_ENVELOPE = b'{"total":%d,"data":['
_ITEM = re.compile(r"/(products|parents)/(\d+)")
_CHILDREN = re.compile(r"/parents/(\d+)/children")


class Source:
    """What is listed, and how slowly."""

    def __init__(self, rows: int) -> None:
        self._products = Rows(rows)
        self._latency_seconds = 0.0
        self._parents = [b'{"id":%d,"name":"parent %d"}' % (FIRST_KEY + n, n) for n in range(PARENTS)]

    def answer(self, method: str, target: str) -> list[bytes | memoryview]:
        """The parts of a whole answer."""
        url = urlsplit(target)
        query = dict(parse_qsl(url.query))
        if method == "POST":
            return _whole("200 OK", [json.dumps(self._order(url.path, query)).encode()])
        if self._latency_seconds:
            time.sleep(self._latency_seconds)
        offset, limit = int(query.get("offset", 0)), int(query.get("limit", 100))
        if url.path == "/products":
            return _list(self._products.number, self._products.slice(offset, limit))
        if url.path == "/parents":
            return _list(PARENTS, b",".join(self._parents[offset : offset + limit]))
        if url.path == "/empty":
            return _list(0, b"")
        children = _CHILDREN.fullmatch(url.path)
        if children:
            return _list(CHILDREN, b",".join(_children(int(children[1]))[offset : offset + limit]))
        return self._item(url.path)

    def _item(self, path: str) -> list[bytes | memoryview]:
        found = _ITEM.fullmatch(path)
        if found:
            kind, place = found[1], int(found[2]) - FIRST_KEY
            if kind == "products" and 0 <= place < self._products.number:
                return _whole("200 OK", [self._products.slice(place, 1)])
            if kind == "parents" and 0 <= place < PARENTS:
                return _whole("200 OK", [self._parents[place]])
        return _whole("404 Not Found", [b"{}"])

    def _order(self, path: str, query: dict[str, str]) -> int:
        match path:
            case "/_control/latency":
                self._latency_seconds = float(query["ms"]) / 1000
                return 0
            case "/_control/rows":
                self._products = Rows(int(query["number"]))
                return self._products.number
            case "/_control/change":
                return self._products.change(int(query["every"]))
            case "/_control/touch":
                return self._products.touch(int(query["key"]))
        raise ValueError(f"there is no order {path}")


def _children(parent: int) -> list[bytes]:
    """Each about 0.9 KB as well; their keys are theirs alone."""
    return [product(FIRST_KEY + (parent - FIRST_KEY) * CHILDREN + number) for number in range(CHILDREN)]


def _list(total: int, rows: bytes | memoryview) -> list[bytes | memoryview]:
    return _whole("200 OK", [_ENVELOPE % total, rows, b"]}"])


def _whole(status: str, body: list[bytes | memoryview]) -> list[bytes | memoryview]:
    return [_HEAD % (status.encode(), sum(len(part) for part in body)), *body]


def _send(connection: socket.socket, parts: list[bytes | memoryview]) -> None:
    """All parts at once, without putting them together first."""
    sent = connection.sendmsg(parts)
    for part in parts:
        if sent < len(part):
            connection.sendall(memoryview(part)[sent:])
        sent = max(sent - len(part), 0)


def _serve(connection: socket.socket, source: Source) -> None:
    """Requests have no bodies: each ends with an empty line."""
    waiting = b""
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            head, end, rest = waiting.partition(b"\r\n\r\n")
            if not end:
                try:
                    more = connection.recv(65536)
                except ConnectionError:
                    return
                if not more:
                    return
                waiting += more
                continue
            waiting = rest
            method, target, _ = head.split(b"\r\n", 1)[0].decode("ascii").split(" ")
            try:
                _send(connection, source.answer(method, target))
            except ConnectionError:
                return


def main() -> None:
    """Prints one line with the URL, then serves until it is ended."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=100_000)
    source = Source(parser.parse_args().rows)
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_serve, args=(connection, source), daemon=True).start()


if __name__ == "__main__":
    main()
