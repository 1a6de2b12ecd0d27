"""Lists of the two other APIs: integration points of a platform,
and the warehouses of a foreign one; read by `sandbox.endpoints`."""

from __future__ import annotations

from uuid import UUID

from sandbox import fields as f
from sandbox.endpoints.endpoint import Endpoint, Shape
from sandbox.fields import Draw, Json

POINTS = "/rest/v1/service/integration_points"
WAREHOUSES = "/v1/warehouses"
BINS = "/v1/warehouses/{code}/bins"
UNITS = "/v1/units"


def _uuid(draw: Draw) -> str:
    return str(UUID(int=draw.random.getrandbits(128), version=4))


def _ext(draw: Draw) -> Json:
    at = f.create_time(draw).replace("+00:00", ".42Z")
    return {"ct": at, "lwt": at}


_opts = f.object_of(title=f.phrase, comment=f.sentence, allow_files_api=f.always(False), issync=f.always(False))

ENDPOINTS = (
    Endpoint(
        POINTS,
        {
            "id": _uuid, "code": f.by_number(("AUDIT", "CRM", "902", "RISK")),
            "type": f.by_number(("public", "public", "telegram", "public")), "token_local": f.hexadecimal(32),
            "token_remote": f.hexadecimal(16), "token_remote2": f.always(""), "url": f.always("http://trapper.example"),
            "recv_svcscriptcode": f.always("ws_hook"), "recv_svcscriptcode_ws": f.always(""),
            "send_svcscriptcode": f.always("send_to_web"), "send_svcscriptcode_ws": f.always(""),
            "opts": _opts, "ext": _ext,
        },
        count=4, scales=False, shape=Shape.BARE, still=("token_local", "code", "ext"),
    ),
    Endpoint(
        WAREHOUSES,
        {"code": f.numbered("WH-{:03}"), "title": f.phrase, "active": f.flag, "capacity": f.number(100, 9000)},
        key="code", count=12, sorts=("code", "title"),
    ),
    Endpoint(
        BINS,
        {"code": f.numbered("{:02}/A"), "load": f.number(0, 100), "note": f.maybe(f.sentence)},
        key="code", count=5, sorts=("code",),
    ),
    Endpoint(UNITS, shape=Shape.STRINGS, seeds=("piece", "box", "pallet", "kg", "m³", "litre/100"), has_item=False),
)  # fmt: skip
