"""The last words of a receiver are found at once, however much was attempted since."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    answered = sa.text("answer IS NOT NULL")
    op.create_index(
        "mirrorpoint_attempt_answered",
        "mirrorpoint_attempt",
        ["point", "id"],
        sqlite_where=answered,
        postgresql_where=answered,
    )
