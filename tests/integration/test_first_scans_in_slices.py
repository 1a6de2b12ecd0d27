"""First scans that take longer than one slice."""

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
