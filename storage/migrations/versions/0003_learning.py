"""What is known of each list: how its server counts, and by which rules of the catalogue it was read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage import types

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("mirrorpoint_resource", sa.Column("learned", types.JsonColumn(), nullable=True))
    op.add_column("mirrorpoint_resource", sa.Column("read_as", types.JsonColumn(), nullable=True))
