"""A process that is killed gives its share of a source back: permits and start times, on both databases."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from storage.engine import Database
from tasks.shared_limits import DatabaseLimitStore
from upstream.throttle import Budget, NoPermit

LEASE_SECONDS = 1.5

#: Takes every permit of the source, and a start time or two; then waits to be killed.
HOLDER = f"""
import sys, time
from contextlib import ExitStack
from datetime import UTC, datetime
from storage.engine import Database
from tasks.shared_limits import DatabaseLimitStore
from upstream.throttle import Budget

limits = DatabaseLimitStore(Database(sys.argv[1]), now=lambda: datetime.now(UTC))
budget = Budget("shop", limits, requests_per_second=50, concurrency=3, lease_seconds={LEASE_SECONDS})
with ExitStack() as stack:
    permits = [stack.enter_context(budget.permit()) for _ in range(3)]
    print("has them", flush=True)
    while True:
        for permit in permits:
            permit.keep_alive()
        with budget.request():
            time.sleep(0.1)
"""


@pytest.fixture
def holder(database_url: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([sys.executable, "-c", HOLDER, database_url], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "has them\n"
        yield process
        process.kill()


def test_permits_of_a_killed_process_are_free_when_their_lease_is_over(
    holder: subprocess.Popen[str], database: Database
) -> None:
    limits = DatabaseLimitStore(database, now=lambda: datetime.now(UTC))
    budget = Budget("shop", limits, requests_per_second=50, concurrency=3, lease_seconds=LEASE_SECONDS)
    with pytest.raises(NoPermit), budget.permit(wait_seconds=2 * LEASE_SECONDS):
        pass  # as long as it lives, it renews them
    holder.kill()
    killed = time.monotonic()
    with budget.permit(wait_seconds=20), budget.permit(wait_seconds=20), budget.permit(wait_seconds=20):
        assert budget.limits.acquire_permit("shop", "a fourth", limit=3, lease_seconds=1) is None
        with budget.request():
            assert time.monotonic() - killed < 20
