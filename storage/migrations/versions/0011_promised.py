"""Since when a resource's promises are as short as they are: what was before is not judged by them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage import types

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("mirrorpoint_cadence", sa.Column("promised_at", types.UtcDateTime(), nullable=True))
