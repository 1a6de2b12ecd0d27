"""An index of those changes that came in a long time without a look: `diff` finds those that a moment lies in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "mirrorpoint_change_long",
        "mirrorpoint_change",
        ["observed_at", "observed_after"],
        sqlite_where=sa.text("julianday(observed_at) - julianday(observed_after) > 0.0416"),
        postgresql_where=sa.text("observed_at - observed_after > interval '1 hour'"),
    )
