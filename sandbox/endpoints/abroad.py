"""Lists of the foreign API's second version: stock, items, and bins that name their warehouse in the query;
read by `sandbox.endpoints`."""

from __future__ import annotations

from datetime import datetime
from email.utils import format_datetime

from sandbox import fields as f
from sandbox.endpoints.endpoint import Endpoint
from sandbox.fields import Draw, Json

ITEMS = "/v2/items"
STOCK = "/v2/stock"
WAREHOUSES = "/v2/warehouses"
#: Served at `/v2/bins?warehouse=…` as well.
BINS = "/v2/warehouses/{code}/bins"
#: A list that takes its parent's key from the query -> the list as the world knows it.
IN_QUERY = {"/v2/bins": BINS}

_TAGS = ("new", "heavy", "fragile", "frozen", "bulky", "sale", "spare", "imported")


def _epoch_seconds(draw: Draw) -> int:
    return int(datetime.fromisoformat(f.create_time(draw)).timestamp())


def _epoch_milliseconds(draw: Draw) -> int:
    return 1000 * int(datetime.fromisoformat(f.later_time(draw)).timestamp()) + draw.number


def _http_date(draw: Draw) -> str:
    return format_datetime(datetime.fromisoformat(f.later_time(draw)), usegmt=True)


def _tags(draw: Draw) -> list[Json]:
    first = draw.number % len(_TAGS)
    return [*_TAGS[first:], *_TAGS[:first]][: 1 + draw.number % 5]


def _is_deleted(draw: Draw) -> bool:
    """Every eighth row that the list begins with."""
    return draw.number % 8 == 0 and draw.number < draw.count


def _sku(draw: Draw) -> str:
    """One in ten holds a slash, another a percent sign: they travel in paths and in joined keys."""
    return f"SKU{ {3: '/', 7: '%'}.get(draw.number % 10, '-') }{(draw.number + 1) // 2:03}"


ENDPOINTS = (
    Endpoint(
        ITEMS,
        {
            "id": f.serial, "name": f.phrase, "price": f.decimal(1, 900), "tags": _tags, "sold": f.one_of("yes", "no"),
            "created": _epoch_seconds, "counted": _epoch_milliseconds, "changed": _http_date, "deleted": _is_deleted,
        },
        count=60, sorts=("id", "created", "name"), kind="item", gone="deleted", mixed=("tags",),
        still=("created", "counted", "changed", "deleted"),
    ),
    Endpoint(
        STOCK,
        {"wh": f.by_number(("B", "A")), "sku": _sku, "pieces": f.number(0, 500), "note": f.maybe(f.sentence)},
        key=("wh", "sku"), count=40, sorts=("sku", "wh"), kind="stock",
    ),
    Endpoint(
        WAREHOUSES,
        {"code": f.numbered("W{}"), "title": f.phrase, "active": f.one_of("True", "False")},
        key="code", count=6, sorts=("code",), kind="warehouse", scales=False,
    ),
    Endpoint(
        BINS, {"code": f.numbered("{:02}/B"), "load": f.number(0, 100)},
        key="code", count=4, sorts=("code",), kind="bin",
    ),
)  # fmt: skip
