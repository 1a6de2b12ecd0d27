"""Gathers the evidence of a walk, has it judged, and keeps what was learned; used by the scan step.

The judging is done in `upstream/evidence.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from changes.records import Batch, Id
from storage import seen_ids
from tasks.scan.came import Came
from tasks.scan.learned import MOST_KEPT, Learned
from tasks.scan.position import Position
from tasks.scan.scope import Scope
from upstream import evidence
from upstream.evidence import MOST_WALKS, Evidence, Outcome, Verdict
from upstream.paging import End, Ending

UNSETTLED = "records that come twice came another number of times in each walk"


def of_nested(position: Position, end: End, came: Came | None) -> Evidence:
    """Of the walk through a list below a parent; where not all of it is known, its rows count as different."""
    if came is None:
        return Evidence.of(position.walk, end, distinct=position.walk.rows)
    return Evidence.of(position.walk, end, distinct=came.different + position.keyless, multiset=came.digest())


def weigh_flat(
    scope: Scope, position: Position, learned: Learned, seen: seen_ids.Seen, *, live_rows: int
) -> tuple[Verdict, Learned, int]:
    """The verdict over a flat list that has been walked to its end; what was learned; how many rows' keys came again.

    `seen`: the ids of this walk; `live_rows`: how many records the mirror has.
    """
    assert position.end is not None  # noqa: S101  # called after the end only
    multiset = seen.digest() if seen.repeated else ""
    now = Evidence.of(position.walk, position.end, distinct=seen.count + position.keyless, multiset=multiset)
    is_all = not position.keyless and seen.living == live_rows
    is_known = is_all and scope.has_baseline and not position.news
    verdict, learned = weigh(
        position,
        learned,
        now,
        position.end,
        repeated=seen.repeated,
        is_known=is_known,
        has_all=is_all and scope.has_baseline,
        last=learned.last,
    )
    if verdict.outcome is Outcome.AGAIN:
        return verdict, replace(learned, last=now), 0  # where the next walk breaks off, that of the next scan may agree
    lesson = learned.lesson.after(now, has_all=is_all)
    last = replace(now, is_proof=True) if verdict.outcome is Outcome.COMPLETE else None
    learned = replace(learned, lesson=lesson, last=last)
    return verdict, learned, sum(seen.repeated.values()) - len(seen.repeated)


def weigh(
    position: Position,
    learned: Learned,
    now: Evidence,
    end: End,
    *,
    repeated: Mapping[str, int],
    is_known: bool,
    has_all: bool = False,
    last: Evidence | None = None,
) -> tuple[Verdict, Learned]:
    """The verdict, and what was learned; `repeated`: records that came on several pages -> on how many.

    `has_all`: every record that the mirror held before this scan came in it; False if that is not known.
    """
    off_by = learned.lesson.off_by
    verdict = evidence.judge(now, end, position.before, last=last, off_by=off_by, is_known=is_known, has_all=has_all)
    early = {name: times for name, times in position.came.items() if times < learned.twice.get(name, 0)}
    twice = {name: times for name, times in {**learned.twice, **early, **repeated}.items() if times > 1}
    if len(twice) <= MOST_KEPT:
        learned = replace(learned, twice=twice)
    if verdict.outcome is Outcome.COMPLETE and early:
        # These rows were left out to wait for a last row that did not come: the list is read once more.
        verdict = Verdict(Outcome.AGAIN) if len(position.before) < MOST_WALKS else Verdict(Outcome.DRIFTED, UNSETTLED)
    if verdict.outcome is Outcome.AGAIN:
        position.before.append(now)
    elif verdict.outcome is Outcome.COMPLETE:
        learned = learned.of_walk(position.walk)
        if off_by and now.short_by == off_by:
            reason = (
                f"its total counts {off_by:,} more than it lists, as in the scans before: taken for its way to count"
            )
            verdict = Verdict(Outcome.COMPLETE, reason)
    else:
        learned = learned.of_nothing()
        position.is_at_odds |= now.ending is not Ending.LOST
    return verdict, learned


def without_early(batch: Batch, position: Position, learned: Learned) -> Batch:
    """`batch` without rows whose record comes again further on in the list: its last row counts."""
    if not learned.twice:
        return batch
    early: set[Id] = set()
    for id_ in batch.ids:
        name = seen_ids.name_of(id_)
        if name in learned.twice:
            position.came[name] = position.came.get(name, 0) + 1
            if position.came[name] < learned.twice[name]:
                early.add(id_)
    records = tuple(record for record in batch.records if record.id not in early)
    left_out = tuple(record.id for record in batch.records if record.id in early)
    return replace(batch, records=records, unread=batch.unread + left_out)
