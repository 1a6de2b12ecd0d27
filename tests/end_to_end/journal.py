"""Whether the change log tells what the sandbox's journal says; used by tests of whole flows."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import Any

from changes.records import Id
from changes.resources import PLACEHOLDER, Resource, Shape, join_keys
from tasks.services import Services
from tests import mirrored_world
from tests.mirrored_world import Truth

#: Resource name and id: one record of the Back Office.
Name = tuple[str, Id]


class Tales:
    """What each record went through between two moments: the states that anybody could have seen, in their order."""

    def __init__(self, services: Services, *, start: Truth, effects: Iterable[Mapping[str, Any]]) -> None:
        self._seal = services.vault.seal
        self._resources = services.sources["backoffice"].catalogue.resources
        self._by_path = mirrored_world.resource_by_path(services)
        self._states: dict[Name, list[Any]] = defaultdict(list)
        for resource, rows in start.items():
            for id_, document in rows.items():
                self._states[resource, id_].append(self._sealed(self._resources[resource], document))
        for effect in effects:
            resource, id_ = self._of(effect)
            states = self._states[resource.name, id_] or [None]
            after = self._as_listed(resource, effect["after"])
            self._states[resource.name, id_] = [*states, after] if states[-1] != after else states

    def check(self, changes: Iterable[Any], *, ever: set[Name]) -> None:
        """Each change leads to a later state of its record, by the kind that fits, and the last one to its last state.

        `ever`: the records that the log had before.
        """
        places: dict[Name, int] = defaultdict(int)
        seen = set(ever)
        for change in changes:
            name = (change.resource, Id(change.parent_key, change.key))
            states, place = self._states[name] or [None], places[name]
            before = states[place]
            later = [n for n in range(place + 1, len(states)) if states[n] == change.document != before]
            assert later, f"{name} was never what version {change.version} says: {change.document}\nafter {before}"
            expected = _kind(before, change.document, is_known=name in seen)
            assert expected == change.kind, name
            if expected == "updated":
                _check_pointers(before, change)
            places[name] = later[0]
            seen.add(name)
        for name, states in self._states.items():
            assert states[-1] == states[places[name]], f"{name}: the log ends before its last change"

    def touched_once(self) -> set[Name]:
        """Records with one change: the log must have one."""
        return {name for name, states in self._states.items() if len(states) == 2}

    def _of(self, effect: Mapping[str, Any]) -> tuple[Resource, Id]:
        resource = self._by_path[PLACEHOLDER.sub("{}", effect["path"])]
        keys = tuple(effect["parent_keys"])
        return resource, Id(join_keys(keys), keys[-1] if resource.shape is Shape.OBJECT else str(effect["key"]))

    def _as_listed(self, resource: Resource, document: Any) -> Any:
        if document is not None and resource.shape is Shape.TREE:
            document = {**document, "children": [str(child) for child in document["children"]]}
        return self._sealed(resource, document)

    def _sealed(self, resource: Resource, document: Any) -> Any:
        if not resource.secrets or document is None:
            return document
        sealed = copy.deepcopy(document)
        for pointer in resource.secrets:
            _seal(sealed, pointer.split("/")[1:], self._seal)
        return sealed


def check_versions(changes: Iterable[Any]) -> None:
    """Over the whole log: no id twice, each record's versions 1, 2, 3, ... in the order of the log."""
    ids, versions = set(), defaultdict(list)
    numbers = []
    for change in changes:
        assert change.id not in ids
        ids.add(change.id)
        numbers.append(change.seq)
        versions[change.source, change.resource, change.parent_key, change.key].append(change.version)
    assert all(one < following for one, following in pairwise(numbers))
    assert {name: found for name, found in versions.items() if found != list(range(1, len(found) + 1))} == {}


def _kind(before: Any, after: Any, *, is_known: bool) -> str:
    if before is None:
        return "restored" if is_known else "created"
    return "deleted" if after is None else "updated"


def _check_pointers(before: Any, change: Any) -> None:
    """`changed` names what differs, and nothing else; `previous` has what was there."""
    missing = object()
    for pointer in change.changed:
        was, now = _at(before, pointer, missing), _at(change.document, pointer, missing)
        assert was != now or type(was) is not type(now), pointer
        assert (was is not missing) == (pointer in change.previous)
        assert was is missing or was == change.previous[pointer]
    assert set(change.previous) <= set(change.changed)
    assert change.changed


def _at(document: Any, pointer: str, missing: object) -> Any:
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        document = document.get(name, missing) if isinstance(document, dict) else missing
    return document


def _seal(value: Any, steps: list[str], seal: Callable[[Any], Any]) -> None:
    step, *rest = steps
    for member in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        if step in ("*", str(member)):
            if rest:
                _seal(value[member], rest, seal)
            else:
                value[member] = seal(value[member])
