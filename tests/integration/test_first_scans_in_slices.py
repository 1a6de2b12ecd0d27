"""First scans that are interrupted: by the end of a slice, or by somebody who writes into the mirror."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from storage import sql
from tasks.scan.lease import MANY_ROWS, Progress
from tasks.scan.slice import scan_slice
from tasks.scan.slice_end import Outcome
from tests import mirrored_world
from tests.integration import shop as shops
from tests.integration.shop import Shop


def test_a_first_scan_that_asks_the_log_has_postgresql_look_at_the_tables_that_it_has_filled(
    shop: Shop, database_url: str, tmp_path: Path
) -> None:
    file = shops.configure(tmp_path, database=database_url, url=shop.server.url, page_size=500)
    shop.lists("things", *(json.dumps({"id": n, "name": f"n{n}"}) for n in range(2 * MANY_ROWS)))
    with closing(mirrored_world.services(file)) as services:
        if services.database.dialect == "sqlite":
            pytest.skip("its plans do not depend on the sizes of the tables")

        def stop_late(progress: Progress) -> None:
            if progress.rows >= MANY_ROWS:
                services.stopping.set()

        def rows_known() -> dict[str, float]:
            names = ("things", "mirrorpoint_change")
            text = f"SELECT relname, reltuples FROM pg_class WHERE relname {sql.among(session, 'names')}"
            return dict(sql.rows(session, text, names=names))

        assert scan_slice(services, "shop", "things", on_progress=stop_late).outcome is Outcome.AGAIN
        shops.run(services, "UPDATE things SET fingerprint = fingerprint WHERE key = '7'")  # now the log is asked
        assert scan_slice(services, "shop", "things", seconds=0).outcome is Outcome.AGAIN
        with services.database.read() as session:
            assert all(MANY_ROWS <= rows < 2 * MANY_ROWS for rows in rows_known().values())
        services.stopping.clear()
        assert mirrored_world.scan(services, "things", "shop").outcome is Outcome.ENDED


def test_a_row_that_somebody_removes_before_its_record_comes_again_is_told_once(
    shop: Shop, database_url: str, tmp_path: Path
) -> None:
    file = shops.configure(tmp_path, database=database_url, url=shop.server.url, page_size=50)
    rows = [json.dumps({"id": n, "name": f"n{n}"}) for n in range(1200)]
    shop.lists("things", *rows, rows[7].replace("n7", "other"))
    with closing(mirrored_world.services(file)) as services:
        has_been_there = list[int]()

        def remove(progress: Progress) -> None:
            if progress.rows and not has_been_there:
                has_been_there.append(progress.rows)
                shops.run(services, "DELETE FROM things WHERE key = '7'")

        while scan_slice(services, "shop", "things", on_progress=remove).outcome is not Outcome.ENDED:
            pass
        assert 7 < has_been_there[0] < len(rows)
        shop.lists("things", *rows)
        for _ in range(2):
            assert shops.scanned(services, "things").state == "complete"
        told = [change for change in mirrored_world.log(services) if change.resource == "things"]
        assert sorted(int(change.key) for change in told if change.version == 1) == list(range(1200))
        assert {change.key for change in told if change.version > 1} <= {"7"}
        assert shops.problems(services) == []
