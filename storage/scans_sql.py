"""The statements of scans.py, built once: a scan of a small list consists of little else (`sql.given`)."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Insert, delete, func, insert, literal_column, select, update
from sqlmodel import col

from storage import sql
from storage.sql import given
from storage.states import ScanState
from storage.tables import ResourceRow, ScanRow, SeenRow
from storage.types import BigId

#: The columns of `mirrorpoint_scan` that a page adds to.
COUNTERS = frozenset(
    {"pages", "requests", "rows", "created", "updated", "deleted", "restored"}
    | {"skipped", "held", "doubles", "repaired", "unconverted"}
)
#: Those of `scans.Scan`, in its order.
SCAN_NAMES = tuple(name for name in ScanRow.model_fields if name != "paused_seconds")
SCAN_COLUMNS = [col(getattr(ScanRow, name)) for name in SCAN_NAMES]

RUNNING = (
    select(*SCAN_COLUMNS)
    .where(col(ScanRow.source) == given("source"), col(ScanRow.resource) == given("resource"))
    .where(col(ScanRow.state) == literal_column("'running'"))  # as its index has it: SQLite takes no value given
    .order_by(col(ScanRow.id).desc())
    .limit(1)
)
BY_ID = select(*SCAN_COLUMNS).where(col(ScanRow.id) == given("scan_id"))
ADD = insert(ScanRow)
#: Running, and nobody else has taken it over.
MINE = (
    col(ScanRow.id) == given("scan_id"),
    col(ScanRow.fence) == given("fence"),
    col(ScanRow.state) == ScanState.RUNNING,
)
_ADDED: dict[str, Any] = {name: col(getattr(ScanRow, name)) + given(name) for name in sorted(COUNTERS)}
_ADDED["total"] = func.coalesce(given("total"), col(ScanRow.total), type_=BigId)
ADVANCE = update(ScanRow).where(*MINE).values(position=given("position"), heartbeat_at=given("now"), **_ADDED)
FINISH = (
    update(ScanRow)
    .where(*MINE)
    .values(state=given("state"), reason=given("reason"), ended_at=given("now"), position=None, **_ADDED)
    .returning(*SCAN_COLUMNS)
)
FORGET_SEEN = delete(SeenRow).where(col(SeenRow.scan_id) == given("scan_id"))


@cache
def put_state(dialect: str, names: tuple[str, ...], first: tuple[str, ...]) -> Insert:
    """Sets these columns of a resource's row; of those in `first`, only the ones that are empty."""
    wanted = {name: given(name) for name in names}
    statement = sql.insert_for(dialect, ResourceRow).values(
        source=given("source"), resource=given("resource"), **wanted, **{name: given(name) for name in first}
    )
    kept = {name: func.coalesce(col(getattr(ResourceRow, name)), statement.excluded[name]) for name in first}
    put: Insert = statement.on_conflict_do_update(index_elements=["source", "resource"], set_=wanted | kept)
    return put
