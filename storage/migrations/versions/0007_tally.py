"""What was done, counted: everything begins at zero, since to count what was done before would take long."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage import types

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mirrorpoint_tally",
        sa.Column("hour", types.BigId(), autoincrement=False, nullable=False),
        sa.Column("name", types.KeyText(), nullable=False),
        sa.Column("labels", types.KeyText(), nullable=False),
        sa.Column("number", types.BigId(), nullable=False),
        sa.PrimaryKeyConstraint("hour", "name", "labels"),
    )
    running = sa.text("state = 'running'")
    op.create_index(
        "mirrorpoint_scan_running",
        "mirrorpoint_scan",
        ["source", "resource"],
        sqlite_where=running,
        postgresql_where=running,
    )
