"""What is dead of one record is found at once: it is not owed any more when a newer version has arrived."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    is_dead = sa.text("state = 'dead'")
    columns = ["point", "record"]
    op.create_index(
        "mirrorpoint_delivery_dead_record",
        "mirrorpoint_delivery",
        columns,
        sqlite_where=is_dead,
        postgresql_where=is_dead,
    )
