"""What `check` says of resources whose records were read by another catalogue, or from another address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from worker.commands.check import config_warnings

if TYPE_CHECKING:
    from changes.resources import Resource
    from tasks.services import Services
    from worker.commands.check.check_report import Report
    from worker.settings import Settings


def judge(
    report: Report,
    settings: Settings,
    services: Services,
    named: Sequence[tuple[str, Resource]],
    mirrored: Mapping[tuple[str, str], int],
) -> None:
    """A problem where the next scan will be held; a warning where it will look first. `mirrored`: rows that exist."""
    from storage import reports, scans
    from tasks.scan import catalogue_changes, read_as

    with services.database.read() as session:
        states = reports.resource_states(session)
    for source, resource in named:
        at = (source, resource.name)
        state, now = states.get(at), read_as.of(resource, settings.sources[source].base_url)
        if state is None or state.read_as is None or not mirrored[at]:
            continue
        if state.baseline_at is None:  # the next scan begins anew, and nobody was told of what is there
            continue
        where, before = f"{source}:{resource.name}", state.read_as
        others = read_as.differing(before, now, read_as.WHO)
        if others == ["key"] and catalogue_changes.has_same_keys(services, source, resource):
            others = []
        places = read_as.differing(before, now, read_as.PLACE)
        held = scans.HELD + read_as.told(before, now, others or places)
        if (others or places) and (state.last_problem or "").startswith(held):  # as the last scan has put it
            message, _, hint = str(state.last_problem).removeprefix(scans.HELD).partition("; ")
            report.add(where, "held", message, hint, exit_code=3)
        elif others:
            file = services.sources[source].catalogue.origin
            back = read_as.fields(others, source=source, resource=resource.name, catalogue=file)
            hint = (
                f"put back {back}, or `mirrorpoint rebase {where}` takes what is there now as a new base line; "
                "until then its scans are held"
            )
            report.add(where, "held", read_as.told(before, now, others), hint, exit_code=3)
        elif places:
            hint = "the next scan compares its first page with the mirror, and is held where the records are others"
            report.warnings.append(config_warnings.Warned(where, read_as.told(before, now, places), hint))
