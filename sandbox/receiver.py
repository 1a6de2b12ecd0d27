"""Receives webhooks, keeps them in order of arrival, misbehaves to order; `python -m sandbox receiver` serves it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase

from sandbox import exchange, judge
from sandbox.exchange import Answer, Receive, Refusal, Request, Scope, Send, answered
from sandbox.fields import Json


@dataclass(slots=True)
class Behaviour:
    """How requests are answered whose path and subject fit; the newest that fits counts."""

    path: str = "*"  #: glob
    subject: str = "*"  #: glob over the event's subject
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)  #: Retry-After, Location, ...
    body: str = ""
    megabytes: int = 0  #: a body of that size instead
    wait_seconds: float = 0
    is_hanging: bool = False  #: never answers
    is_cut: bool = False  #: the connection ends in mid answer
    count: int | None = None  #: so many times; None: always


class Receiver:
    """Keeps everything in memory. An empty secret or token is not looked for."""

    def __init__(self, *, secret: str = "", token: str = "", show: Callable[[str], object] | None = None) -> None:
        self.points: dict[str, dict[str, str]] = {"*": {"secret": secret, "token": token}}  # path, or * for all others
        self.received: list[judge.Received] = []
        self.behaviours: list[Behaviour] = []
        self._show = show
        self._in_flight = Counter[str]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = await exchange.read(scope, receive)
        if request.path.startswith("/_sandbox/"):
            await exchange.write(self._control(request), send)
            return
        self._in_flight[request.path] += 1
        try:
            entry = self._keep(request)
            behaviour = self._behaviour(entry)
            if behaviour.is_hanging:
                await _until_gone(receive)
                return
            await asyncio.sleep(behaviour.wait_seconds)
            entry.status = behaviour.status
            body = b"x" * (behaviour.megabytes * 1024 * 1024) or behaviour.body.encode()
            answer = Answer(behaviour.status, body, "text/plain", dict(behaviour.headers), is_cut=behaviour.is_cut)
            await exchange.write(answer, send)
        finally:
            self._in_flight[request.path] -= 1

    def _keep(self, request: Request) -> judge.Received:
        point = {**self.points["*"], **self.points.get(request.path, {})}
        number = len(self.received) + 1
        entry = judge.judged(request, number=number, now=time.time(), secret=point["secret"], token=point["token"])
        entry.in_flight = self._in_flight[request.path]
        self.received.append(entry)
        if self._show is not None:
            self._show(entry.line())
        return entry

    def _behaviour(self, entry: judge.Received) -> Behaviour:
        subject = str(entry.event.get("subject", "")) if isinstance(entry.event, dict) else ""
        for behaviour in reversed(self.behaviours):
            if behaviour.count == 0 or not fnmatchcase(entry.path, behaviour.path):
                continue
            if not fnmatchcase(subject, behaviour.subject):
                continue
            if behaviour.count is not None:
                behaviour.count -= 1
            return behaviour
        return Behaviour()

    def _control(self, request: Request) -> Answer:
        try:
            match request.method, request.path.removeprefix("/_sandbox/"):
                case "GET", "received":
                    return answered(self._list(request))
                case "POST", "points":
                    wanted = request.json()
                    names = {name: wanted[name] for name in ("secret", "token") if name in wanted}
                    self.points[wanted["path"]] = {**self.points.get(wanted["path"], {}), **names}
                    return answered(self.points)
                case "POST", "behaviour":
                    self.behaviours.append(Behaviour(**request.json()))
                    return answered(asdict(self.behaviours[-1]))
                case "DELETE", "behaviour":
                    self.behaviours.clear()
                    return answered([])
                case "POST", "reset":
                    self.received.clear()
                    self.behaviours.clear()
                    return answered({"reset": "received"})
            return answered({"error": f"{request.method} {request.path}: no such control"}, 404)
        except Refusal as refusal:
            return refusal.answer
        except (KeyError, TypeError, ValueError) as error:
            return answered({"error": f"{type(error).__name__}: {error}"}, 400)

    def _list(self, request: Request) -> Json:
        path = request.query.get("path", "*")
        chosen = [one for one in self.received[request.integer("after", 0) :] if fnmatchcase(one.path, path)]
        if request.query.get("count") in ("1", "true"):
            return {"total": len(chosen), "invalid": sum(bool(one.problems) for one in chosen)}
        return [{**asdict(one), "valid": not one.problems} for one in chosen]


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
