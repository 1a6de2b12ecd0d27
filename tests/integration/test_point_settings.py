"""How a single point is sent to: out of the configuration, by command, for mirrored points too."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from changes import sealing
from changes.records import Id
from changes.sealing import Vault
from storage import actions, deliveries, outbox, point_options, point_pauses, points
from storage.engine import Database
from storage.outbox import Owed
from storage.point_options import Options
from storage.points import Configured
from tests.commands import Commands
from worker import bootstrap, settings

KEY = sealing.new_key()
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
CONFIGURATION = """
[[points]]
code = "EU[1]"
url = "https://192.0.2.1/eu"
timeout = "5s"
retries = ["5s", "5m"]
requests_per_second = 2.5
content_type = "application/json"
headers = { X-Api-Key = "env:KEY" }
proxy = "env:PROXY"

[[routes]]
points = ["EU[1]"]

[delivery]
allow_networks = ["192.0.2.0/24"]
"""


@pytest.fixture
def commands(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    (tmp_path / "mirrorpoint.toml").write_text(CONFIGURATION)
    (tmp_path / "mirrorpoint.key").write_text(KEY)
    monkeypatch.setenv("KEY", "hush-key")
    monkeypatch.setenv("PROXY", "http://user:hush-word@proxy.example.com:3128")
    return Commands(tmp_path / "mirrorpoint.toml", capsys)


@pytest.fixture
def database_of(commands: Commands) -> Iterator[Database]:
    """That of the commands, with the configured points and a mirrored one in it."""
    read = settings.load(str(commands.config))
    database = bootstrap.open_database(read)
    bootstrap.write_points(read, database, vault())
    seen = [(Id("", "k"), {"code": "CRM", "type": "public", "url": "https://192.0.2.1/crm", "token": "t"})]
    with database.write() as session:
        points.apply_mirrored(session, "platform", seen=seen, deleted=(), encrypt=vault().encrypt, now=NOON)
    yield database
    database.dispose()


def vault() -> Vault:
    return Vault(sealing.read_key(KEY))


def options_of(database: Database, code: str) -> Options:
    with database.read() as session:
        point = points.find(session, code)
        assert point is not None
        return point_options.read(point.options, point.sealed_options, vault=vault())


def test_what_the_configuration_says_of_a_point_stands_in_its_row(commands: Commands, database_of: Database) -> None:
    shown = commands("points", "show", "EU[1]", "--json").json["options"]

    assert options_of(database_of, "EU[1]") == Options(
        timeout_seconds=5,
        retries_seconds=(5, 300),
        requests_per_second=2.5,
        content_type="application/json",
        headers={"X-Api-Key": "hush-key"},
        proxy="http://user:hush-word@proxy.example.com:3128",
    )
    assert shown["headers"]["X-Api-Key"].startswith("sealed:")
    assert shown["proxy"].startswith("http://sealed:")
    assert shown["proxy"].endswith("@proxy.example.com:3128")
    assert "hush" not in str(shown)


def test_a_configured_point_follows_a_changed_header(commands: Commands, database_of: Database) -> None:
    vault_, point = vault(), Configured("EU[1]", "https://192.0.2.1/eu", options=Options(headers={"A": "1"}))
    with database_of.write() as session:
        points.sync_configured(session, [point], vault=vault_, now=NOON)
    with database_of.read() as session:
        assert points.is_as_configured(session, [point], vault=vault_)
        other = Configured("EU[1]", "https://192.0.2.1/eu", options=Options(headers={"A": "2"}))
        assert not points.is_as_configured(session, [other], vault=vault_)
        slow = Configured("EU[1]", "https://192.0.2.1/eu", options=Options(timeout_seconds=1, headers={"A": "1"}))
        assert not points.is_as_configured(session, [slow], vault=vault_)


def test_a_mirrored_point_is_sent_to_as_we_want_and_stays_what_its_platform_says(
    commands: Commands, database_of: Database
) -> None:
    said = commands("points", "edit", "CRM", "--timeout", "7s", "--header", "X-A=env:KEY", "--header", "X-B=2")
    assert said.code == 0
    assert commands("points", "edit", "CRM", "--header", "x-b=", "--retries", "none").code == 0
    refused = commands("points", "edit", "CRM", "--url", "https://192.0.2.1/other", "--timeout", "1s")

    expected = Options(timeout_seconds=7, retries_seconds=(), headers={"X-A": "hush-key"})
    assert options_of(database_of, "CRM") == expected
    assert (refused.code, "hint: add --source platform" in refused.err) == (2, True)
    seen = [(Id("", "k"), {"code": "CRM", "type": "public", "url": "https://192.0.2.1/new", "token": "t"})]
    with database_of.write() as session:
        points.apply_mirrored(session, "platform", seen=seen, deleted=(), encrypt=vault().encrypt, now=NOON)
    assert options_of(database_of, "CRM") == expected


def test_an_empty_text_takes_a_setting_away(commands: Commands, database_of: Database) -> None:
    commands("points", "add", "MINE", "--url", "https://192.0.2.1/a", "--rate", "5", "--proxy", "http://p:1")
    assert options_of(database_of, "MINE") == Options(requests_per_second=5, proxy="http://p:1")
    assert commands("points", "edit", "MINE", "--rate", "", "--proxy", "").code == 0
    assert options_of(database_of, "MINE") == Options()


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--header", "Host=x", "--header Host: Host is set by each delivery itself"),
        ("--header", "Webhook-Id=x", "--header Webhook-Id: Webhook-Id is set by each delivery itself"),
        ("--header", "X-A", "--header: there is no = in it"),
        ("--header", "X-A=ä", "--header X-A: the value of X-A has characters that no header can carry"),
        ("--header", "a b=1", "--header a b: must be the name of a header"),
        ("--header", "Authorization=x", "--header Authorization: token_remote is sent in this header"),
        ("--header", "X-A=env:NOT_THERE", "command line: --header X-A: the environment variable NOT_THERE is not set"),
        ("--timeout", "5", "--timeout: '5' is not a time"),
        ("--retries", "5s,soon", "--retries: 'soon' is not a time"),
        ("--rate", "0", "--rate: must be more than 0"),
        ("--rate", "much", "--rate: must be a number"),
        ("--content-type", "json", "--content-type: must be a media type"),
        ("--ca", "not-there.pem", "--ca: the file "),
        ("--client-key", "not-there.pem", "--client-key: there is no client_certificate that it belongs to"),
        ("--proxy", "socks5://p:1", "--proxy: only http:// proxies are possible"),
        ("--set", "opts.title=x", "--set is for points of an integration platform"),
        ("--code", "NEW", "a point of one's own keeps its code"),
    ],
)
def test_what_cannot_work_is_refused_by_the_name_of_its_option(
    commands: Commands, database_of: Database, option: str, value: str, said: str
) -> None:
    found = commands("points", "edit", "CRM", option, value)
    told = next(line for line in found.err.splitlines() if line.startswith("error: "))

    assert (found.code, told[7 : 7 + len(said)]) == (2, said)
    assert options_of(database_of, "CRM") == Options()


@pytest.mark.parametrize(
    ("line", "field", "problem"),
    [
        ('headers = { "Content-Type" = "a/b" }', "headers.Content-Type", "Content-Type is set by content_type"),
        ('ca = "nobody.pem"', "ca", "does not exist"),
        ('ca = "mirrorpoint.toml"', "ca", "holds no certificate"),
        ('client_certificate = "mirrorpoint.key"', "client_certificate", "no certificate with its key can be read"),
        ('proxy = "https://proxy.example.com"', "proxy", "only http:// proxies are possible"),
    ],
)
@pytest.mark.usefixtures("database_of")
def test_check_names_the_field_of_a_point_that_cannot_work(
    commands: Commands, line: str, field: str, problem: str
) -> None:
    text = f'[[points]]\ncode = "A"\nurl = "https://192.0.2.1/"\n{line}\n'
    commands.config.write_text(text)
    problems = {each["where"]: each["message"] for each in commands("check", "--json").json["problems"]}
    said = commands("points", "list").err

    assert problem in problems[f"points[A].{field}"]
    assert f"points[A].{field}: " in said


def test_a_configured_point_is_changed_in_its_file_alone(commands: Commands) -> None:
    found = commands("points", "edit", "EU[1]", "--timeout", "9s")
    assert (found.code, f"hint: change it in {commands.config}" in found.err) == (2, True)


def test_who_changes_a_point_is_written_down_without_a_secret(commands: Commands, database_of: Database) -> None:
    commands("points", "edit", "CRM", "--header", "X-A=hush-value", "--secret", "env:NOT_THERE")
    commands("points", "edit", "CRM", "--header", "X-A=hush-value")
    commands("points", "edit", "CRM", "--url", "https://192.0.2.1/b")
    with database_of.read() as session:
        rows = [(row.what, row.target, row.arguments, row.outcome) for row in actions.read(session)]

    assert rows[:2] == [
        ("points edit", "CRM", {"fields": ["header X-A"]}, None),
        ("points edit", "CRM", {}, "done"),
    ]
    assert str(rows[3][3]).startswith("failed: the point CRM is mirrored")
    assert "hush" not in str(rows)


def test_a_pause_by_hand_is_shown_and_ends_with_resume_or_enable(commands: Commands, database_of: Database) -> None:
    assert commands("points", "pause", "EU[1]", "--json").json["state"] == "paused"
    listed: list[Any] = commands("points", "list", "--filter", "state=paused", "--json").json
    assert [point["code"] for point in listed] == ["EU[1]"]
    states = {point["code"]: point["state"] for point in commands("status", "--json").json["points"]}
    assert states["EU[1]"] == "paused"
    resumed = commands("points", "resume", "EU[1]", "--json").json
    assert (resumed["state"], resumed["paused_at"]) == ("active", None)
    commands("points", "pause", "EU[1]")
    assert commands("points", "enable", "EU[1]", "--json").json["state"] == "active"
    assert "nobody had paused" in commands("points", "resume", "EU[1]").err


def test_events_go_on_being_owed_to_a_paused_point_and_it_keeps_its_time(database: Database) -> None:
    with database.write() as session:
        points.add(session, code="A", url="https://a.example/", now=NOON)
        point_pauses.begin(session, "A", now=NOON)
        point_pauses.begin(session, "A", now=NOON + timedelta(hours=1))
    with database.read() as session:
        point = points.find(session, "A")
        assert point is not None
        assert (point.paused_at, point.shown_state, list(points.receivers(session))) == (NOON, "paused", ["A"])


def test_enabling_a_point_makes_due_now_what_waits_for_its_next_attempt(database: Database) -> None:
    later = NOON + timedelta(hours=10)
    with database.write() as session:
        for code in ("A", "B"):
            points.add(session, code=code, url="https://a.example/", now=NOON)
        outbox.owe(session, [Owed(1, "A", "r1"), Owed(2, "A", "r1"), Owed(3, "B", "r1")], now=later)
        points.enable(session, "A", now=NOON)
    with database.read() as session:
        assert outbox.waiting(session) == {"A": NOON, "B": later}
        due = [row.due_at for row in deliveries.read(session, point="A")]
    assert due == [NOON, None]
