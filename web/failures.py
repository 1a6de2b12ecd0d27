"""Counts wrong tokens by address, so that nobody can try one after the other; used by guard.py."""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict, deque
from collections.abc import Callable

MOST = 10
SECONDS = 60.0
#: Addresses that are remembered; of more the oldest is forgotten.
_ADDRESSES = 10_000


class Failures:
    """In memory, of this process. `monotonic` gives seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_seconds(self, address: str) -> int:
        """How long this address is to wait before any token of it is looked at; 0: not at all."""
        times = self._times.get(_one(address))
        if times is None or len(times) < MOST:
            return 0
        return max(0, math.ceil(times[0] + SECONDS - self._monotonic()))

    def note(self, address: str) -> None:
        """A wrong token came from there."""
        times = self._times.setdefault(_one(address), deque(maxlen=MOST))
        times.append(self._monotonic())
        self._times.move_to_end(_one(address))
        if len(self._times) > _ADDRESSES:
            self._times.popitem(last=False)


def _one(address: str) -> str:
    """What counts as one: of IPv6 all 64 bits that one machine chooses as it likes."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if found.version == 6 and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
