"""The feed: how far its readers are, and notices with numbers in the order of their commits."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage import types

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mirrorpoint_reader",
        sa.Column("kind", types.KeyText(), primary_key=True),
        sa.Column("name", types.KeyText(), primary_key=True),
        sa.Column("seq", types.BigId(), nullable=False),
        sa.Column("at", types.UtcDateTime(), nullable=False),
    )
    op.add_column("mirrorpoint_notice", sa.Column("number", types.BigId(), nullable=True))
    op.execute(
        "UPDATE mirrorpoint_notice SET number ="
        " (SELECT count(*) FROM mirrorpoint_notice AS n WHERE n.id <= mirrorpoint_notice.id)"
    )
    op.create_index("mirrorpoint_notice_number", "mirrorpoint_notice", ["number"], unique=True)
