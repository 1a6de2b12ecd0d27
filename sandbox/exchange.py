"""One request and its answer, and how they pass through ASGI; the apps of the sandbox make the one from the other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

import orjson

from sandbox.fields import Json

if TYPE_CHECKING:
    from sandbox.faults import Fault

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(slots=True)
class Answer:
    """A status, a body, and how the body is to travel."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)
    wait_seconds: float = 0  #: before the first byte
    pieces: int = 1  #: sent one by one ...
    piece_seconds: float = 0  #: ... with such pauses
    repeat: int = 1  #: the body is sent so many times ...
    tail: bytes = b""  #: ... and this behind it
    is_cut: bool = False  #: the connection ends behind half of the body


class Refusal(Exception):  # noqa: N818 - an answer that is raised, not an error of ours
    """An answer other than success."""

    def __init__(self, status: int, document: Json, headers: dict[str, str] | None = None) -> None:
        super().__init__(status, document, headers)
        self.answer = answered(document, status, headers)


@dataclass(slots=True)
class Request:
    """What came in."""

    method: str
    path: str  #: as sent: escapes are kept
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes = b""
    faults: list[Fault] = field(default_factory=list)

    @property
    def segments(self) -> list[str]:
        return [unquote(part) for part in self.path.strip("/").split("/")]

    def json(self) -> Json:
        try:
            return orjson.loads(self.body) if self.body else None
        except orjson.JSONDecodeError as error:
            raise Refusal(400, {"error": f"the body is not JSON: {error}"}) from None

    def integer(self, name: str, default: int) -> int:
        """A number of the query that is not negative."""
        text = self.query.get(name, "")
        if text == "":
            return default
        if not text.isdigit():
            raise Refusal(400, {"error": f"{name}: a number that is not negative is wanted", "field": name})
        return int(text)


def answered(document: Json, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    try:
        body = orjson.dumps(document)
    except TypeError:  # integers beyond 64 bits, which tests plant
        body = json.dumps(document).encode()
    return Answer(status, body, headers=headers or {})


async def read(scope: Scope, receive: Receive) -> Request:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    request = Request(scope["method"], scope["raw_path"].decode("latin-1"), query, headers)
    while scope["method"] != "GET":
        message = await receive()
        request.body += message.get("body", b"")
        if not message.get("more_body"):
            break
    return request


async def write(answer: Answer, send: Send) -> None:
    if answer.wait_seconds:
        await asyncio.sleep(answer.wait_seconds)
    body = answer.body
    length = str(len(body) * answer.repeat + len(answer.tail))
    headers = {"content-type": answer.content_type, "content-length": length, **answer.headers}
    if answer.status == 204:
        body, headers = b"", dict(answer.headers)
    encoded = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": encoded})
    if answer.is_cut:
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        return  # the server closes the connection when an answer stays unfinished
    if answer.pieces == answer.repeat == 1:
        await send({"type": "http.response.body", "body": body + answer.tail})
        return
    step = -(-len(body) // answer.pieces) or 1
    for _ in range(answer.repeat):
        for place in range(0, len(body), step):
            await send({"type": "http.response.body", "body": body[place : place + step], "more_body": True})
            if answer.piece_seconds:
                await asyncio.sleep(answer.piece_seconds)
    await send({"type": "http.response.body", "body": answer.tail})
