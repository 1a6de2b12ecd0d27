"""All bookkeeping tables as of the first release."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from storage import types

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mirrorpoint_attempt",
        sa.Column("id", types.BigId(), nullable=False),
        sa.Column("delivery_id", types.BigId(), nullable=False),
        sa.Column("change_seq", types.BigId(), nullable=False),
        sa.Column("point", types.KeyText(), nullable=False),
        sa.Column("attempted_at", types.UtcDateTime(), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_mirrorpoint_attempt_delivery_id", "mirrorpoint_attempt", ["delivery_id"])
    op.create_table(
        "mirrorpoint_budget",
        sa.Column("name", types.KeyText(), nullable=False),
        sa.Column("next_at", types.UtcDateTime(), nullable=True),
        sa.Column("paused_until", types.UtcDateTime(), nullable=True),
        sa.Column("waited_at", types.UtcDateTime(), nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("rests_until", types.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "mirrorpoint_change",
        sa.Column("seq", types.BigId(), nullable=False),
        sa.Column("id", types.KeyText(), nullable=False),
        sa.Column("source", types.KeyText(), nullable=False),
        sa.Column("resource", types.KeyText(), nullable=False),
        sa.Column("parent_key", types.KeyText(), nullable=False),
        sa.Column("key", types.KeyText(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("changed", types.JsonColumn(), nullable=False),
        sa.Column("previous", types.JsonColumn(), nullable=False),
        sa.Column("document", types.JsonColumn(), nullable=True),
        sa.Column("observed_after", types.UtcDateTime(), nullable=True),
        sa.Column("observed_at", types.UtcDateTime(), nullable=False),
        sa.Column("scan_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_mirrorpoint_change_observed_at", "mirrorpoint_change", ["observed_at"])
    op.create_index(
        "mirrorpoint_change_record",
        "mirrorpoint_change",
        ["source", "resource", "parent_key", "key", "version"],
        unique=True,
    )
    op.create_index("mirrorpoint_change_resource", "mirrorpoint_change", ["source", "resource", "seq"])
    op.create_table(
        "mirrorpoint_delivery",
        sa.Column("id", types.BigId(), nullable=False),
        sa.Column("change_seq", types.BigId(), nullable=False),
        sa.Column("point", types.KeyText(), nullable=False),
        sa.Column("record", types.KeyText(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", types.UtcDateTime(), nullable=True),
        sa.Column("leased_until", types.UtcDateTime(), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("losses", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.Column("delivered_at", types.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("mirrorpoint_delivery_change_point", "mirrorpoint_delivery", ["change_seq", "point"], unique=True)
    op.create_index("mirrorpoint_delivery_dead", "mirrorpoint_delivery", ["point", "id"], **_where("state = 'dead'"))
    op.create_index(
        "mirrorpoint_delivery_head",
        "mirrorpoint_delivery",
        ["point", "due_at", "change_seq"],
        **_where("state = 'due' AND due_at IS NOT NULL"),
    )
    op.create_index(
        "mirrorpoint_delivery_leased", "mirrorpoint_delivery", ["leased_until"], **_where("state = 'leased'")
    )
    op.create_index(
        "mirrorpoint_delivery_open",
        "mirrorpoint_delivery",
        ["point", "record", "change_seq"],
        **_where("state IN ('due', 'leased')"),
    )
    op.create_table(
        "mirrorpoint_lease",
        sa.Column("name", types.KeyText(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("fence", types.BigId(), nullable=False),
        sa.Column("expires_at", types.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "mirrorpoint_permit",
        sa.Column("source", types.KeyText(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("holder", sa.Text(), nullable=True),
        sa.Column("expires_at", types.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("source", "number"),
    )
    op.create_table(
        "mirrorpoint_point",
        sa.Column("id", types.KeyText(), nullable=False),
        sa.Column("code", types.KeyText(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("token", sa.Text(), nullable=True),
        sa.Column("secret", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_reason", sa.Text(), nullable=True),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.Column("changed_at", types.UtcDateTime(), nullable=False),
        sa.Column("delivered", types.BigId(), nullable=False),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_attempt_at", types.UtcDateTime(), nullable=True),
        sa.Column("recent", sa.Text(), nullable=False),
        sa.Column("pauses", sa.Integer(), nullable=False),
        sa.Column("paused_until", types.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_mirrorpoint_point_code", "mirrorpoint_point", ["code"])
    op.create_index(
        "mirrorpoint_point_code",
        "mirrorpoint_point",
        ["code"],
        unique=True,
        **_where("state IN ('active', 'disabled', 'gone')"),
    )
    op.create_table(
        "mirrorpoint_prepared",
        sa.Column("name", types.KeyText(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "mirrorpoint_process",
        sa.Column("name", types.KeyText(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("started_at", types.UtcDateTime(), nullable=False),
        sa.Column("beat_at", types.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "mirrorpoint_resource",
        sa.Column("source", types.KeyText(), nullable=False),
        sa.Column("resource", types.KeyText(), nullable=False),
        sa.Column("baseline_at", types.UtcDateTime(), nullable=True),
        sa.Column("last_complete_id", sa.Text(), nullable=True),
        sa.Column("last_complete_started_at", types.UtcDateTime(), nullable=True),
        sa.Column("last_complete_at", types.UtcDateTime(), nullable=True),
        sa.Column("last_problem", sa.Text(), nullable=True),
        sa.Column("last_problem_at", types.UtcDateTime(), nullable=True),
        sa.Column("next_at", types.UtcDateTime(), nullable=True),
        sa.Column("item_path_proven_at", types.UtcDateTime(), nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("rests_until", types.UtcDateTime(), nullable=True),
        sa.Column("crashes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("crashed_part", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("source", "resource"),
    )
    op.create_table(
        "mirrorpoint_scan",
        sa.Column("id", types.KeyText(), nullable=False),
        sa.Column("source", types.KeyText(), nullable=False),
        sa.Column("resource", types.KeyText(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("started_at", types.UtcDateTime(), nullable=False),
        sa.Column("ended_at", types.UtcDateTime(), nullable=True),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("created", sa.Integer(), nullable=False),
        sa.Column("updated", sa.Integer(), nullable=False),
        sa.Column("deleted", sa.Integer(), nullable=False),
        sa.Column("restored", sa.Integer(), nullable=False),
        sa.Column("skipped", sa.Integer(), nullable=False),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.Column("doubles", sa.Integer(), nullable=False),
        sa.Column("repaired", sa.Integer(), nullable=False),
        sa.Column("unconverted", sa.Integer(), nullable=False),
        sa.Column("total", types.BigId(), nullable=True),
        sa.Column("position", types.JsonColumn(), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("heartbeat_at", types.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("mirrorpoint_scan_resource", "mirrorpoint_scan", ["source", "resource", "id"])
    op.create_table(
        "mirrorpoint_seal",
        sa.Column("seq_from", types.BigId(), autoincrement=False, nullable=False),
        sa.Column("seq_to", types.BigId(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("sealed_at", types.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("seq_from"),
        sa.UniqueConstraint("seq_to"),
    )
    op.create_table(
        "mirrorpoint_page",
        sa.Column("source", types.KeyText(), nullable=False),
        sa.Column("resource", types.KeyText(), nullable=False),
        sa.Column("place", types.BigId(), autoincrement=False, nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("marks", sa.LargeBinary(), nullable=False),
        sa.Column("keys", sa.Text(), nullable=False),
        sa.Column("fingerprints", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source", "resource", "place"),
    )
    op.create_table(
        "mirrorpoint_seen",
        sa.Column("scan_id", types.KeyText(), nullable=False),
        sa.Column("part", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("scan_id", "part"),
    )
    op.create_table(
        "mirrorpoint_slot",
        sa.Column("source", types.KeyText(), nullable=False),
        sa.Column("resource", types.KeyText(), nullable=False),
        sa.Column("kind", types.KeyText(), nullable=False),
        sa.Column("slot_at", types.UtcDateTime(), nullable=False),
        sa.Column("woken_at", types.UtcDateTime(), nullable=True),
        sa.Column("handed_back_at", types.UtcDateTime(), nullable=True),
        sa.Column("scan_id", sa.Text(), nullable=True),
        sa.Column("done_at", types.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("source", "resource", "kind", "slot_at"),
    )
    op.create_index(
        "mirrorpoint_slot_waiting",
        "mirrorpoint_slot",
        ["source", "resource"],
        sqlite_where=sa.text("done_at IS NULL"),
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_table(
        "mirrorpoint_suspect",
        sa.Column("source", types.KeyText(), nullable=False),
        sa.Column("resource", types.KeyText(), nullable=False),
        sa.Column("parent_key", types.KeyText(), nullable=False),
        sa.Column("key", types.KeyText(), nullable=False),
        sa.Column("scan_id", sa.Text(), nullable=False),
        sa.Column("since", types.UtcDateTime(), nullable=True),
        sa.Column("absent_scans", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("held_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("source", "resource", "parent_key", "key"),
    )
    op.create_table(
        "mirrorpoint_token",
        sa.Column("source", types.KeyText(), nullable=False),
        sa.Column("access", sa.Text(), nullable=True),
        sa.Column("refresh", sa.Text(), nullable=True),
        sa.Column("expires_at", types.UtcDateTime(), nullable=True),
        sa.Column("sign_ins", types.JsonColumn(), nullable=False),
        sa.Column("refused_at", types.UtcDateTime(), nullable=True),
        sa.Column("refused_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("source"),
    )


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}
