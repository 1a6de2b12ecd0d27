"""dlt with scd2, the one of its modes that keeps history and sees deletions.

`python dlt_scd2.py URL RESOURCE KIND PLACE`: KIND is `sqlite` or `duckdb` with a file as PLACE, or `postgres` with a
URL. Nested members stay JSON in their row, as in Mirrorpoint; tables of their own would take longer.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ["RUNTIME__LOG_LEVEL"] = "ERROR"

import dlt
from dlt.sources.helpers.rest_client import RESTClient
from dlt.sources.helpers.rest_client.paginators import OffsetPaginator

PAGE = 500


def main(url: str, resource: str, kind: str, place: str) -> None:
    client = RESTClient(base_url=url, data_selector="data", paginator=OffsetPaginator(limit=PAGE, total_path="total"))

    @dlt.resource(  # type: ignore[untyped-decorator]  # it is installed in another environment
        name=resource,
        primary_key="id",
        max_table_nesting=0,
        write_disposition={"disposition": "merge", "strategy": "scd2"},
    )
    def rows() -> Iterator[Any]:
        yield from client.paginate(f"/{resource}")

    destinations: dict[str, Any] = {
        "sqlite": lambda: dlt.destinations.sqlalchemy(credentials=f"sqlite:///{place}"),
        "duckdb": lambda: dlt.destinations.duckdb(credentials=place),
        "postgres": lambda: dlt.destinations.postgres(credentials=place),
    }
    pipeline = dlt.pipeline(
        pipeline_name=f"bench_{kind}",
        pipelines_dir=str(Path.cwd() / "dlt"),
        destination=destinations[kind](),
        dataset_name="bench",
    )
    pipeline.run(rows()).raise_on_failed_jobs()


if __name__ == "__main__":
    main(*sys.argv[1:])
