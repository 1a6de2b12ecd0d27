"""What each fault does to a request before it is answered, and to its answer; called by `sandbox.apis`."""

from __future__ import annotations

import gzip
import io
import time
from email.utils import formatdate
from functools import lru_cache

import orjson

from sandbox import pages
from sandbox.endpoints.endpoint import Shape
from sandbox.exchange import Answer
from sandbox.faults import Fault
from sandbox.fields import Json
from sandbox.odd_offsets import Ask
from sandbox.records import Order, Table
from sandbox.sign_in import SignIn
from sandbox.world import World

HTML = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>Maintenance</h1></body></html>"
MEGABYTE = 1024 * 1024


def before(fault: Fault, sign_in: SignIn) -> Answer | None:
    """An answer that is given instead of the true one, or None."""
    settings = fault.settings
    match fault.kind:
        case "expire_tokens":
            sign_in.expire(with_refresh=bool(settings.get("refresh")))
        case "status":
            return _status(settings.get("status", 500), settings.get("retry_after"), settings.get("form", "seconds"))
        case "redirect":
            return Answer(int(settings.get("status", 302)), headers={"Location": str(settings["to"])})
        case "html":
            return Answer(200, HTML, "text/html; charset=utf-8")
        case "huge":
            # Valid JSON, if somebody reads that far.
            megabytes = int(settings.get("megabytes", 64))
            return Answer(200, b" " * MEGABYTE, repeat=megabytes, tail=b'{"total":0,"data":[]}')
        case "gzip_bomb":
            return Answer(200, _bomb(int(settings.get("megabytes", 256))), headers={"Content-Encoding": "gzip"})
    return None


def after(fault: Fault, answer: Answer) -> None:
    """Spoils a true answer."""
    settings = fault.settings
    match fault.kind:
        case "delay":
            answer.wait_seconds += float(settings.get("seconds", 1))
        case "cut_connection":
            answer.is_cut = True
        case "cut_json":
            answer.body = answer.body[: int(len(answer.body) * float(settings.get("share", 0.6)))]
        case "slow_body":
            answer.pieces = int(settings.get("pieces", 10))
            answer.piece_seconds = float(settings.get("seconds", 5)) / answer.pieces
        case "gone" if answer.status == 404:
            answer.status = int(settings.get("status", 200))
            answer.body = orjson.dumps(settings.get("body", {"success": False}))
        case "charset":
            name = str(settings.get("name", "iso-8859-1"))
            answer.body = answer.body.decode().encode(name, "replace")
            answer.content_type = f"application/json; charset={settings.get('declared', name)}"
        case "content_type":
            answer.content_type = str(settings.get("value", "text/plain"))


def shifter(world: World) -> pages.Shift:
    """What moves the rows between two pages: one before the position goes, or comes."""

    def shift(table: Table, fault: Fault, ask: Ask) -> None:
        before = table.view(ask.order, ask.where)[: ask.offset]
        if fault.settings.get("how", "delete") == "insert":
            first = ask.order if isinstance(ask.order, Order) else next(iter(ask.order or ()), None)
            is_newest_first = first is not None and first.is_descending
            document = None if is_newest_first else _foremost(table, ask.offset)
            world.create(table.endpoint, table.parents, document, is_first=True)
        elif before:
            world.delete(table.endpoint, table.parents, table.key_of(orjson.loads(fault.random.choice(before))))

    return shift


def _foremost(table: Table, offset: int) -> Json:
    """What sorts in front of the position: an id between the seeded ones, like a row that rights have hidden so far."""
    taken = {*table.rows, *table.gone}
    numbers = [int(key) for key in taken if key.lstrip("-").isdigit()]
    if not numbers:
        text = f"0-{len(taken)}"
        return text if table.endpoint.shape is Shape.STRINGS else {table.endpoint.key_members[-1]: text}
    lowest = min(numbers)
    free = next((one for one in range(lowest, lowest + offset) if str(one) not in taken), lowest - 1)
    document: Json = {table.endpoint.key_members[-1]: free}
    oldest = orjson.loads(table.view()[0]) if table.rows else {}
    if "createTime" in oldest:
        document["createTime"] = oldest["createTime"]
    return document


def _status(status: int, retry_after: float | str | None, form: str) -> Answer:
    answer = Answer(int(status), b"" if status == 204 else orjson.dumps({"error": f"ordered: {status}"}))
    if isinstance(retry_after, str):
        answer.headers["Retry-After"] = retry_after
    elif retry_after is not None:
        date = formatdate(time.time() + retry_after, usegmt=True)
        answer.headers["Retry-After"] = date if form == "date" else str(retry_after)
    return answer


@lru_cache(maxsize=2)
def _bomb(megabytes: int) -> bytes:
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=9) as out:
        out.write(b'{"total":1,"data":[{"id":1,"name":"')
        for _ in range(megabytes):
            out.write(b"0" * MEGABYTE)
        out.write(b'"}]}')
    return packed.getvalue()
