"""Which scans `sync` and its like are to make, in which order; and how one of them ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from changes import schedules
from changes.resources import Resource
from storage import scans, slots, suspects
from storage.slots import Slot
from tasks.scan import taking
from tasks.scan.slice_end import SliceEnd
from tasks.services import Services
from worker.commands import selecting
from worker.problems import UsageError


@dataclass(frozen=True, slots=True)
class Job:
    source: str
    resource: Resource

    @property
    def name(self) -> str:
        return f"{self.source}:{self.resource.name}"


@dataclass(frozen=True, slots=True)
class Plan:
    jobs: list[Job]
    notes: list[str]


@dataclass(frozen=True, slots=True)
class JobEnd:
    """`end` is None where the source was given up before this resource's turn, or where the scan broke off."""

    job: Job
    end: SliceEnd | None
    seconds: float = 0.0
    surprise: str = ""  #: a defect that has ended this scan, and no other

    @property
    def is_left_out(self) -> bool:
        return self.end is None and not self.surprise


def plan(services: Services, names: Sequence[str], *, source_name: str | None, with_off: bool) -> Plan:
    """What to scan, parents before their children; parents that were never scanned, or are others now, come along."""
    catalogues = {source.name: source.catalogue for source in services.sources.values()}
    chosen = selecting.resources(catalogues, names, source_name=source_name)
    if not names and not with_off:
        chosen = [(source, each) for source, each in chosen if _is_on(services, source, each)]
    wanted = {(source, each.name) for source, each in chosen}
    notes = []
    with services.database.read() as session:
        for source, each in list(chosen):
            for ancestor in each.ancestors:
                is_known = taking.are_records_known(session, services.sources[source], ancestor)
                if not is_known and (source, ancestor) not in wanted:
                    wanted.add((source, ancestor))
                    notes.append(f"{ancestor} is scanned too: {each.name} is listed per record of it")
    jobs = [
        Job(source, each)
        for source, catalogue in catalogues.items()
        for each in catalogue.resources.values()
        if (source, each.name) in wanted
    ]
    return Plan(sorted(jobs, key=lambda job: len(job.resource.ancestors)), notes)


def _is_on(services: Services, source: str, resource: Resource) -> bool:
    return schedules.resolve(resource, services.sources[source].schedule) != "off"


def approve(services: Services, scan_id: str, *, look_at: datetime | None = None) -> tuple[Job, int]:
    """Approve what a scan holds back; the resource to look at again, and how many deletions they are.

    `look_at`: from then on a worker looks, which is promised in the same transaction: a resource that is off has no
    other turn at which what is approved would be found.
    """
    with services.database.write() as session:
        scan, holders = scans.get(session, scan_id), suspects.holders(session)
        hint = "; ".join(f"{held_by} holds some of {resource}" for (_, resource), held_by in holders.items())
        if scan is None:
            raise UsageError(f'there is no scan "{scan_id}"', hint or "nothing is held at the moment")
        source = services.sources.get(scan.source)
        if source is None or scan.resource not in source.catalogue.resources:
            raise UsageError(f"{scan.source}:{scan.resource} is not mirrored any more", "configure it again first")
        approved = suspects.approve_suspects(session, scan.source, scan.resource, scan_id=scan_id)
        if approved and look_at is not None:
            slot = Slot(scan.source, scan.resource, "full", look_at)
            slots.open_slots(session, [slot], now=look_at, woken=())  # housekeeping wakes it when it has come
    if not approved:
        raise UsageError(f"scan {scan_id} holds nothing", hint or "nothing is held at the moment")
    return Job(scan.source, source.catalogue.resources[scan.resource]), approved
