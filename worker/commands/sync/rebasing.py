"""What `rebase` and `retire` do: rows that the catalogue speaks of no more are retired, and no receiver is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from worker import output
from worker.commands import former_rows, selecting, times
from worker.commands.acting import acting
from worker.commands.points.point_values import confirm
from worker.problems import UsageError, did_you_mean

if TYPE_CHECKING:
    from changes.resources import Resource
    from tasks.services import Services
    from worker.commands.calling import Call
    from worker.commands.former_rows import FormerRows

Named = tuple[str, "Resource"]  #: of a source

_REFUSAL = "nothing was retired: nobody can be asked here"
_ONE_BY_ONE = "`mirrorpoint rebase RESOURCE` begins a single one anew all the same"
#: How often somebody else's lease is looked at again.
_LOOK_AGAIN_SECONDS = 0.5


def rebase(call: Call, name: str, *, source_name: str | None, is_same: bool, is_sure: bool, wants_json: bool) -> int:
    """Begin resources anew, or say that their records are the same; then scan them. The exit code of the scan."""
    from worker import bootstrap
    from worker.commands.sync import jobs, outcome

    settings = call.settings()
    catalogues, is_pattern = bootstrap.load_catalogues(settings), any(each in name for each in "*?[")
    if is_pattern:
        chosen = selecting.resources(catalogues, [name], source_name=source_name)
    else:
        chosen = [selecting.resource(catalogues, name, source_name=source_name)]
    services = call.services(settings, only_sources=sorted({source for source, _ in chosen}))
    try:
        if is_pattern:
            chosen = _changed(services, name, chosen)
        known = list(chosen) if is_same else _with_below(services, chosen)
        arguments = {"same": True} if is_same else {}
        if not is_same:
            _ask(services, known, is_sure=is_sure)
        target = name if is_pattern else f"{chosen[0][0]}:{chosen[0][1].name}"
        with acting(services.database, "rebase", target=target, arguments=arguments) as action:
            if is_same:
                _adopt(services, chosen)
                action.outcome = "done: its records are the same"
            else:
                action.outcome = f"done: {_begin_anew(services, known):,} records retired"
        names = [f"{source}:{each.name}" for source, each in _with_below(services, chosen)]
        plan = jobs.plan(services, names, source_name=None, with_off=True)
        return outcome.scan_and_tell(services, plan.jobs, waits=True, wants_json=wants_json)
    finally:
        services.close()


def _changed(services: Services, pattern: str, named: Sequence[Named]) -> list[Named]:
    """Of what fits a pattern only what was read by another catalogue, or at another address."""
    from storage import reports
    from tasks.scan import read_as

    with services.database.read() as session:
        states = reports.resource_states(session)
    found = []
    for source, resource in named:
        state, now = states.get((source, resource.name)), read_as.of(resource, services.sources[source].base_url)
        if state is not None and read_as.may_be_others(state.read_as, now):
            found.append((source, resource))
    if not found:
        raise UsageError(f'nothing of "{pattern}" was read by another catalogue, or at another address', _ONE_BY_ONE)
    return found


def _with_below(services: Services, chosen: Sequence[Named]) -> list[Named]:
    """These, and those below them that were ever scanned: their parents are retired; parents first."""
    from storage import reports

    with services.database.read() as session:
        states = reports.resource_states(session)
    names = {(source, each.name) for source, each in chosen}
    below = [
        (source, each)
        for source in dict.fromkeys(source for source, _ in chosen)
        for each in services.sources[source].catalogue.resources.values()
        if (source, each.name) not in names
        and (source, each.name) in states
        and any((source, ancestor) in names for ancestor in each.ancestors)
    ]
    return sorted([*chosen, *below], key=lambda named: len(named[1].ancestors))


def _adopt(services: Services, chosen: Sequence[Named]) -> None:
    """All of them or none."""
    from storage import former_rules, scans
    from tasks.scan import catalogue_changes, read_as

    adopted = []
    for source, resource in chosen:
        now = read_as.of(resource, services.sources[source].base_url)
        with services.database.read() as session:
            before = scans.resource_state(session, source, resource.name).read_as
        others = read_as.differing(before, now, read_as.WHO)
        is_possible = before is None or read_as.can_be_same(before, now)
        if not is_possible or ("key" in others and not catalogue_changes.has_same_keys(services, source, resource)):
            told = read_as.told(before or {}, now, others)
            raise UsageError(f"the records of {resource.name} cannot be the same: {told}", "leave --same out")
        points = None if before is None else before.get("points")
        adopted.append((source, resource.name, {**now, "points": points}))
    with services.database.write() as session:
        for source, name, kept in adopted:
            former_rules.note(session, source, name, now=kept, at=services.now())
            catalogue_changes.adopt(session, source, name, kept)


def _ask(services: Services, known: Sequence[Named], *, is_sure: bool) -> None:
    from storage import reports

    with services.database.read() as session:
        counts = reports.row_counts(session, known)
    listed = ", ".join(f"{count:,} of {name}" for (_, name), count in counts.items() if count) or "no rows"
    confirm(f"retire {listed} without telling a receiver, and begin anew?", is_sure=is_sure, refusal=_REFUSAL)


def _begin_anew(services: Services, known: Sequence[Named]) -> int:
    from tasks.scan import read_as

    total = 0
    for source, each in known:  # parents first: what is below them is not scanned until they have been
        kept = {**read_as.of(each, services.sources[source].base_url), "points": None}
        total += _retired(services, source, each, kept)
    return total


def retire(call: Call, source: str | None, name: str | None, *, is_sure: bool, wants_json: bool) -> None:
    """Retire what is not configured any more; without a source show what there is of it."""
    settings = call.settings()
    services = call.services(settings, only_sources=[])
    try:
        found = former_rows.read(settings, services.database)
        if source is None:
            _list(found, wants_json=wants_json)
            return
        chosen = _chosen(settings.sources, found, source, name)
        listed = ", ".join(f"{each.rows:,} of {each.name}" for each in chosen)
        confirm(f"retire {listed} without telling a receiver?", is_sure=is_sure, refusal=_REFUSAL)
        target = source if name is None else f"{source}:{name}"
        with acting(services.database, "retire", target=target) as action:
            total = _retire(services, chosen, is_whole=source not in settings.sources and name is None)
            action.outcome = f"done: {total:,} records of {len(chosen)} resources retired"
    finally:
        services.close()
    if wants_json:
        output.document({"retired": [each.told() for each in chosen]})
        return
    output.say(f"{total:,} records retired; `changes`, `history` and `show` have them as before")


def _retire(services: Services, chosen: Sequence[FormerRows], *, is_whole: bool) -> int:
    from storage import point_codes
    from tasks.scan import read_as

    total = 0
    for each in sorted(chosen, key=lambda each: -len(each.resource.ancestors)):
        kept = {**(each.read_as or {}), read_as.RETIRED: times.now().isoformat()}
        total += _retired(services, each.source, each.resource, kept)
    if is_whole and chosen:
        with services.database.write() as session:
            point_codes.remove_of_source(session, chosen[0].source, now=times.now())
    return total


def _chosen(sources: Any, found: Sequence[FormerRows], source: str, name: str | None) -> list[FormerRows]:
    of_source = [each for each in found if each.source == source]
    chosen = [each for each in of_source if name is None or each.name == name]
    if chosen:
        return chosen
    if name is None and source in sources:
        raise UsageError(f"all that was mirrored of {source} is configured", "`mirrorpoint retire` shows what is not")
    if source not in {each.source for each in found} and source not in sources:
        raise UsageError(
            f'nothing is left of a source "{source}"', did_you_mean(source, {each.source for each in found})
        )
    hint = did_you_mean(str(name), {each.name for each in of_source})
    raise UsageError(
        f'nothing is left of "{name}" in {source} that is not configured',
        hint or f"what is configured begins anew with `mirrorpoint rebase {source}:{name}`",
    )


def _list(found: Sequence[FormerRows], *, wants_json: bool) -> None:
    if wants_json:
        output.document({"not_configured": [each.told() for each in found]})
    elif not found:
        output.say("all that was mirrored is configured")
    else:
        output.table(
            ("source", "resource", "rows"), ((each.source, each.name, each.rows) for each in found), right=("rows",)
        )
        output.note("`mirrorpoint retire SOURCE [RESOURCE]` retires them, and tells no receiver")


def _retired(services: Services, source: str, resource: Resource, read_as: Mapping[str, Any]) -> int:
    """As soon as nobody scans it any more; how many records."""
    from tasks.scan import retiring

    has_told = False
    while (count := retiring.retire(services, source, resource, read_as=read_as)) is None:
        if not has_told:
            output.note(f"somebody is scanning {resource.name}; waiting for the end of the slice")
            has_told = True
        services.stopping.wait(_LOOK_AGAIN_SECONDS)
    return count
