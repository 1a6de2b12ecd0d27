"""Every list endpoint of the sandbox's world, as data; the world, the APIs and the control API read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sandbox.endpoints import (
    abroad,
    clients,
    elsewhere,
    messages,
    methods,
    money,
    office,
    products,
    services,
    verification,
)
from sandbox.endpoints.endpoint import Endpoint

ALL: tuple[Endpoint, ...] = (
    *products.ENDPOINTS,
    *services.ENDPOINTS,
    *clients.ENDPOINTS,
    *verification.ENDPOINTS,
    *money.ENDPOINTS,
    *methods.ENDPOINTS,
    *messages.ENDPOINTS,
    *office.ENDPOINTS,
    *elsewhere.ENDPOINTS,
    *abroad.ENDPOINTS,
)
BY_PATH = {endpoint.path: endpoint for endpoint in ALL}
#: path of a list -> the lists below each of its records
CHILDREN = {path: [child for child in ALL if child.parents and child.parents[-1] == path] for path in BY_PATH}


@dataclass(slots=True)
class _Step:
    """One segment of the paths: what may follow it."""

    words: dict[str, _Step] = field(default_factory=dict)
    key: _Step | None = None
    endpoint: Endpoint | None = None


def _steps() -> _Step:
    root = _Step()
    for endpoint in ALL:
        step = root
        for part in endpoint.path.split("/")[1:]:
            if part.startswith("{"):
                step.key = step.key or _Step()
                step = step.key
            else:
                step = step.words.setdefault(part, _Step())
        step.endpoint = endpoint
    return root


_ROOT = _steps()


def find(segments: Sequence[str]) -> tuple[Endpoint, tuple[str, ...], str | None] | None:
    """The list that the path's segments name, its parents' keys, and the key of a single record where there is one.

    A word wins over a key: `products/groups` is the list of groups, not the product `groups`.
    """
    step, keys = _ROOT, list[str]()
    behind: Endpoint | None = None  # the list whose key has just been passed
    for segment in segments:
        word = step.words.get(segment)
        if word is not None:
            step, behind = word, None
        elif step.endpoint is not None:
            behind = step.endpoint
            keys.append(segment)
            step = step.key or _Step()
        else:
            return None
    if step.endpoint is not None:
        return step.endpoint, tuple(keys), None
    if behind is not None and behind.has_item:
        return behind, tuple(keys[:-1]), keys[-1]
    return None
