"""A receiver of webhooks that does as little as possible: answers 204 and notes when what came; its own process.

`python -m benchmarks.receiver` prints its URL. Requests below /hang/ are never answered.

    GET  /_control/summary     {"count", "first", "last"} of what arrived and was answered; seconds since 1970
    GET  /_control/arrivals    [[webhook-id, seconds since 1970], ...]
    POST /_control/forget      begin anew
"""

from __future__ import annotations

import asyncio
import json
import time

_DONE = b"HTTP/1.1 204 No Content\r\n\r\n"


class Arrivals:
    """What came."""

    def __init__(self) -> None:
        self.found: list[tuple[str, float]] = []

    def asked(self, path: str) -> object:
        """The answer to an order or a question."""
        if path.endswith("/arrivals"):
            return self.found
        if path.endswith("/forget"):
            self.found = []
            return 0
        if not self.found:
            return {"count": 0, "first": 0, "last": 0}
        return {"count": len(self.found), "first": self.found[0][1], "last": self.found[-1][1]}


class Connection(asyncio.Protocol):
    """HTTP as far as it is needed: heads in ASCII, bodies with a length."""

    def __init__(self, arrivals: Arrivals) -> None:
        self._arrivals = arrivals
        self._waiting = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._waiting += data
        while True:
            head, end, rest = self._waiting.partition(b"\r\n\r\n")
            if not end:
                return
            first, *lines = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            length = int(headers.get("content-length", 0))
            if len(rest) < length:
                return
            self._waiting = rest[length:]
            self._answer(first.split(" ")[1], headers)

    def _answer(self, path: str, headers: dict[str, str]) -> None:
        if path.startswith("/hang/"):
            return
        if path.startswith("/_control/"):
            body = json.dumps(self._arrivals.asked(path)).encode()
            self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
            return
        self._arrivals.found.append((headers["webhook-id"], time.time()))
        self._transport.write(_DONE)


async def main() -> None:
    """Prints one line with the URL, then serves until it is ended."""
    arrivals = Arrivals()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(arrivals), "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
