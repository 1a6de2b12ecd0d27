"""The plan of each resource, what it was made of, and how heads are read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage import types

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("mirrorpoint_resource", sa.Column("head", types.JsonColumn(), nullable=True))
    op.add_column("mirrorpoint_scan", sa.Column("paused_seconds", sa.Float(), nullable=True))
    op.create_table(
        "mirrorpoint_cadence",
        sa.Column("source", types.KeyText(), primary_key=True),
        sa.Column("resource", types.KeyText(), primary_key=True),
        sa.Column("planned_at", types.UtcDateTime(), nullable=True),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("class", sa.Text(), nullable=False),
        sa.Column("interval_seconds", sa.Float(), nullable=True),
        sa.Column("head_interval_seconds", sa.Float(), nullable=True),
        sa.Column("spread_seconds", sa.Float(), nullable=False),
        sa.Column("requests_per_scan", sa.Float(), nullable=False),
        sa.Column("requests_per_hour", sa.Float(), nullable=False),
        sa.Column("created_seconds", sa.Float(), nullable=True),
        sa.Column("updated_seconds", sa.Float(), nullable=True),
        sa.Column("deleted_seconds", sa.Float(), nullable=True),
        sa.Column("unkept", types.JsonColumn(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("changed_at", types.UtcDateTime(), nullable=True),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("others", sa.Float(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("counted_created", types.BigId(), nullable=False),
        sa.Column("counted_others", types.BigId(), nullable=False),
        sa.Column("counted_to", types.UtcDateTime(), nullable=True),
        sa.Column("created_broken_at", types.UtcDateTime(), nullable=True),
        sa.Column("updated_broken_at", types.UtcDateTime(), nullable=True),
        sa.Column("deleted_broken_at", types.UtcDateTime(), nullable=True),
        sa.Column("look_at", types.UtcDateTime(), nullable=True),
        sa.Column("looks_from", types.UtcDateTime(), nullable=True),
        sa.Column("looks", sa.Float(), nullable=False),
    )
