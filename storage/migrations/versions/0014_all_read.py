"""When the last complete scan of a resource began that had all living records: not all that are complete have them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage import types

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("mirrorpoint_resource", sa.Column("all_read_at", types.UtcDateTime(), nullable=True))
    # Which of those before had them all was not kept.
    op.execute("UPDATE mirrorpoint_resource SET all_read_at = last_complete_started_at")
