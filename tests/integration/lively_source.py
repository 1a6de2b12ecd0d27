"""A source of things, of their parts and of the bits of these, that never stands still; it knows all that ever was so.

What a log tells of it is compared with that (`told_wrong`).
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import unquote

from changes.records import Id
from changes.resources import join_keys
from tests.integration.scripted_server import Reply, Request
from tests.integration.shop import paged

CATALOGUE = """
[resources.things]
path = "/things"
item_path = "/things/{key}"
columns = { v = "integer" }

[resources.parts]
path = "/things/{parent}/parts"
parent = "things"
columns = { v = "integer" }

[resources.bits]
path = "/things/{things}/parts/{parent}/bits"
parent = "parts"
columns = { v = "integer" }
"""
#: Parents first.
NAMES = ("things", "parts", "bits")
ODD_KEYS = ("a/b", "50%", "o'q", 'd"q', "ü", "a b", "1", "10", "%2F", "日本", "a?b", "A", "a", "a\\b", "\U0001f600")
#: What comes is called n0, n1, …; a stranger invents rows of such names too.
NEW_KEYS = 30
#: A thing, a part and a bit that always stay: where nothing at all is left, nothing is deleted without a person's word.
STAYING = ("stays", "stays", "stays")
#: So few are taken in each list between two complete scans that no deletion waits for a person.
MOST_TAKEN = 5

#: The keys from the outermost parent down to the record itself.
Path = tuple[str, ...]


class State(NamedTuple):
    """What a record was since a moment; no two have the same value, but for those in which it was not there."""

    since: datetime
    value: int | None


NEVER = State(datetime.min.replace(tzinfo=UTC), None)


@dataclass
class LivelySource:
    """Its lists are kept in their order. `rows` is for the threads of a server under a lock of the test."""

    rng: random.Random
    lists: dict[str, dict[Path, int]] = field(default_factory=lambda: {name: {} for name in NAMES})
    ever: dict[tuple[str, Id], list[State]] = field(default_factory=dict)
    taken: dict[str, int] = field(default_factory=dict)
    values: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def fill(self, things: int) -> None:
        for depth, name in enumerate(NAMES, 1):
            self.set(name, STAYING[:depth])
        for key in (*(f"t{n}" for n in range(things)), *self.rng.sample(ODD_KEYS, 2)):
            self.set("things", (key,))
        for name, above in (("parts", "things"), ("bits", "parts")):
            for parent in list(self.lists[above]):
                if self.rng.random() < 0.3:
                    for key in self.rng.sample(ODD_KEYS, 2):
                        self.set(name, (*parent, key))

    def set(self, name: str, path: Path) -> None:
        """It is there from now on, with another value than before."""
        self.lists[name][path] = value = next(self.values)
        self._note(name, path, value)

    def take(self, name: str, path: Path) -> None:
        """It is gone, and all below it."""
        self.taken[name] = self.taken.get(name, 0) + 1
        for below, records in self.lists.items():
            for gone in [each for each in records if each[: len(path)] == path]:
                del records[gone]
                self._note(below, gone, None)

    def _note(self, name: str, path: Path, value: int | None) -> None:
        self.ever.setdefault((name, id_of(path)), [NEVER]).append(State(datetime.now(UTC), value))

    def live(self) -> None:
        """Something happens."""
        rng, name = self.rng, self.rng.choice(NAMES)
        records = self.lists[name]
        what = rng.choice(("add", "take", "change", "change", "back", "move", "elsewhere"))
        path = rng.choice(list(records))
        if what == "add":
            self._add(name, rng.choice((f"n{rng.randrange(NEW_KEYS)}", rng.choice(ODD_KEYS))))
        elif what == "back":
            self._bring_back(name)
        elif what == "change":
            self.set(name, path)
        elif what == "move":  # to the end of its list
            records[path] = records.pop(path)
        elif path != STAYING[: len(path)] and self.taken.get(name, 0) < MOST_TAKEN:
            self.take(name, path)
            if what == "elsewhere":
                self._add(name, path[-1])

    def _add(self, name: str, key: str) -> None:
        above = NAMES[NAMES.index(name) - 1] if name != NAMES[0] else None
        path = (*(self.rng.choice(list(self.lists[above])) if above else ()), key)
        if path not in self.lists[name]:
            self.set(name, path)

    def _bring_back(self, name: str) -> None:
        gone = [id_ for (of, id_), states in self.ever.items() if of == name and states[-1].value is None]
        if gone:
            id_ = self.rng.choice(gone)
            path = (*(unquote(part) for part in id_.parent_key.split("/") if part), id_.key)
            if name == NAMES[0] or path[:-1] in self.lists[NAMES[len(path) - 2]]:
                self.set(name, path)

    def answer(self, request: Request) -> Reply:
        path = tuple(unquote(step) for step in request.path.split("/")[1:])
        parent, depth = path[1::2], (len(path) + 1) // 2
        if len(path) % 2 and path[::2] == NAMES[:depth] and (depth == 1 or parent in self.lists[NAMES[depth - 2]]):
            rows = [(at, value) for at, value in self.lists[NAMES[depth - 1]].items() if at[:-1] == parent]
            return paged([_row(at, value) for at, value in rows])(request)
        if len(path) == 2 and parent in self.lists["things"]:
            return Reply(200, _row(parent, self.lists["things"][parent]))
        return Reply(404, b"{}")

    def records(self, name: str) -> dict[Id, Any]:
        """What is there now."""
        return {id_of(path): {"id": path[-1], "v": value} for path, value in self.lists[name].items()}

    def told_wrong(self, changes: Iterable[Any]) -> list[str]:
        """What of a whole change log was never so, or not in this order, or not at that time."""
        told: dict[tuple[str, Id], list[Any]] = {}
        for change in changes:
            told.setdefault((change.resource, Id(change.parent_key, change.key)), []).append(change)
        return [
            f"{name} {id_}: {wrong} in {[(each.kind, each.version, each.document) for each in its]} "
            f"of {self.ever.get((name, id_))}"
            for (name, id_), its in told.items()
            if (wrong := _wrong(its, self.ever.get((name, id_), [NEVER])))
        ]


def id_of(path: Path) -> Id:
    return Id(join_keys(path[:-1]), path[-1])


def _row(path: Path, value: int) -> bytes:
    return json.dumps({"id": path[-1], "v": value}).encode()


def _wrong(changes: Sequence[Any], states: Sequence[State]) -> str:
    """Each change must lead from the state that was told last to one that came later."""
    at, was = 0, "never"
    for version, change in enumerate(changes, 1):
        value = change.document and change.document["v"]
        later = [n for n in range(at + 1, len(states)) if states[n].value == value]
        if change.version != version or not _follows(change.kind, was):
            return f"version {change.version} is {change.kind} after {was}"
        if not later:
            return f"version {version} was never so, or not after version {version - 1}"
        before, at, was = at, later[0], change.kind
        if change.observed_at < states[at].since:
            return f"version {version} was not yet so when it was observed"
        # Where it was not there before, it may have come and gone unseen: it was not there until just before it came.
        ended = states[at if states[before].value is None and value is not None else before + 1].since
        # What was seen when the version before was told, was read a moment before that.
        is_by_version = version > 1 and change.observed_after == changes[version - 2].observed_at
        if change.observed_after is not None and change.observed_after > ended and not is_by_version:
            return f"version {version - 1} was over already at {change.observed_after}, {ended}"
    return ""


def _follows(kind: str, was: str) -> bool:
    if kind in ("snapshot", "created"):
        return was == "never"
    return was == "deleted" if kind == "restored" else was not in ("never", "deleted")
