"""What a catalogue has sent with each request, how bodies are packed, and what of a refused page is told."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from tasks.scan.slice import scan_slice
from tests import mirrored_world
from tests.integration import shop as shops
from tests.integration.scripted_server import Reply, Request, ScriptedServer, json_reply
from tests.integration.sources import NAMES, THINGS, client_of
from upstream.errors import MalformedResponse, Rejected
from worker.problems import SettingsError

CATALOGUE = """
[source]
headers = { "X-Api-Version" = "2", Accept = "application/vnd.api+json", X-Key = "file:key.txt" }
params = { api_key = "env:SHOP_KEY", lang = "en" }

[source.sign_in]
path = "/oauth/token"
form = true
basic = ["{client_id}", "{client_secret}"]
body = { grant_type = "client_credentials" }
token = "/access_token"
expires = "/expires_in"

[resources.things]
path = "/things"
item_path = "/things/{key}"
params = { lang = "de", kind = "all" }
headers = { accept = "application/json" }
"""
SECRET, IN_FILE = "s3cr3t value", "h3ad3r"


def written(folder: Path, url: str) -> Path:
    file = shops.configure(folder, database=f"sqlite:///{folder / 'mirror.db'}", url=url, catalogue=CATALOGUE)
    text = file.read_text().replace(
        'auth = { method = "none" }',
        'auth = { method = "sign-in", client_id = "mirror", client_secret = " two  " }',
    )
    file.write_text(text)
    (folder / "key.txt").write_text(f"{IN_FILE}\n")
    return file


def test_headers_and_parameters_of_a_catalogue_are_sent_and_their_secrets_never_told(
    server: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(request: Request) -> Reply:
        return json_reply({"message": f"bad key {request.query['api_key']} {request.headers['x-key']}"}, 400)

    server.on("POST", "/oauth/token", json_reply({"access_token": "t0k3n", "expires_in": 60}))
    server.on("GET", "/things", json_reply({"data": [{"id": 1}], "total": 1}), refuse)
    server.on("GET", "/things/1", json_reply({"id": 1}))
    monkeypatch.setenv("SHOP_KEY", SECRET + "\n")
    with closing(mirrored_world.services(written(tmp_path, server.url))) as services:
        scan_slice(services, "shop", "things")
        source = services.sources["shop"]
        with pytest.raises(Rejected, match="bad key … …"):
            source.client.fetch_page(source.catalogue.resources["things"], limit=1)

    (sign_in,) = server.asked("POST", "/oauth/token")
    assert parse_qs(sign_in.body.decode()) == {"grant_type": ["client_credentials"]}
    assert sign_in.headers["content-type"] == "application/x-www-form-urlencoded"
    assert sign_in.headers["authorization"] == "Basic bWlycm9yOit0d28rKw=="  # mirror:+two++, as RFC 6749 encodes it
    assert (sign_in.headers["x-api-version"], sign_in.headers["x-key"]) == ("2", IN_FILE)
    listed = server.asked("GET", "/things")[0]
    assert listed.query == {"api_key": SECRET, "lang": "de", "kind": "all", "limit": "100", "offset": "0"}
    assert listed.headers["accept"] == "application/json"
    assert (listed.headers["x-api-version"], listed.headers["x-key"]) == ("2", IN_FILE)
    for one in server.asked("GET", "/things/1"):
        assert one.query == {"api_key": SECRET, "lang": "en"}


def test_a_variable_that_is_not_set_is_told_with_its_place_in_the_catalogue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SHOP_KEY", raising=False)
    with pytest.raises(SettingsError, match="SHOP_KEY is not set") as raised:
        mirrored_world.services(written(tmp_path, "http://127.0.0.1:9"))
    assert (Path(raised.value.file).name, raised.value.field) == ("shop.toml", "source.params.api_key")


@pytest.mark.parametrize("encoding", ["utf-8", "none", "binary", "identity", "identity, garbage", "br", ""])
def test_a_plain_body_is_read_whatever_its_packing_is_called(server: ScriptedServer, encoding: str) -> None:
    server.on("GET", "/names", Reply(200, '["a", "ключ"]'.encode(), {"Content-Encoding": encoding}))
    with client_of(server.url) as client:
        assert ["a", "ключ"] == client.fetch_page(NAMES, limit=1).rows


def test_a_packing_that_is_not_known_is_told(server: ScriptedServer) -> None:
    server.on("GET", "/names", Reply(200, b"\x8b\x03\x80\xff\x00", {"Content-Encoding": "br"}))
    with client_of(server.url) as client, pytest.raises(MalformedResponse, match="packed as 'br'"):
        client.fetch_page(NAMES, limit=1)


@pytest.mark.parametrize("entry", ["::1/128", "127.0.0.0/8", "[::1", "10.0.0.0/99, :, *", ""])
def test_no_entry_of_no_proxy_stops_a_source(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, entry: str
) -> None:
    server.on("GET", "/names", json_reply([]))
    monkeypatch.setenv("NO_PROXY", entry)
    with client_of(server.url) as client:
        assert [] == client.fetch_page(NAMES, limit=1).rows


@pytest.mark.parametrize(
    "body",
    [
        {"detail": [{"loc": ["query", "limit"], "msg": "must be at most 100", "input": "hidden"}]},
        {"detail": "must be at most 100"},
        {"message": "Invalid", "errors": {"limit": ["must be at most 100"]}},
        {"errors": [{"detail": "must be at most 100", "source": {"parameter": "limit"}}]},
    ],
    ids=lambda body: next(iter(body)),
)
def test_a_page_that_is_refused_for_its_size_says_so(server: ScriptedServer, body: object) -> None:
    server.on("GET", "/things", json_reply(body, 422))
    with client_of(server.url) as client:
        with pytest.raises(Rejected, match=r"must be at most 100.*1000 rows at once.*page_size") as raised:
            client.fetch_page(THINGS, limit=1000)
        assert "hidden" not in str(raised.value)
        with pytest.raises(Rejected, match="does not fit this installation"):
            client.fetch_page(THINGS, limit=1)


def test_a_page_that_is_refused_for_a_parameter_leads_to_paging(server: ScriptedServer) -> None:
    server.on("GET", "/things", json_reply({"error": {"message": "Received unknown parameter: offset"}}, 400))
    with (
        client_of(server.url) as client,
        pytest.raises(Rejected, match=r'"offset" is how .* asks for a page: `paging`'),
    ):
        client.fetch_page(THINGS, limit=100)
