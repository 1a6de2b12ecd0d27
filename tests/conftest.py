"""What holds for all tests of Hypothesis: no deadline, since machines are busy, and the same examples in each run.

The soak, which says how many examples there are, tries others each time.
"""

from __future__ import annotations

import os

from hypothesis import settings

is_soak = "EXAMPLES" in os.environ
settings.register_profile("repeatable", deadline=None, derandomize=not is_soak, database=None)
settings.load_profile("repeatable")
