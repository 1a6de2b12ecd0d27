"""What a long time between two looks is: an index of the log is over the changes that came in one.

Said once for the index in `scan_tables.py` and for `touched.py`, whose statement walks it; no library is loaded for it.
"""

from __future__ import annotations

#: Of a change that came in a time of about so many seconds or more in which nobody looked, as each database says it.
LONG_GAP_SECONDS = 3600
LONG_GAP = {
    "sqlite": "julianday(observed_at) - julianday(observed_after) > 0.0416",
    "postgresql": "observed_at - observed_after > interval '1 hour'",
}
