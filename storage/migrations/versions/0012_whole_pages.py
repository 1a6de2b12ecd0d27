"""Pages that come byte for byte as in the last complete scan, and how often rows of a mirrored table were changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage import generations, types

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_table("mirrorpoint_page")  # a memory: it fills again with the next scans
    op.create_table(
        "mirrorpoint_page",
        sa.Column("source", types.KeyText(), nullable=False),
        sa.Column("resource", types.KeyText(), nullable=False),
        sa.Column("place", types.BigId(), autoincrement=False, nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("whole", sa.LargeBinary(), nullable=True),
        sa.Column("seen", sa.LargeBinary(), nullable=False),
        sa.Column("keys", sa.Text(), nullable=False),
        sa.Column("marks", sa.LargeBinary(), nullable=False),
        sa.Column("fingerprints", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source", "resource", "place"),
    )
    op.add_column("mirrorpoint_seen", sa.Column("pages", sa.LargeBinary(), nullable=True))
    op.create_table(
        "mirrorpoint_generation",
        sa.Column("source", types.KeyText(), nullable=False),
        sa.Column("resource", types.KeyText(), nullable=False),
        sa.Column("generation", types.BigId(), nullable=False),
        sa.PrimaryKeyConstraint("source", "resource"),
    )
    op.create_table(
        "mirrorpoint_compared",
        sa.Column("source", types.KeyText(), nullable=False),
        sa.Column("resource", types.KeyText(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("generation", types.BigId(), nullable=False),
        sa.Column("compared_at", types.UtcDateTime(), nullable=False),
        sa.Column("pages", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("source", "resource"),
    )
    if op.get_context().dialect.name == "postgresql":
        op.execute(generations.COUNT)
