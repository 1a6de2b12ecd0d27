"""By which rules each list's documents are compared and converted, and were before its catalogue said something else.

What a catalogue says of secrets, volatile members, orders and columns is an action when a list is first read by it, and
each time that it changes: so it is on record what made a difference at which time, and nobody can edit the rule in
`mirrorpoint_resource` unseen. Written by the step that scans, read by whoever verifies the record.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from changes.records import Json
from changes.resources import ColumnType, Resource
from storage import actions, history, scans, sql
from storage.session import Session

#: What the actions are called: a catalogue's rule has begun, or the seal key was replaced.
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


def in_force(read_as: Any) -> dict[str, Json] | None:
    """The rule in what is kept of how a list was read; None where that does not have all of it."""
    if not isinstance(read_as, Mapping) or any(name not in read_as for name in NAMES):
        return None
    return {name: read_as[name] for name in NAMES}


def note(
    session: Session,
    source: str,
    resource: str,
    *,
    now: Mapping[str, Any],
    at: datetime,
    state: scans.ResourceState | None = None,
) -> None:
    """Write down that a rule begins; nothing where it is the one that is kept now, and on record.

    Before `now` is kept in `mirrorpoint_resource`, and in the same transaction. `state`: what the resource's row says,
    where this transaction has read it and keeps it already.
    """
    state = state or scans.resource_state(session, source, resource, keeps=True)
    former, present = in_force(state.read_as), in_force(now)
    target = f"{source}:{resource}"
    if present is None or (former == present and _is_on_record(session, target)):
        return
    known = None if former == present else former
    last_seq = history.last_seq(session)
    arguments = {"source": source, "resource": resource, "from": known, "to": present, "last_seq": last_seq}
    actions.note_own(session, what=RULE, target=target, arguments=arguments, outcome="the catalogue says so", now=at)


def _is_on_record(session: Session, target: str) -> bool:
    mark = sql.mark(session.dialect)
    text = f"SELECT 1 FROM mirrorpoint_action WHERE of IS NULL AND what = {mark} AND target = {mark} LIMIT 1"  # noqa: S608
    return bool(sql.fetch(session, text, (RULE, target)))


@dataclass(frozen=True, slots=True)
class Noted:
    """What an action says of a list's rule."""

    action: int
    before: Any  #: None: it was not known
    rule: Any  #: the one that began
    last_seq: int  #: no later change of the resource was written by the former one


def noted(session: Session, *, only: tuple[str, str] | None = None) -> dict[tuple[str, str], list[Noted]]:
    """(source, resource) -> what the actions say of its rules, the oldest first; `only`: of this one alone."""
    found: defaultdict[tuple[str, str], list[Noted]] = defaultdict(list)
    for intent in actions.intents(session, (RULE,), target=None if only is None else ":".join(only)):
        told = intent.arguments if isinstance(intent.arguments, dict) else {}
        source, name, last = told.get("source"), told.get("resource"), told.get("last_seq")
        if isinstance(source, str) and isinstance(name, str) and isinstance(last, int):
            found[source, name].append(Noted(intent.id, told.get("from"), told.get("to"), last))
    return dict(found)


def ended(told: Sequence[Noted], resource: Resource) -> list[FormerRule]:
    """The rules that have ended; but for those that no action says to have begun, though one says of an earlier."""
    found = []
    for place, each in enumerate(told):
        former = as_it_was(resource, each.before)
        if former is not None and (place == 0 or told[place - 1].rule == each.before):
            found.append(FormerRule(former, each.last_seq))
    return found


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
