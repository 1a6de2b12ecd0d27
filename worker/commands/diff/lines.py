"""How `diff --json` tells of a record: one JSON Line, with members that are only there where they say something."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from changes.fields import Field
from changes.net import Difference
from worker.commands.diff.finding import Found, Step
from worker.commands.reading import differences


def line(found: Found) -> dict[str, Any]:
    """`kind` is null and `fields` empty where nothing differs in the end, which only --steps tells of."""
    told = _difference(found.net.told)
    shown: dict[str, Any] = {
        "source": found.source,
        "resource": found.resource.name,
        "parent_key": found.id.parent_key,
        "key": found.id.key,
        "kind": None,
        "fields": [],
        **(told or {}),
        "uncertain": found.net.is_uncertain,
    }
    if found.net.is_uncertain:
        shown["either"] = [_difference(each) for each in (found.net.seen, *found.net.others)]
    if found.net.is_first_seen:
        shown["first_seen"] = True
    if found.steps:
        shown["steps"] = [_step(each) for each in found.steps]
    return shown


def _difference(difference: Difference | None) -> dict[str, Any] | None:
    return difference and {"kind": difference.kind, "fields": _fields(difference.fields)}


def _step(step: Step) -> dict[str, Any]:
    version = step.version
    return {
        "seq": version.seq,
        "version": version.number,
        "kind": version.kind,
        "fields": _fields(step.fields),
        "observed_after": version.observed_after,
        "observed_at": version.observed_at,
        "uncertain": step.is_uncertain,
    }


def _fields(every: Iterable[Field]) -> list[dict[str, Any]]:
    return [
        {
            "pointer": each.pointer,
            **differences.member("old", each.old),
            **differences.member("new", each.new),
        }
        for each in every
    ]
