"""By which rules a resource's documents were compared and converted before its catalogue said something else.

Each change of what a catalogue says of secrets, volatile members, orders and columns is an action, so that it is on
record what made a difference at which time. Written by the step that scans, read by whoever verifies the record.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlmodel import Session

from changes.records import Json
from changes.resources import ColumnType, Resource
from storage import actions, history

#: What the actions are called: a catalogue's rule has ended, or the seal key was replaced.
RULE = "rule"
SEAL_KEY = "check --accept-seal-key"
_LISTS = ("secrets", "volatile", "unordered")
#: Members of what is kept of a resource that make its rule.
NAMES = (*_LISTS, "columns")


@dataclass(frozen=True, slots=True)
class FormerRule:
    """A rule that ended."""

    resource: Resource  #: as the catalogue was, as far as comparing and converting go
    last_seq: int  #: no later change of the resource was written by it


def of(resource: Resource) -> dict[str, Json]:
    """What makes the rule, as plain JSON."""
    lists = {name: sorted(getattr(resource, name)) for name in _LISTS}
    return {**lists, "columns": {member: kind.value for member, kind in resource.columns.items()}}


def note_end(
    session: Session,
    source: str,
    resource: str,
    *,
    before: Mapping[str, Any] | None,
    now: Mapping[str, Any],
    at: datetime,
) -> None:
    """Write down that a rule has ended, if another one begins; nothing where the former is not known."""
    if before is None or any(name not in before for name in NAMES):
        return
    former, present = ({name: each[name] for name in NAMES} for each in (before, now))
    if former == present:
        return
    arguments = {"source": source, "resource": resource, "from": former, "to": present}
    intent = actions.intend(
        session,
        who="mirrorpoint",
        how="by itself",
        what=RULE,
        target=f"{source}:{resource}",
        arguments={**arguments, "last_seq": history.last_seq(session)},
        now=at,
    )
    actions.conclude(session, intent, outcome="done: the catalogue says so", now=at)


def read(session: Session, resources: Mapping[str, Mapping[str, Resource]]) -> dict[tuple[str, str], list[FormerRule]]:
    """(source, resource) -> the rules that have ended; of those that are configured."""
    found: defaultdict[tuple[str, str], list[FormerRule]] = defaultdict(list)
    for intent in actions.intents(session, (RULE,)):
        told = intent.arguments if isinstance(intent.arguments, dict) else {}
        source, name, last = told.get("source"), told.get("resource"), told.get("last_seq")
        resource = resources.get(str(source), {}).get(str(name))
        if resource is not None and isinstance(last, int):
            former = as_it_was(resource, told.get("from"))
            if former is not None:
                found[str(source), str(name)].append(FormerRule(former, last))
    return dict(found)


def last_of_former_keys(session: Session) -> int:
    """The last change whose secrets may be sealed with a former seal key; 0: there was none."""
    found = [intent.arguments for intent in actions.intents(session, (SEAL_KEY,))]
    return max((told["last_seq"] for told in found if isinstance(told, dict) and _is_number(told)), default=0)


def _is_number(told: Mapping[str, Any]) -> bool:
    return isinstance(told.get("last_seq"), int)


def as_it_was(resource: Resource, rule: Any) -> Resource | None:
    """The resource with the rule that `of` has written; None where that is none."""
    try:
        secrets, volatile, unordered = (tuple(map(str, rule[name])) for name in _LISTS)
        columns = {str(member): ColumnType(kind) for member, kind in rule["columns"].items()}
        return replace(resource, secrets=secrets, volatile=volatile, unordered=unordered, columns=columns)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
