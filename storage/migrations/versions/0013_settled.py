"""How much of a mirrored table others have written, and when its rows were compared with the change log last."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage import types

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("mirrorpoint_generation", sa.Column("own", types.BigId(), nullable=False, server_default="0"))
    op.add_column("mirrorpoint_generation", sa.Column("settled", types.BigId(), nullable=True))
    op.add_column("mirrorpoint_generation", sa.Column("settled_at", types.UtcDateTime(), nullable=True))
    op.drop_table("mirrorpoint_compared")  # a memory: it fills again with the next scans
    op.create_table(
        "mirrorpoint_compared",
        sa.Column("source", types.KeyText(), nullable=False),
        sa.Column("resource", types.KeyText(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("generation", types.BigId(), nullable=False),
        sa.Column("pages", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("source", "resource"),
    )
