"""What verifying cannot know, and what it was not asked to look at, said plainly; used by whole.py."""

from __future__ import annotations

from collections.abc import Iterator

from storage.seals import Log
from tasks.record.checks.heads import Found
from tasks.record.checks.outcome import Outcome


def of_what_was_left_out(*, sample: int | None, after: int | None) -> Iterator[str]:
    """Where only a part was wanted."""
    if sample is not None:
        yield (
            f"only {sample:,} changes and {sample:,} records were looked at, drawn at random; the rest of the tree was "
            "believed as its hashes are stored, and numbers and versions were not gone through"
        )
    elif after is not None:
        yield (
            f"only changes behind {after:,} and their records were looked at; the tree up to there was believed as its "
            "hashes are stored, and other rows of the mirror were left out"
        )


def of_heads(found: Found, *, changes: int) -> Iterator[str]:
    """How far what is known outside reaches."""
    yield from found.remarks
    known = found.of_log(Log.CHANGES)
    if not known:
        yield "no head was kept outside: a tail that was cut off, or a rewritten log, would not be seen"
    elif not found.is_outside:
        yield (
            "heads were compared only with receipts that this database holds itself, and who can rewrite it can remove "
            "them: give one that was kept elsewhere with --head"
        )
    elif known[-1].size < changes:
        yield f"the heads that are known outside do not cover {_the_last(changes - known[-1].size)}"


def of_logs(outcome: Outcome, *, unchecked: int) -> Iterator[str]:
    """What is not sealed yet, was erased, or stands behind what was altered."""
    if outcome.unsealed:
        yield f"{_the_last(outcome.unsealed)} {'is' if outcome.unsealed == 1 else 'are'} not sealed yet"
    if outcome.erased:
        which = "1 change was" if outcome.erased == 1 else f"{outcome.erased:,} changes was"
        yield f"the content of {which} erased, as actions say"
    if unchecked:
        which = "1 checkpoint" if unchecked == 1 else f"{unchecked:,} checkpoints"
        yield f"{which} behind what was altered could not be compared"


def of_rows(uncompared: int) -> Iterator[str]:
    """Rows of the mirror whose change holds no content any more."""
    if uncompared:
        which = "1 row of the mirror was" if uncompared == 1 else f"{uncompared:,} rows of the mirror were"
        yield f"{which} compared without the document: the last change holds none any more"


def _the_last(number: int) -> str:
    return "the last change" if number == 1 else f"the last {number:,} changes"
