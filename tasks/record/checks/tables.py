"""Which mirrored tables there are, and by which rules their rows were written; used by mirror.py.

What of a catalogue was in force when a row was written may not be in force any more. All rules are known from actions;
the last one from what the last scan has kept, where no action tells of it: see `storage/former_rules.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from changes import fingerprint
from changes.records import Json
from changes.resources import Resource
from storage import existing, former_rules, mirror_columns, mirror_rows, mirror_upkeep, prepare, reports
from storage.former_rules import Noted
from storage.scans import ResourceState
from storage.session import Session, failures
from tasks.mirror_checks import rules as mirror_rules
from tasks.mirror_checks.compared import Table, shown
from tasks.record.checks import rules as rule_checks
from tasks.record.checks.outcome import Problem

#: (source, resource)
At = tuple[str, str]
_NAMED = 4


@dataclass(slots=True)
class Tables:
    """Each that there is, what is wrong with others, and what could not be compared."""

    found: dict[At, Table] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def find(
    session: Session, resources: Mapping[str, Mapping[str, Resource]], *, seal: Callable[[Json], Json] | None
) -> Tables:
    """Of all that is configured, that the log tells of, or of which there are rows. `seal`: with the seal key."""
    key_mark = None if seal is None else fingerprint.key_mark(seal)
    former_keys_until = former_rules.last_of_former_keys(session)
    configured = {(source, name): each for source, its in resources.items() for name, each in its.items()}
    tables = Tables()
    states, logged = _states(session, tables), set(mirror_rows.logged(session))
    known = {*logged, *configured, *states}
    for name in sorted({name for _, name in known}):
        if existing.has_table(session, name):
            known |= {(source, name) for source in mirror_rows.sources(session, bare(name))}
        else:
            known -= {at for at in known if at[1] == name}
            for at in sorted(at for at in logged if at[1] == name):
                _miss(tables, at, is_configured=at in configured)
    noted, dialect = former_rules.noted(session), session.dialect
    rules = _Rules(session, resources, noted)
    if not tables.problems:  # else what is kept of the lists is not known
        tables.problems += rule_checks.wrong(noted, states)
    left, unfilled, changed, unnoted = list[At](), list[At](), list[At](), list[At]()
    for at in sorted(known):
        resource = configured.get(at)
        if resource is None:
            tables.found[at] = Table(at[0], bare(at[1]), dialect, is_configured=False)
            left.append(at)
            continue
        kept = None if (state := states.get(at)) is None else state.read_as
        last = former_rules.as_it_was(resource, noted[at][-1].rule if at in noted else kept)
        is_written = last is not None and last.columns == resource.columns
        ended = rules.ended.get(at, ())
        former = mirror_rules.former(ended, last, resource)
        if len(former) > len(ended):
            changed.append(at)
        if last is not None and at not in noted:
            unnoted.append(at)
        if kept is None and at not in noted and at in logged and not rules.are_filled(at):
            what = f"nothing is kept of how {shown(at[0])}:{shown(at[1])} was read, and the log tells of its records"
            tables.problems.append(Problem(what, resource=at[1]))
        if rules.has_lost_columns(at, is_written=is_written):
            what = f"the table of {shown(at[0])}:{shown(at[1])} does not have the columns any more that it was given"
            tables.problems.append(Problem(what, resource=at[1]))
        if not rules.are_columns_there(at, is_noted=last is not None):
            resource = replace(resource, columns={})
            unfilled.append(at)
        tables.found[at] = Table(
            at[0],
            resource,
            dialect,
            former=former,
            is_rule_known=last is not None,
            key_mark=key_mark,
            former_keys_until=former_keys_until,
        )
    tables.remarks += _remarks(left, unfilled, changed, unnoted)
    return tables


class _Rules:
    """What is known of columns and rules."""

    def __init__(
        self, session: Session, resources: Mapping[str, Mapping[str, Resource]], noted: Mapping[At, Sequence[Noted]]
    ) -> None:
        self.ended: dict[At, list[tuple[Resource, int]]] = {
            (source, name): [(each.resource, each.last_seq) for each in former_rules.ended(told, resource)]
            for (source, name), told in noted.items()
            if (resource := resources.get(source, {}).get(name)) is not None
        }
        self._filled = prepare.filled(session, resources)
        self._lacking: set[At] = set()
        self._plain = {(source, name) for source, its in resources.items() for name in its if not its[name].columns}
        for source, its in resources.items():
            columns = {each.name: mirror_columns.typed_columns(each) for each in its.values()}
            self._lacking |= {(source, name) for name in mirror_upkeep.lacking(session, columns)}

    def are_filled(self, at: At) -> bool:
        """Whether its table was once filled by today's columns."""
        return at in self._filled

    def has_lost_columns(self, at: At, *, is_written: bool) -> bool:
        """Whether columns are not there though they were filled once, or a scan has written into them."""
        return at in self._lacking and (at in self._filled or is_written)

    def are_columns_there(self, at: At, *, is_noted: bool) -> bool:
        """Whether they can be compared: they are there, and it is known by which rule they were filled."""
        return at in self._plain or (at not in self._lacking and (at in self._filled or is_noted))


def _states(session: Session, tables: Tables) -> Mapping[At, ResourceState]:
    """What is kept of the lists; nothing where it is not readable, which is told."""
    try:
        return reports.resource_states(session)
    except (ValueError, TypeError, AttributeError):
        pass
    except failures() as error:
        if "decode" not in str(error).lower():
            raise
    what = "mirrorpoint_resource, which keeps how each list was read, holds what Mirrorpoint never writes"
    tables.problems.append(Problem(what))
    return {}


def _miss(tables: Tables, at: At, *, is_configured: bool) -> None:
    name = f"{shown(at[0])}:{shown(at[1])}"
    if is_configured:
        what = f"the table of {name} is gone, and the log tells of its records"
        tables.problems.append(Problem(what, resource=shown(at[1])))
    else:
        tables.remarks.append(f"{name} is not configured any more, and its table is gone")


def _remarks(left: Sequence[At], unfilled: Sequence[At], changed: Sequence[At], unnoted: Sequence[At]) -> Iterable[str]:
    if left:
        yield f"of what is not configured any more ({_names(left)}) versions and times were compared, not documents"
    if unfilled:
        cure = "the tables were not brought up to their catalogues yet, `mirrorpoint check` does so"
        yield f"typed columns were not compared of {_names(unfilled)}: {cure}"
    if changed:
        yield f"the catalogue has changed since the last scan of {_names(changed)}: what it left out before was too"
    if unnoted:
        yield f"no action says by which rule {_names(unnoted)} began to be read: the next scan writes one"


def _names(ats: Sequence[At]) -> str:
    names = ", ".join(f"{shown(source)}:{shown(name)}" for source, name in ats[:_NAMED])
    return names + (f" and {len(ats) - _NAMED} more" if len(ats) > _NAMED else "")


def bare(name: str) -> Resource:
    """The resource of which nothing but its name is known."""
    return Resource(name=name, title=name, path="/")
