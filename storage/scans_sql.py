"""The columns that scans.py reads and writes, and the statements that are made of them."""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

from functools import cache

from storage import sql

#: The columns of `mirrorpoint_scan` that a page adds to.
COUNTERS = (
    *("pages", "requests", "rows", "created", "updated", "deleted", "restored"),
    *("skipped", "held", "doubles", "repaired", "unconverted"),
)
#: Those of `scans.Scan`, in its order.
SCAN_NAMES = (
    *("id", "source", "resource", "kind", "state", "reason", "started_at", "ended_at"),
    *COUNTERS,
    *("total", "position", "fence", "heartbeat_at"),
)
SCAN = sql.columns(*SCAN_NAMES, utc=("started_at", "ended_at", "heartbeat_at"), json=("position",))
_STATE_TIMES = (
    *("baseline_at", "last_complete_started_at", "last_complete_at"),
    *("all_read_at", "last_problem_at", "next_at", "item_path_proven_at"),
)
#: The columns of `scans.ResourceState`, in its order.
STATE = sql.columns(
    *("baseline_at", "last_complete_id", "last_complete_started_at", "last_complete_at", "all_read_at"),
    *("last_problem", "last_problem_at", "next_at", "item_path_proven_at", "learned", "read_as", "head"),
    utc=_STATE_TIMES,
    json=("learned", "read_as", "head"),
)
#: The same without the two long ones, which whoever tells of a resource does not need.
STATE_TOLD = sql.columns(
    *("baseline_at", "last_complete_id", "last_complete_started_at", "last_complete_at", "all_read_at"),
    *(
        "last_problem",
        "last_problem_at",
        "next_at",
        "item_path_proven_at",
        "NULL AS learned",
        "NULL AS read_as",
        "head",
    ),
    utc=_STATE_TIMES,
    json=("head",),
)
#: Running, and nobody else has taken it over. The state is a value: its index is of no use here.
MINE = "id = :scan_id AND fence = :fence AND state = :running"
_ADDED = ", ".join(f"{name} = {name} + :{name}" for name in COUNTERS) + ", total = coalesce(:total, total)"
ADD = f"""
    INSERT INTO mirrorpoint_scan ({", ".join(SCAN_NAMES)})
    VALUES ({", ".join(f":{name}" for name in SCAN_NAMES)})
"""
ADVANCE = f"UPDATE mirrorpoint_scan SET position = :position, heartbeat_at = :now, {_ADDED} WHERE {MINE}"
FINISH = f"""
    UPDATE mirrorpoint_scan SET state = :state, reason = :reason, ended_at = :now, position = NULL, {_ADDED}
    WHERE {MINE} RETURNING {SCAN}
"""


@cache
def put_state(names: tuple[str, ...], first: tuple[str, ...]) -> str:
    """Sets these columns of a resource's row; of those in `first`, only the ones that are empty."""
    columns = ("source", "resource", *names, *first)
    wanted = [f"{name} = excluded.{name}" for name in names]
    kept = [f"{name} = coalesce(mirrorpoint_resource.{name}, excluded.{name})" for name in first]
    return f"""
        INSERT INTO mirrorpoint_resource ({", ".join(columns)})
        VALUES ({", ".join(f":{name}" for name in columns)})
        ON CONFLICT (source, resource) DO UPDATE SET {", ".join(wanted + kept)}
    """
