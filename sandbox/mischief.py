"""What each fault does to a request before it is answered, and to its answer; called by `sandbox.api`."""

from __future__ import annotations

import gzip
import io
import time
from collections.abc import Callable
from email.utils import formatdate
from functools import lru_cache

import orjson

from sandbox.exchange import Answer
from sandbox.faults import Fault
from sandbox.fields import Json
from sandbox.records import Table
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
        case "content_type":
            answer.content_type = str(settings.get("value", "text/plain"))


def shifter(world: World) -> Callable[[Table, Fault, int], None]:
    """What moves the rows between two pages: one before the position goes, or comes."""

    def shift(table: Table, fault: Fault, offset: int) -> None:
        endpoint, parents = table.endpoint, table.parents
        if fault.settings.get("how", "delete") == "delete":
            keys = [table.key_of(orjson.loads(row)) for row in table.view(None)[:offset]]
            if keys:
                world.delete(endpoint, parents, fault.random.choice(keys))
            return
        position = min((int(key) for key in table.rows if key.isdigit()), default=1) + offset
        # Ids that were never given out lie between the seeded ones: a row that rights had hidden until now.
        taken = {*table.rows, *table.gone}
        document: Json = {endpoint.key: next((one for one in range(1, position) if str(one) not in taken), 0)}
        first = table.view(None)[:1]
        if first and "createTime" in (oldest := orjson.loads(first[0])):
            document["createTime"] = oldest["createTime"]
        if str(document[endpoint.key]) not in table.rows:
            world.create(endpoint, parents, document, is_first=True)

    return shift


def _status(status: int, retry_after: float | str | None, form: str) -> Answer:
    answer = Answer(int(status), orjson.dumps({"error": f"ordered: {status}"}))
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
