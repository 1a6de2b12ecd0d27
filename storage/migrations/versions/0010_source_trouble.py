"""What is wrong with a source as a whole is kept beside its failures."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage import types

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("mirrorpoint_budget", sa.Column("trouble", sa.Text(), nullable=True))
    op.add_column("mirrorpoint_budget", sa.Column("trouble_since", types.UtcDateTime(), nullable=True))
    op.add_column("mirrorpoint_budget", sa.Column("trouble_reason", sa.Text(), nullable=True))
