"""Settings of single points, what receivers answered, who holds a delivery, and what people did."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage import types

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("mirrorpoint_attempt", sa.Column("answer", sa.Text(), nullable=True))
    op.add_column("mirrorpoint_delivery", sa.Column("leased_by", sa.Text(), nullable=True))
    for column in (
        sa.Column("paused_at", types.UtcDateTime(), nullable=True),
        sa.Column("next_start_at", types.UtcDateTime(), nullable=True),
        sa.Column("options", types.JsonColumn(), server_default="{}", nullable=False),
        sa.Column("sealed_options", sa.Text(), nullable=True),
    ):
        op.add_column("mirrorpoint_point", column)
    op.create_table(
        "mirrorpoint_action",
        sa.Column("id", types.BigId(), nullable=False),
        sa.Column("of", types.BigId(), nullable=True),
        sa.Column("at", types.UtcDateTime(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("how", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("arguments", types.JsonColumn(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_mirrorpoint_action_of", "mirrorpoint_action", ["of"])
    op.create_table(
        "mirrorpoint_installation",
        sa.Column("name", types.KeyText(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
