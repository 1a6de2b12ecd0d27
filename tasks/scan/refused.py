"""What an error in place of a list's page means for the walk; used by `walk.py`."""

from __future__ import annotations

from storage import mirror
from tasks.scan.left_out import NOT_THERE
from tasks.scan.scope import Scope
from upstream import styles
from upstream.errors import GiveUp, ServerError, UpstreamError
from upstream.paging import Ask, End, Ending, Step, Walk

#: Statuses that say "nothing is there" of an offset after the last row.
BEHIND = NOT_THERE | {416}
#: Those that say nothing of the list: a right is missing, or what was asked for is not offered at all.
OF_NO_LIST = frozenset({401, 403, 405, 407, 451, 501})


def step(scope: Scope, walk: Walk, asked: Ask, error: UpstreamError) -> Step | None:
    """How the walk goes on, or ends; None: it is an error and nothing else."""
    if isinstance(error, GiveUp):
        if not walk.asks and _is_empty(scope, error.status):
            return Step(walk, 0, End(Ending.EMPTY))
        if not scope.resource.paged or error.status in OF_NO_LIST:
            return None
        return styles.refuse(walk, asked, is_end=error.status in BEHIND)
    return styles.refuse(walk, asked, is_trouble=True) if isinstance(error, ServerError) else None


def _is_empty(scope: Scope, status: int) -> bool:
    """Whether an error in place of a list's first page says that the list is empty.

    If nothing but the status says so, a wrong path would look the same. So it is believed only of a list that was
    there, and of which nothing is left to be lost.
    """
    if status in scope.resource.empty:
        return True
    if status not in NOT_THERE or scope.parent is not None or not scope.has_baseline:
        return False
    with scope.services.database.read() as session:
        return mirror.live_count(session, scope.resource, scope.source) == 0
