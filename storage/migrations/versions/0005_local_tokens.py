"""Points that pull: their local tokens, and what else an entity over REST has."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage import types

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("mirrorpoint_point", sa.Column("token_local", sa.Text(), nullable=True))
    op.add_column("mirrorpoint_point", sa.Column("entity", types.JsonColumn(), nullable=False, server_default="{}"))
