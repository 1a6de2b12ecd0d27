"""The sandbox's one application: its APIs and their control; `sandbox.serving` serves it."""

from __future__ import annotations

import time

from sandbox import exchange
from sandbox.apis import Apis, Visit
from sandbox.control import Control
from sandbox.exchange import Receive, Scope, Send
from sandbox.options import Options
from sandbox.world import World


class Api:
    """Hands each request to the APIs or to the control, and writes down who came."""

    def __init__(self, world: World | None = None, options: Options | None = None) -> None:
        self._apis = Apis(world, options)
        self._control = Control(self._apis)
        self._in_flight = 0

    @property
    def options(self) -> Options:
        return self._apis.options

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = await exchange.read(scope, receive)
        if request.path.startswith("/_sandbox/"):
            await exchange.write(self._control.answer(request), send)
            return
        self._in_flight += 1
        query = scope["query_string"].decode("latin-1")
        visit = Visit(time.time(), request.method, request.path, query, self._in_flight)
        self._apis.visits.append(visit)
        try:
            answer = self._apis.answer(request)
            visit.status = answer.status
            await exchange.write(answer, send)
        finally:
            self._in_flight -= 1
