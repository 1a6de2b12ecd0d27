"""A table that two configurations share is whole again for both after somebody has dropped it."""

from __future__ import annotations

from changes.resources import ColumnType, Resource
from storage import existing, mending, mirror_upkeep, prepare
from storage.engine import Database


def test_a_table_that_is_made_anew_has_the_columns_of_the_other_configuration_soon(database: Database) -> None:
    ours, others = (
        {source: [Resource("things", "things", "/things", columns={column: ColumnType.TEXT})]}
        for source, column in (("ours", "name"), ("others", "colour"))
    )
    for each in (ours, others):
        prepare.prepare(database, each)
    with database.write() as session:
        session.execute("DROP TABLE things")
    for each in (ours, others, ours):
        mending.mend(database, each, stamps=prepare.no_stamps)
    with database.read() as session:
        assert "things" in existing.tables(session)
        columns = {"name": ColumnType.TEXT, "colour": ColumnType.TEXT}
        assert mirror_upkeep.lacking(session, {"things": columns}) == []
