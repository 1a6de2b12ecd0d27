"""Runs the migrations on the connection that `storage.prepare` hands over; Alembic calls it."""

from __future__ import annotations

from alembic import context
from sqlmodel import SQLModel

from storage import (
    prepared,
    tables,  # noqa: F401  # what SQLModel.metadata holds
)

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    version_table=prepared.VERSION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
