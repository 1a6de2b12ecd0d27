"""The sandbox's APIs, told apart by path: the world, who may see it, what goes wrong, and who came."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

import orjson

from sandbox import mischief, platform
from sandbox.abroad import Abroad
from sandbox.back_office import BackOffice
from sandbox.endpoints.elsewhere import POINTS
from sandbox.exchange import Answer, Refusal, Request
from sandbox.faults import FaultBook
from sandbox.following import Following
from sandbox.foreign import Foreign
from sandbox.options import Options
from sandbox.world import World


@dataclass(slots=True)
class Visit:
    """One request that came, for tests of budgets."""

    at: float  #: seconds since 1970
    method: str
    path: str
    query: str
    in_flight: int  #: requests under way at that moment, this one included
    status: int = 0  #: 0: not answered yet


class Apis:
    """All of them, over one world."""

    def __init__(self, world: World | None = None, options: Options | None = None) -> None:
        self.visits: deque[Visit] = deque(maxlen=200_000)
        self._first_options = options or Options()
        self.start(world or World())

    def start(self, world: World) -> None:
        """A new world, new tokens, the first options, no faults, an empty visitors' book."""
        self.options = replace(self._first_options)
        self.world = world
        if self.options.receiver_url:
            platform.point_at(world, self.options.receiver_url)
        self.faults = FaultBook()
        shift = mischief.shifter(world)
        self.back_office = BackOffice(world, self.options, shift)
        self.platform = platform.Platform(world, self.options, shift)
        self.foreign = Foreign(world, self.options, shift)
        self.abroad = Abroad(world, self.options, shift)
        self.following = Following(world, self.options)
        self.visits.clear()

    def answer(self, request: Request) -> Answer:
        request.faults = self.faults.strike(request.method, request.path, request.query)
        for fault in request.faults:
            instead = mischief.before(fault, self.back_office.sign_in)
            if instead is not None:
                return instead
        try:
            answer = self._room(request).answer(request)
        except Refusal as refusal:
            answer = refusal.answer
        for fault in request.faults:
            mischief.after(fault, answer)
        return answer

    def _room(self, request: Request) -> BackOffice | platform.Platform | Foreign | Abroad | Following:
        path = request.path
        if path.startswith("/api/v2/"):
            return self.back_office
        if path == POINTS or path.startswith(POINTS + "/"):
            return self.platform
        if path.startswith(("/v1/", "/oauth/")):
            return self.foreign
        if path.startswith("/v2/"):
            return self.abroad
        if path.startswith("/v3/"):
            return self.following
        raise Refusal(404, orjson.Fragment(b'{"error":"nothing here"}'))
