"""What holds for all tests: where their files are, how Hypothesis tries its examples, and what is put back.

Hypothesis has no deadline, since machines are busy, and takes the same examples in each run. The soak, which says how
many examples there are, tries others each time.
"""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.kept_logging import kept_logging

#: A file system in memory. Most tests make a database, and there it costs a tenth of what it does on a disk.
MEMORY = Path("/dev/shm")
#: What all tests take at most, several times over. A container often has 64 MB there, which will not do.
ENOUGH_BYTES = 4 * 1024**3

# The processes that tests start inherit it. TMPDIR names another place.
if "TMPDIR" not in os.environ and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ENOUGH_BYTES:
    os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)

is_soak = "EXAMPLES" in os.environ
settings.register_profile("repeatable", deadline=None, derandomize=not is_soak, database=None)
settings.load_profile("repeatable")


def pytest_collection_finish() -> None:
    """Some thousand tests stay to the end. The collector need not look through them: that takes a sixth of a run."""
    gc.freeze()
    gc.set_threshold(50_000)


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """A test that runs a command in its own process would decide where the lines of all later ones go."""
    with kept_logging():
        yield
