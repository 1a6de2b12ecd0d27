"""`init` and `check`: from nothing to a configuration that works, and what is said of one that does not."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from changes import sealing
from record import notes
from tests.commands import Commands
from tests.integration.scripted_server import Reply, ScriptedServer, closed_port, json_reply
from worker import settings

CATALOGUE = """
[source]
envelope = { rows = "data", total = ["total"] }
[source.sign_in]
path = "/signin"
body = { email = "{email}", password = "{password}" }
token = "/token"

[resources.things]
path = "/things"
item_path = "/things/{key}"

[resources.parts]
path = "/things/{parent}/parts"
parent = "things"

[resources.drafts]
path = "/drafts"
schedule = "off"
"""
CONFIGURATION = """
[sources.shop]
catalogue = "shop.toml"
base_url = "{url}"
auth = {{ method = "sign-in", email = "a@example.com", password = "env:SHOP_PASSWORD" }}
limits = {{ requests_per_second = 1000 }}

[[points]]
code = "AUDIT"
url = "{url}/hook"
secret = "env:AUDIT_SECRET"

[[routes]]
points = ["AUDIT"]

[delivery]
allow_networks = ["127.0.0.0/8"]

[record]
name = "example.com/mirrorpoint"
signing_key = "file:mirrorpoint.sign"
"""


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        running.on("POST", "/signin", json_reply({"token": "secret-token"}))
        running.on("GET", "/things", json_reply({"data": [{"id": 4}], "total": 250}))
        running.on("GET", "/things/4", json_reply({"id": 4}))
        running.on("GET", "/things/4/parts", json_reply({"data": [{"id": 1}], "total": 1}))
        yield running


@pytest.fixture
def commands(
    server: ScriptedServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Commands:
    (tmp_path / "shop.toml").write_text(CATALOGUE)
    (tmp_path / "mirrorpoint.toml").write_text(CONFIGURATION.format(url=server.url))
    (tmp_path / "mirrorpoint.key").write_text(sealing.new_key())
    (tmp_path / "mirrorpoint.key").chmod(0o600)
    (tmp_path / "mirrorpoint.sign").write_text(notes.new_pem())
    monkeypatch.setenv("SHOP_PASSWORD", "hush-hush")
    monkeypatch.setenv("AUDIT_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    return Commands(tmp_path / "mirrorpoint.toml", capsys)


def test_init_writes_a_configuration_and_a_key_that_only_its_owner_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = Commands(tmp_path / "mirrorpoint.toml", capsys)("init", "--json")
    key, signing = tmp_path / "mirrorpoint.key", tmp_path / "mirrorpoint.sign"
    file = str(tmp_path / "mirrorpoint.toml")
    name = settings.load(file).record.name or ""
    assert found.json == {
        "config": file,
        "seal_key": str(key),
        "signing_key": str(signing),
        "verifier": str(notes.SigningKey.from_pem(signing.read_text(), name=name).verifier),
        "written": [str(key), str(signing), file],
    }
    assert [stat.S_IMODE(each.stat().st_mode) for each in (key, signing)] == [0o600, 0o600]
    assert len(sealing.read_key(key.read_text())) == 32


@pytest.mark.parametrize("name", ["mirrorpoint.toml", "mirrorpoint.key"])
def test_init_overwrites_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    (tmp_path / name).write_text("mine")
    found = Commands(tmp_path / "mirrorpoint.toml", capsys)("init")
    assert (found.code, [path.name for path in tmp_path.iterdir()]) == (2, [name])
    assert (tmp_path / name).read_text() == "mine"


@pytest.mark.parametrize("missing", ["mirrorpoint.toml", "mirrorpoint.key", "mirrorpoint.sign"])
def test_init_writes_what_is_missing_and_leaves_what_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], missing: str
) -> None:
    commands = Commands(tmp_path / "mirrorpoint.toml", capsys)
    commands("init")
    (tmp_path / missing).unlink()
    before = {path.name: path.read_text() for path in tmp_path.iterdir()}
    found = commands("init", "--json")
    assert (found.code, found.json["written"]) == (0, [str(tmp_path / missing)])
    assert {name: (tmp_path / name).read_text() for name in before} == before
    assert commands("init").err == (
        f"error: {tmp_path}/mirrorpoint.toml, {tmp_path}/mirrorpoint.key and {tmp_path}/mirrorpoint.sign "
        "exist already and are left as they are\n"
        "  hint: move them away, or name another --config\n"
    )


def test_the_key_that_is_missing_is_written_where_the_configuration_wants_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mirrorpoint.toml").write_text('[storage]\nseal_key = "file:other.key"\n')
    assert Commands(tmp_path / "mirrorpoint.toml", capsys)("init").code == 0
    assert len(sealing.read_key((tmp_path / "other.key").read_text())) == 32


def test_no_new_key_is_written_beside_a_database_that_another_one_has_sealed(
    commands: Commands, tmp_path: Path
) -> None:
    commands("deliver")
    (tmp_path / "mirrorpoint.key").unlink()
    found = commands("init")
    assert (found.code, (tmp_path / "mirrorpoint.key").exists()) == (2, False)
    assert "hint: restore the key from its copy" in found.err


def test_check_of_a_good_configuration_tells_the_plan(commands: Commands) -> None:
    found = commands("check", "--json")
    assert (found.code, found.json["ok"], found.json["problems"], found.json["warnings"]) == (0, True, [], [])
    plan = {line["resource"]: line for line in found.json["plan"]}
    assert (plan["things"]["requests_per_scan"], plan["things"]["requests_per_hour"]) == (4, 48.0)
    assert plan["things"]["staleness_seconds"] == pytest.approx(300, abs=10)
    assert (plan["parts"]["rows"], plan["parts"]["requests_per_scan"], plan["parts"]["is_estimate"]) == (250, 251, True)
    assert found.json["points"] == [
        {"code": "AUDIT", "url": commands.config.read_text().split('url = "')[2].split('"')[0], "problem": None}
    ]


def test_check_asks_each_resource_that_is_not_off_for_a_few_rows_and_the_first_for_its_own_path(
    commands: Commands, server: ScriptedServer
) -> None:
    commands("check")
    assert sorted(request.target for request in server.requests if request.method == "GET") == [
        "/things/4",
        "/things/4/parts?limit=5&offset=0",
        "/things?limit=5&offset=0",
    ]


def test_check_for_people_says_what_is_promised(commands: Commands) -> None:
    found = commands("check")
    assert (found.code, found.err) == (0, "asking shop for a few rows of 2 resources\n")
    assert "shop: 2 of 2 resources answer" in found.out
    assert f"{commands.config} is fine" in found.out


def test_the_last_line_of_check_counts_what_it_has_warned_of(commands: Commands) -> None:
    file = commands.config
    file.write_text(file.read_text() + '\n[[routes]]\npoints = ["AUDITT"]\n')
    found = commands("check")
    assert (found.code, found.err.count("warning: "), "is fine" in found.out) == (0, 1, False)
    assert found.out.splitlines()[-1] == f"{file} works, with 1 warning"


def test_check_ends_with_4_where_the_credentials_are_refused(commands: Commands, server: ScriptedServer) -> None:
    server.on("POST", "/signin", json_reply({"message": "no"}, 401))
    found = commands("check", "--json")
    assert (found.code, found.json["error"]["code"]) == (4, "credentials")
    assert len(server.asked("POST", "/signin")) == 1


def test_check_ends_with_5_where_the_source_is_out_of_reach(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closed_port() as port:
        monkeypatch.setenv("MIRRORPOINT_SOURCES__SHOP__BASE_URL", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("MIRRORPOINT_SOURCES__SHOP__TIMEOUT", "1s")
        found = commands("check", "--json")
    assert (found.code, found.json["error"]["code"], found.json["plan"]) == (5, "unreachable", [])


def test_check_ends_with_3_where_a_resource_is_not_to_be_had(commands: Commands, server: ScriptedServer) -> None:
    server.on("GET", "/things/4/parts", json_reply({"message": "no"}, 403))
    found = commands("check", "--json")
    assert (found.code, [problem["where"] for problem in found.json["problems"]]) == (3, ["shop:parts"])


def test_check_tells_of_a_resource_without_a_parent_to_ask_for(commands: Commands, server: ScriptedServer) -> None:
    server.on("GET", "/things", json_reply({"data": [], "total": 0}))
    found = commands("check", "--json")
    assert (found.code, found.json["sources"][0]["without_parent"]) == (0, ["parts"])


def test_check_tells_all_missing_secrets_at_once(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHOP_PASSWORD")
    monkeypatch.delenv("AUDIT_SECRET")
    found = commands("check", "--json")
    assert (found.code, [problem["where"] for problem in found.json["problems"]]) == (
        2,
        ["sources.shop.auth.password", "points[AUDIT].secret"],
    )


def test_check_ends_with_3_where_a_point_cannot_be_reached(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    with closed_port() as port:
        monkeypatch.setenv("MIRRORPOINT_POINTS__AUDIT__URL", f"http://127.0.0.1:{port}/hook")
        found = commands("check", "--json")
    assert (found.code, found.json["problems"][0]["where"]) == (3, "points[AUDIT]")


def test_check_refuses_an_address_inside_the_network_that_is_not_allowed(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIRRORPOINT_DELIVERY__ALLOW_NETWORKS", "10.0.0.0/8")
    found = commands("check", "--json")
    assert (found.code, "allow_networks" in found.json["problems"][0]["message"]) == (3, True)


def test_a_schedule_for_a_resource_that_does_not_exist_is_refused(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIRRORPOINT_SOURCES__SHOP__SCHEDULE__THING", "1m")
    found = commands("check")
    assert (found.code, found.err.splitlines()[1]) == (2, '  hint: did you mean "things"?')


def test_a_member_that_the_sign_in_does_not_ask_for_is_refused(commands: Commands) -> None:
    commands.config.write_text(commands.config.read_text().replace("email =", "emial ="))
    found = commands("check")
    assert (found.code, found.err.splitlines()[1]) == (2, '  hint: did you mean "email"?')


def test_no_secret_is_told_by_any_command(commands: Commands, server: ScriptedServer) -> None:
    server.on("GET", "/things", Reply(500, b"secret-token hush-hush"))
    found = commands("--debug", "check", "--json")
    assert "hush-hush" not in found.out + found.err
    assert "secret-token" not in found.out + found.err
