"""The record: salted digests, a tree with checkpoints, notices.

The digests of all changes and actions are made anew in their new form, and numbers that are missing are closed up. The
seals of the old form prove nothing of the new one: the last of them is kept in `mirrorpoint_installation`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from changes import digests, fingerprint
from storage import types

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

#: Under this name `mirrorpoint_installation` has the last seal of the old form, as JSON.
LAST_OLD_SEAL = "last seal before revision 0004"
_AT_A_TIME = 1000
_PARTS = {
    "mirrorpoint_delivery_head": (["point", "due_at", "change_seq"], "state = 'due' AND due_at IS NOT NULL"),
    "mirrorpoint_delivery_open": (["point", "record", "change_seq", "id"], "state IN ('due', 'leased')"),
    "mirrorpoint_delivery_leased": (["leased_until"], "state = 'leased'"),
    "mirrorpoint_delivery_dead": (["point", "id"], "state = 'dead'"),
}


def upgrade() -> None:
    _replace_seals()
    _add_columns()
    _make_numbers_optional()
    _renumber(
        "mirrorpoint_change", "seq", also={"mirrorpoint_delivery": "change_seq", "mirrorpoint_attempt": "change_seq"}
    )
    _renumber("mirrorpoint_action", "id", also={"mirrorpoint_action": "of"})
    _digest_changes()
    _digest_actions()
    op.create_index("ix_mirrorpoint_change_id", "mirrorpoint_change", ["id"], unique=True)
    # Of changes that came in a long time without a look: `diff` finds those that a moment lies in.
    op.create_index(
        "mirrorpoint_change_long",
        "mirrorpoint_change",
        ["observed_at", "observed_after"],
        sqlite_where=sa.text("julianday(observed_at) - julianday(observed_after) > 0.0416"),
        postgresql_where=sa.text("observed_at - observed_after > interval '1 hour'"),
    )


def _replace_seals() -> None:
    connection = op.get_bind()
    last = connection.exec_driver_sql(
        "SELECT seq_from, seq_to, digest, previous FROM mirrorpoint_seal ORDER BY seq_to DESC LIMIT 1"
    ).first()
    if last is not None:
        value = json.dumps(dict(zip(("seq_from", "seq_to", "digest", "previous"), last, strict=True)))
        installation = sa.table("mirrorpoint_installation", sa.column("name"), sa.column("value"))
        connection.execute(sa.insert(installation).values(name=LAST_OLD_SEAL, value=value))
    op.drop_table("mirrorpoint_seal")
    op.create_table(
        "mirrorpoint_seal",
        sa.Column("log", types.KeyText(), nullable=False),
        sa.Column("size", types.BigId(), autoincrement=False, nullable=False),
        sa.Column("root", sa.Text(), nullable=False),
        sa.Column("checkpoint", sa.Text(), nullable=True),
        sa.Column("sealed_at", types.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("log", "size"),
    )
    op.create_table(
        "mirrorpoint_tile",
        sa.Column("log", types.KeyText(), nullable=False),
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", types.BigId(), autoincrement=False, nullable=False),
        sa.Column("root", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("log", "level", "number"),
    )
    op.create_table(
        "mirrorpoint_kept",
        sa.Column("id", types.BigId(), nullable=False),
        sa.Column("log", types.KeyText(), nullable=False),
        sa.Column("size", types.BigId(), nullable=False),
        sa.Column("target", types.KeyText(), nullable=False),
        sa.Column("at", types.UtcDateTime(), nullable=False),
        sa.Column("receipt", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("mirrorpoint_kept_target", "mirrorpoint_kept", ["target", "log", "id"])
    op.create_table(
        "mirrorpoint_verification",
        sa.Column("id", types.BigId(), nullable=False),
        sa.Column("started_at", types.UtcDateTime(), nullable=False),
        sa.Column("ended_at", types.UtcDateTime(), nullable=False),
        sa.Column("how", sa.Text(), nullable=False),
        sa.Column("is_ok", sa.Boolean(), nullable=False),
        sa.Column("changes", types.BigId(), nullable=False),
        sa.Column("checks", types.JsonColumn(), nullable=False),
        sa.Column("first_bad", types.JsonColumn(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "mirrorpoint_notice",
        sa.Column("id", types.KeyText(), nullable=False),
        sa.Column("type", types.KeyText(), nullable=False),
        sa.Column("subject", types.KeyText(), nullable=False),
        sa.Column("at", types.UtcDateTime(), nullable=False),
        sa.Column("data", types.JsonColumn(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("mirrorpoint_notice_subject", "mirrorpoint_notice", ["subject", "id"])


def _add_columns() -> None:
    op.add_column("mirrorpoint_change", sa.Column("salt", sa.Text(), nullable=True))
    op.add_column("mirrorpoint_change", sa.Column("document_digest", sa.Text(), nullable=True))
    op.add_column("mirrorpoint_change", sa.Column("previous_digest", sa.Text(), nullable=True))
    op.add_column("mirrorpoint_action", sa.Column("digest", sa.Text(), server_default="", nullable=False))
    op.add_column("mirrorpoint_delivery", sa.Column("notice_id", types.KeyText(), nullable=True))
    op.add_column("mirrorpoint_delivery", sa.Column("event_id", sa.Text(), nullable=True))
    op.create_index("mirrorpoint_delivery_notice_point", "mirrorpoint_delivery", ["notice_id", "point"], unique=True)


def _make_numbers_optional() -> None:
    """Of a notice that is owed or was attempted; SQLite must make both tables anew for that.

    Notices of one subject are in the order of their deliveries' ids, so the index of what is owed has them too.
    """
    if op.get_bind().dialect.name == "postgresql":
        name = "mirrorpoint_delivery_open"
        columns, condition = _PARTS[name]
        op.drop_index(name, "mirrorpoint_delivery")
        op.create_index(name, "mirrorpoint_delivery", columns, postgresql_where=sa.text(condition))
        op.alter_column("mirrorpoint_delivery", "change_seq", nullable=True)
        op.alter_column("mirrorpoint_attempt", "change_seq", nullable=True)
        return
    for name in _PARTS:  # the library would forget their conditions
        op.drop_index(name, "mirrorpoint_delivery")
    for table in ("mirrorpoint_delivery", "mirrorpoint_attempt"):
        with op.batch_alter_table(table, recreate="always", table_kwargs={"sqlite_autoincrement": True}) as batch:
            batch.alter_column("change_seq", existing_type=types.BigId(), nullable=True)
    for name, (columns, condition) in _PARTS.items():
        op.create_index(name, "mirrorpoint_delivery", columns, sqlite_where=sa.text(condition))


def _renumber(table: str, column: str, *, also: dict[str, str]) -> None:
    """Close gaps in the numbers, and follow in the columns that name them."""
    connection = op.get_bind()
    text = f"SELECT {column} FROM {table} ORDER BY {column}"  # noqa: S608  # no values in it
    numbers = [row[0] for row in connection.exec_driver_sql(text)]
    for right, number in enumerate(numbers, 1):
        if number != right:
            for name, its_column in ((table, column), *also.items()):
                update = sa.text(f"UPDATE {name} SET {its_column} = :right WHERE {its_column} = :number")  # noqa: S608
                connection.execute(update, {"right": right, "number": number})


def _digest_changes() -> None:
    table = sa.table(
        "mirrorpoint_change",
        sa.column("seq", types.BigId()),
        *(sa.column(name, sa.Text()) for name in ("id", "source", "resource", "parent_key", "key", "kind", "scan_id")),
        sa.column("version", sa.Integer()),
        *(sa.column(name, types.JsonColumn()) for name in ("changed", "previous", "document")),
        *(sa.column(name, types.UtcDateTime()) for name in ("observed_after", "observed_at")),
        *(sa.column(name, sa.Text()) for name in ("salt", "document_digest", "previous_digest", "digest")),
    )
    for rows in _in_parts(table, table.c.seq):
        new_ids = digests.ids([row.observed_at for row in rows])
        written = []
        for row, new_id, salt in zip(rows, new_ids, digests.salts(len(rows)), strict=True):
            document = row.document
            document_digest = None if document is None else digests.salted(salt, fingerprint.canonical(document))
            previous_digest = digests.salted(salt, fingerprint.canonical(row.previous))
            digest = digests.of_change(
                seq=row.seq,
                id=new_id,
                source=row.source,
                resource=row.resource,
                parent_key=row.parent_key,
                key=row.key,
                version=row.version,
                kind=row.kind,
                changed=row.changed,
                previous_digest=previous_digest,
                document_digest=document_digest,
                observed_after=digests.stamp(row.observed_after),
                observed_at=digests.stamp(row.observed_at),
                scan_id=row.scan_id,
            )
            written.append(
                {
                    "number": row.seq,
                    "new_id": new_id,
                    "new_salt": salt.hex(),
                    "of_document": document_digest,
                    "of_previous": previous_digest,
                    "of_all": digest,
                }
            )
        update = (
            sa.update(table)
            .where(table.c.seq == sa.bindparam("number"))
            .values(
                id=sa.bindparam("new_id"),
                salt=sa.bindparam("new_salt"),
                document_digest=sa.bindparam("of_document"),
                previous_digest=sa.bindparam("of_previous"),
                digest=sa.bindparam("of_all"),
            )
        )
        op.get_bind().execute(update, written)


def _digest_actions() -> None:
    table = sa.table(
        "mirrorpoint_action",
        *(sa.column(name, types.BigId()) for name in ("id", "of")),
        *(sa.column(name, sa.Text()) for name in ("who", "how", "what", "target", "outcome", "digest")),
        sa.column("at", types.UtcDateTime()),
        sa.column("arguments", types.JsonColumn()),
    )
    for rows in _in_parts(table, table.c.id):
        written = [
            {
                "number": row.id,
                "of_all": digests.of_action(
                    id=row.id,
                    of=row.of,
                    at=digests.stamp(row.at),
                    who=row.who,
                    how=row.how,
                    what=row.what,
                    target=row.target,
                    arguments=row.arguments,
                    outcome=row.outcome,
                ),
            }
            for row in rows
        ]
        update = sa.update(table).where(table.c.id == sa.bindparam("number")).values(digest=sa.bindparam("of_all"))
        op.get_bind().execute(update, written)


def _in_parts(table: sa.TableClause, number: sa.ColumnClause[Any]) -> Iterator[list[Any]]:
    after = 0
    while True:
        query = sa.select(table).where(number > after).order_by(number).limit(_AT_A_TIME)
        rows = list(op.get_bind().execute(query))
        if not rows:
            return
        yield rows
        after = getattr(rows[-1], number.name)
