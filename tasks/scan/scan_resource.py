"""A wake-up's work on one resource: a slice if its source has room, and then waking the scans that waited for it.

Called by the Celery task of this name.
"""

from __future__ import annotations

from collections.abc import Collection

from storage import slots
from tasks.scan import waiting_line
from tasks.scan.head import HeadEnd, scan_head
from tasks.scan.slice import scan_slice
from tasks.scan.slice_end import Outcome, SliceEnd
from tasks.services import Services


def scan_resource(
    services: Services, source: str, resource: str, *, kinds: Collection[str] = (slots.FULL,)
) -> SliceEnd:
    """Look at its newest records, work on its full scan for one slice, or both, as `kinds` says.

    Then wake the next scan of its source, and those of its children.
    """
    with services.source_slots.take(source) as has_room:
        end = SliceEnd(Outcome.CROWDED)
        if has_room:
            end = _head_and_slice(services, source, resource, kinds)
    if end.outcome is Outcome.CROWDED:
        waiting_line.hand_back(services, source, resource)
        return end
    is_unfinished = end.outcome is Outcome.AGAIN
    if is_unfinished:  # after those that wait already: else one long list would keep them waiting to its end
        waiting_line.hand_back(services, source, resource)
    if not services.stopping.is_set():
        is_woken = False
        if waiting_line.is_anybody(services, source, resource):
            if slots.FULL in kinds and end.outcome is not Outcome.HELD:
                _scan_head_if_due(services, source, resource)
            is_woken = waiting_line.wake_next(services, source)
        if is_unfinished and not is_woken:
            services.wake("scan", source=source, resource=resource)  # begun by `sync`: no slot could be handed back
    if end.is_baseline or end.is_settled:
        _wake_children(services, source, resource)
    return end


def _head_and_slice(services: Services, source: str, resource: str, kinds: Collection[str]) -> SliceEnd:
    """The head scan first, since it takes a moment."""
    head_end = scan_head(services, source, resource) if slots.HEAD in kinds else HeadEnd.ENDED
    if head_end is HeadEnd.CROWDED:
        return SliceEnd(Outcome.CROWDED)
    end = scan_slice(services, source, resource, waits=False) if slots.FULL in kinds else SliceEnd(Outcome.ENDED)
    if HeadEnd.HELD is head_end or Outcome.HELD is end.outcome:
        waiting_line.leave(services, source, resource)
    return end


def _scan_head_if_due(services: Services, source: str, resource: str) -> None:
    """One that came while the slice was at work has waited for its lease."""
    with services.database.read() as session:
        is_due = slots.HEAD in slots.waiting_kinds(session, source, resource, now=services.now())
    if is_due:
        with services.source_slots.take(source) as has_room:
            if has_room:
                scan_head(services, source, resource)


def _wake_children(services: Services, source: str, resource: str) -> None:
    """Those whose turn has come already, and that had to wait because their parent had had no complete scan."""
    now, catalogue = services.now(), services.sources[source].catalogue
    with services.database.write() as session:
        waiting = {
            name for its_source, name in slots.waiting(session, now=now, woken_before=now) if its_source == source
        }
        children = [
            each.name for each in catalogue.resources.values() if each.parent == resource and each.name in waiting
        ]
        slots.note_woken(session, [(source, name) for name in children], now=now)
    for name in children:
        services.wake("scan", source=source, resource=name)
