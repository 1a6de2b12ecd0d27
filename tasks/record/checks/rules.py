"""Whether `mirrorpoint_resource` says of each list's rule what the last action about it says; used by tables.py.

The actions are in a tree of their own, `mirrorpoint_resource` is in none. Whoever edited it could have rows compared by
a rule that leaves out what he has edited in them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from storage import former_rules
from storage.former_rules import Noted
from storage.scans import ResourceState
from tasks.mirror_checks.compared import shown
from tasks.record.checks.outcome import Problem

#: (source, resource)
At = tuple[str, str]


def wrong(noted: Mapping[At, Sequence[Noted]], states: Mapping[At, ResourceState]) -> Iterator[Problem]:
    """Rules that no action says to have begun: the one in force, and former ones."""
    for at in sorted(noted):
        name = f"{shown(at[0])}:{shown(at[1])}"
        for before, after in pairwise(noted[at]):
            if after.before != before.rule:
                what = f"action {after.action} found another rule of {name} than action {before.action} had left"
                yield Problem(f"{what}: {_unlike(before.rule, after.before)}", resource=at[1])
        last, state = noted[at][-1], states.get(at)
        found = None if state is None else former_rules.in_force(state.read_as)
        if found != last.rule:
            what = f"mirrorpoint_resource does not have the rule of {name} that action {last.action} says was begun"
            yield Problem(f"{what}: {_unlike(last.rule, found)}", resource=at[1])


def _unlike(rule: Any, found: Any) -> str:
    """What differs, in the words of the catalogue."""
    if not isinstance(rule, Mapping) or not isinstance(found, Mapping):
        return "nothing is kept of it" if found is None else "it cannot be read"
    names = [name for name in former_rules.NAMES if rule.get(name) != found.get(name)]
    return f"{' and '.join(names)} {'differs' if len(names) == 1 else 'differ'}"
