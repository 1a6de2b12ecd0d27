"""The examples of docs/catalogues.md: each is taken out of the page and read from the sandbox, to the last row."""

from __future__ import annotations

import re
import sqlite3
import tomllib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sandbox import serving
from sandbox.api import Api
from sandbox.exchange import Receive, Scope, Send
from tests.commands import Commands
from tests.integration.test_docs_sql import ROOT

PAGE = (ROOT / "docs" / "catalogues.md").read_text("utf-8")
CONFIGURATION = """
[storage]
url = "sqlite:///mirror.db"
seal_key = "env:SEAL_KEY"
[sources.abroad]
catalogue = "own.toml"
base_url = "{url}"
auth = {auth}
limits = {{ requests_per_second = 10000 }}
"""
SIGN_IN = '{ method = "sign-in", client_id = "mirror", client_secret = "sandbox" }'


def examples() -> list[Any]:
    """Whole catalogues whose paths are the sandbox's, named by their sections."""
    found: list[Any] = []
    for section in re.split(r"^## ", PAGE, flags=re.MULTILINE):
        for text in re.findall(r"^```toml\n(.*?)^```$", section, re.MULTILINE | re.DOTALL):
            paths = [each["path"] for each in tomllib.loads(text).get("resources", {}).values()]
            if paths and all(path.startswith(("/v1/", "/v2/")) for path in paths):
                found.append(pytest.param(text, id=f"{section.splitlines()[0].strip('`# ')} {len(found)}"))
    return found


class Welcoming:
    """The sandbox, where an example is short and leaves out what the second version wants of each request."""

    def __init__(self, api: Api) -> None:
        self.api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        headers.setdefault(b"x-api-version", self.api.options.api_version.encode())
        query = scope["query_string"]
        if b"authorization" not in headers and b"api_key=" not in query:
            query += b"&api_key=" + self.api.options.api_key.encode()
        await self.api({**scope, "headers": list(headers.items()), "query_string": query}, receive, send)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving.start(Welcoming(Api())) as running:
        yield running.url


@pytest.fixture
def commands(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    from changes.sealing import new_key

    monkeypatch.setenv("SEAL_KEY", new_key())
    return Commands(tmp_path / "mirrorpoint.toml", capsys)


def configure(folder: Path, url: str, catalogue: str) -> None:
    auth = SIGN_IN if "[source.sign_in]" in catalogue else '{ method = "none" }'
    (folder / "own.toml").write_text(catalogue, "utf-8")
    (folder / "mirrorpoint.toml").write_text(CONFIGURATION.format(url=url, auth=auth))


@pytest.mark.parametrize("catalogue", examples())
def test_each_example_is_read_to_its_last_row(tmp_path: Path, url: str, commands: Commands, catalogue: str) -> None:
    configure(tmp_path, url, catalogue)

    checked = commands("check", "--json")
    assert checked.code == 0, checked.out + checked.err
    done = commands("sync", "--all", "--json")

    assert done.code == 0, done.out + done.err
    for scan in done.json["scans"]:
        assert ("complete", 0) == (scan["state"], scan["skipped"])
        assert scan["rows"] > 0
    again = commands("sync", "--all", "--json").json["scans"]
    assert {0} == {scan[kind] for scan in again for kind in ("created", "updated", "deleted", "restored")}


def test_what_the_examples_say_of_rows_and_keys_is_so(tmp_path: Path, url: str, commands: Commands) -> None:
    by_section = {param.id.rstrip("0123456789 "): param.values[0] for param in examples()}
    told: dict[str, list[Any]] = {}
    for section, query in {
        "Members and pointers": "SELECT count(*), count(attributes_name), count(attributes_price) FROM items",
        "Rows that are gone": "SELECT count(*) FROM unsold_items",
        "Lists below a parent": "SELECT count(DISTINCT parent_key), min(key), max(key) FROM bins",
        "Keys": "SELECT count(*), min(key), max(key) FROM stock_positions",
    }.items():
        folder = tmp_path / section
        folder.mkdir()
        configure(folder, url, by_section[section])
        commands.config = folder / "mirrorpoint.toml"
        assert commands("sync", "--all").code == 0
        with closing(sqlite3.connect(folder / "mirror.db")) as database:
            told[section] = list(database.execute(query).fetchone())

    assert [60, 60, 60] == told["Members and pointers"]
    assert 0 < told["Rows that are gone"][0] < 60
    assert [6, "01/B", "04/B"] == told["Lists below a parent"]
    assert [40, "A/SKU-001", "B/SKU-020"] == told["Keys"]
    shown = commands("show", "stock_positions", "B/SKU%2F002", "--json")
    assert (shown.code, shown.json["document"]["attributes"]["sku"]) == (0, "SKU/002")
