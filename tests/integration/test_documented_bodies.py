"""The bodies that the documents of both APIs print: read as records, sent by the write client, answered by the sandbox.

`tests/samples/documented/` has their data: `writes.json` every body that is sent, `lists.json` every query of a list,
the others what lists and single records answer. The documents' samples are edited by hand: one list of points has the
member `ext` twice in an object, and the example of a single point answers with another one than was asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from changes import normalise
from changes.records import Id, Json
from changes.resources import Resource
from sandbox import serving
from sandbox.api import Api
from tests.integration.scripted_server import Reply, ScriptedServer, json_reply
from upstream import catalogue, writing
from upstream.errors import MalformedResponse

SAMPLES = Path(__file__).parents[1] / "samples" / "documented"
BACKOFFICE, PLATFORM = catalogue.load("backoffice"), catalogue.load("integration-platform")
POINTS = PLATFORM.resources["integration_points"]
SIGN_IN = {"method": "sign-in", "email": "mirror@example.com", "password": "sandbox"}

#: Members of bodies without a typed column, and why.
NO_COLUMN = {
    "connections": {"providerOptions"},  # secrets: in `document`, sealed
    "sms_providers": {"options"},  # the same
    "products": {"numericCodes"},  # becomes the list of the product's currencies
}


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text("utf-8"))


def text(name: str) -> bytes:
    return (SAMPLES / f"{name}.json").read_bytes()


def resource_of(path: str) -> tuple[Resource, str, str]:
    """The resource, the parent's key and the record's own, where the path names one."""
    for each in BACKOFFICE.resources.values():
        for pattern in (each.path, each.item_path):
            found = pattern and re.fullmatch(
                pattern.replace("{parent}", r"(?P<parent>\d+)").replace("{key}", r"(?P<key>\d+)"), path
            )
            if found:
                named = found.groupdict()
                return each, named.get("parent", ""), named.get("key", "")
    raise AssertionError(f"no resource has {path}")


WRITES = [pytest.param(each, id=f"{each['method']} {each['path']}") for each in sample("writes")]


def seal(value: Json) -> Json:
    return "sealed:" + "0" * 32 if value else value


def read(resource: Resource, rows: list[Json], parent_key: str = "") -> list[tuple[Id, dict[str, object], Json]]:
    """Id, columns and document of each record; every row is taken and every column converts."""
    batch = normalise.read(resource, rows, parent_key=parent_key, seal=seal)
    assert () == batch.skipped
    found = []
    for record in batch.records:
        document = normalise.document_of(record)
        columns, unconverted = normalise.columns(resource, document)
        assert [] == unconverted
        found.append((record.id, columns, document))
    return found


@pytest.mark.parametrize("write", WRITES)
def test_a_record_with_these_members_is_read_with_its_key_and_columns(write: dict[str, Any]) -> None:
    resource, parent_key, _ = resource_of(write["path"])

    ((id_, columns, document),) = read(resource, [{"id": 7, **write["body"]}], parent_key)

    assert Id(parent_key, "7") == id_
    assert {"id", *write["body"]} == set(document)
    names = resource.column_names()
    assert NO_COLUMN.get(resource.name, set()) >= set(write["body"]) - names.keys()
    empty = {member for member in write["body"] if member in names and columns[names[member]] is None}
    assert set() == empty


@pytest.mark.parametrize("name", ["products", "paid_service_groups", "paid_service_parameters"])
def test_a_row_that_calls_its_id_as_its_path_does_is_taken(name: str) -> None:
    resource = BACKOFFICE.resources[name]
    member = {"products": "productId", "paid_service_groups": "groupId", "paid_service_parameters": "parameterId"}[name]

    assert [Id("", "7")] == [id_ for id_, _, _ in read(resource, [{member: 7}])]


def test_flags_and_amounts_are_read_however_they_are_written() -> None:
    services, products = BACKOFFICE.resources["paid_services"], BACKOFFICE.resources["products"]
    flags = [read(services, [{"id": 1, "isActive": value}])[0][1]["is_active"] for value in (1, "1", True, 0, False)]
    amounts = [read(products, [{"id": 1, "minDepositAmount": value}])[0][1] for value in (50, "50.00", 50.5)]

    assert [True, True, True, False, False] == flags
    assert [50.0, 50.0, 50.5] == [each["min_deposit_amount"] for each in amounts]


@pytest.mark.parametrize("name", ["connection_providers", "sms_provider_types"])
def test_a_list_of_names_is_read_name_by_name(name: str) -> None:
    found = read(BACKOFFICE.resources[name], normalise.parse(text(name)))

    assert [Id("", each) for each in sample(name)] == [id_ for id_, _, _ in found]


@pytest.mark.parametrize("name", ["connection_provider_settings", "sms_provider_settings"])
def test_the_settings_of_a_provider_are_one_record_under_it(name: str) -> None:
    ((id_, _, document),) = read(BACKOFFICE.resources[name], [normalise.parse(text(name))], "Twilio")

    assert Id("Twilio", "Twilio") == id_
    assert sample(name) == document, "no setting has a value, so nothing is sealed"


def test_the_list_of_points_is_read_and_of_a_member_that_comes_twice_the_last_counts() -> None:
    first, second = read(POINTS, normalise.parse(text("integration_points")))

    assert ("ABCDE", "public", "http://trapper.com") == tuple(first[1][name] for name in ("code", "type", "url"))
    assert "2019-08-28T13:34:16.42Z" == first[2]["ext"]["lwt"]
    assert "2019-08-28T13:35:01.52Z" == second[2]["ext"]["lwt"]
    assert seal("x") == first[2]["token_local"]
    assert "" == first[2]["token_remote"]
    assert "comment" not in first[2]["opts"], "lists leave it out"


def test_a_single_point_is_read_and_another_one_than_was_asked_for_is_refused() -> None:
    answered, other = "b4680fbe-016c-d86f-1d6b-50e54938780c", "a188288e-016c-d86f-cd99-50e54938780c"
    with ScriptedServer() as server:
        for key in (answered, other):
            server.on("GET", f"{POINTS.path}/{key}", Reply(200, text("integration_point")))
        with _platform(server.url) as writer:
            assert sample("integration_point") == writer.client.fetch_record(POINTS, Id("", answered))
            with pytest.raises(MalformedResponse, match="another record"):
                writer.client.fetch_record(POINTS, Id("", other))


@pytest.mark.parametrize("write", WRITES)
def test_the_write_client_sends_the_documented_request(write: dict[str, Any]) -> None:
    resource, parent_key, key = resource_of(write["path"])
    with ScriptedServer() as server:
        server.on(write["method"], write["path"], json_reply({"id": 7, **write["body"]}))
        with writing.connect(base_url=server.url, auth={"method": "bearer", "token": "t"}) as writer:
            match write["method"]:
                case "POST":
                    writer.create(resource.name, write["body"], parent_key=parent_key)
                case "PUT":
                    writer.replace(resource.name, Id(parent_key, key), write["body"])
                case _:
                    writer.update(resource.name, Id(parent_key, key), write["body"])
        (request,) = server.requests

    assert (write["method"], write["path"], write["body"]) == (request.method, request.path, request.json())
    assert ("application/json", "Bearer t") == (request.headers["content-type"], request.headers["authorization"])


def test_points_are_written_and_looked_up_as_documented() -> None:
    point = sample("integration_point")
    item = f"{POINTS.path}/{point['id']}"
    with ScriptedServer() as server:
        server.on("POST", POINTS.path, json_reply(point))
        server.on("PATCH", item, json_reply(point))
        server.on("DELETE", item, Reply(204))
        server.on("LOOKUP", POINTS.path, json_reply([point["id"]]), Reply(404, text("lookup_failed")))
        with _platform(server.url) as writer:
            assert point == writer.create("integration_points", {"code": "ABCDE", "type": "public"})
            assert point == writer.update("integration_points", point["id"], {"token_remote": "00ea293c29f9dc30"})
            assert writer.delete("integration_points", point["id"])
            assert [point["id"]] == writer.lookup("integration_points", point["token_local"])
            assert [] == writer.lookup("integration_points", "nobody")
        assert [point["token_local"], "nobody"] == [each.json() for each in server.requests[-2:]]


def _platform(url: str, auth: dict[str, str] | None = None) -> writing.Writer:
    return writing.connect(base_url=url, auth=auth or {"method": "none"}, catalogue="integration-platform")


@pytest.fixture(scope="module")
def sandbox_url() -> Iterator[str]:
    with serving.start(Api()) as running:
        yield running.url


@pytest.fixture(scope="module")
def bearer(sandbox_url: str) -> dict[str, str]:
    """The headers of one sign-in, as the sandbox takes five a minute."""
    body = {name: SIGN_IN[name] for name in ("email", "password")}
    answer = httpx.post(f"{sandbox_url}/api/v2/signin", json=body).raise_for_status().json()
    return {"Authorization": f"Bearer {answer['accessToken']['token']}"}


@pytest.mark.parametrize("write", WRITES)
def test_the_sandbox_takes_the_documented_body_and_answers_with_its_members(
    sandbox_url: str, bearer: dict[str, str], write: dict[str, Any]
) -> None:
    resource, parent_key, _ = resource_of(write["path"])
    with writing.connect(
        base_url=sandbox_url, auth={"method": "bearer", "token": bearer["Authorization"][7:]}
    ) as writer:
        if write["method"] == "POST":
            answer = writer.create(resource.name, write["body"], parent_key=parent_key)
        else:
            row = _first_row(sandbox_url, resource, parent_key)
            method = "PUT" if write["method"] == "PUT" else "PATCH"
            answer = writer.update(resource.name, Id(parent_key, str(row["id"])), write["body"], method=method)

    assert answer is not None
    sent = {name: value for name, value in write["body"].items() if name != "numericCodes"}
    shown = {name: answer[name] for name in sent}
    assert {**sent, **({"isEnabled": True} if sent.get("isEnabled") == "1" else {})} == shown


def _first_row(url: str, resource: Resource, parent_key: str) -> Any:
    path = resource.path.replace("{parent}", "{}")
    rows = httpx.get(f"{url}/_sandbox/rows", params={"path": path}).raise_for_status().json()["rows"]
    return next(row["document"] for row in rows if row["parent_keys"] == ([parent_key] if parent_key else []))


@pytest.mark.parametrize("asked", [pytest.param(each, id=each["path"]) for each in sample("lists")])
def test_the_sandbox_answers_the_documented_query_of_each_list(
    sandbox_url: str, bearer: dict[str, str], asked: dict[str, str]
) -> None:
    answer = httpx.get(f"{sandbox_url}{asked['path']}?{asked['query']}", headers=bearer)

    assert 200 == answer.status_code, answer.text
    assert {"total", "data"} <= answer.json().keys()


def test_the_sandbox_s_lists_and_points_have_the_documented_members(sandbox_url: str, bearer: dict[str, str]) -> None:
    basic = ("mirror", "sandbox")
    for name in ("connection_provider_settings", "sms_provider_settings"):
        resource = BACKOFFICE.resources[name]
        parents = httpx.get(sandbox_url + BACKOFFICE.resources[str(resource.parent)].path, headers=bearer).json()
        shown = httpx.get(sandbox_url + resource.path.replace("{parent}", parents[0]), headers=bearer).json()
        members = {frozenset(each) for each in sample(name).values()}
        assert members == {frozenset(each) for each in shown.values()}, name
    points = httpx.get(sandbox_url + POINTS.path, auth=basic).json()
    documented = json.loads(text("integration_points"))
    for point in points:
        assert documented[0].keys() == point.keys()
        assert documented[0]["opts"].keys() == point["opts"].keys()
    one = httpx.get(f"{sandbox_url}{POINTS.path}/{points[0]['id']}", auth=basic).json()
    assert sample("integration_point")["opts"].keys() == one["opts"].keys()
    failed = httpx.request("LOOKUP", sandbox_url + POINTS.path, auth=basic, json="nobody")
    assert (404, sample("lookup_failed")) == (failed.status_code, failed.json())


def test_an_empty_filter_of_the_sandbox_asks_for_nothing(sandbox_url: str, bearer: dict[str, str]) -> None:
    url, headers = f"{sandbox_url}/api/v2/subscriptions/services", bearer
    everything = httpx.get(url, headers=headers).json()["total"]

    for query in ("filter[isActive]=", "sort_order=", "sort_by=&sort_order=", "limit=&offset=", "filter[name]="):
        answer = httpx.get(f"{url}?{query}", headers=headers)
        assert (200, everything) == (answer.status_code, answer.json().get("total")), query


def test_the_example_of_the_write_client_works(sandbox_url: str, bearer: dict[str, str]) -> None:
    lines = str(writing.__doc__).split("    from upstream", 1)[1].split("\n\nA creation", maxsplit=1)[0]
    program = "\n".join(line.removeprefix("    ") for line in ("    from upstream" + lines).splitlines())
    program = program.replace("https://host.name", sandbox_url).replace("me@example.com", SIGN_IN["email"])
    names: dict[str, Any] = {}

    exec(program.replace('"…"', '"sandbox"'), names)

    groups = httpx.get(f"{sandbox_url}/api/v2/products/groups", headers=bearer).json()["data"]
    assert names["group"]["caption"] == "Gold"
    assert names["group"]["id"] not in {each["id"] for each in groups}
