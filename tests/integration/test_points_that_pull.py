"""Points without a url: who reads the feed with which token, and that nothing is owed to them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from changes import sealing
from changes.records import Id
from changes.routes import Route
from changes.sealing import Vault
from storage import notices, outbox, point_tokens, points
from storage.engine import Database
from storage.outbox import Owed
from storage.points import Configured
from tests.commands import Commands

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
VAULT = Vault(b"k" * 32)
TOKEN = "a token of its own".replace(" ", "-")
SEALED = str(VAULT.seal(TOKEN))


def mirror(database: Database, *seen: tuple[str, str, str, str], source: str = "platform") -> None:
    """Records given as key, code, url, local token."""
    records = [
        (Id("", key), {"code": code, "type": "public", "url": url, "token": "", "token_local": str(VAULT.seal(token))})
        for key, code, url, token in seen
    ]
    with database.write() as session:
        points.apply_mirrored(session, source, seen=records, deleted=(), encrypt=VAULT.encrypt, now=NOW)


def add(database: Database, code: str, url: str | None = None, token: str = TOKEN) -> None:
    with database.write() as session:
        points.add(session, code=code, url=url, token_local=str(VAULT.seal(token)), now=NOW)


def states(database: Database) -> dict[str, str]:
    with database.read() as session:
        return {point.code: point.shown_state for point in points.list_all(session)}


def owner(database: Database, sealed: str = SEALED) -> str | None:
    with database.read() as session:
        return point_tokens.owner(session, sealed)


def test_routes_lead_to_a_point_that_pulls_and_nothing_is_owed_to_it(database: Database) -> None:
    add(database, "IN")
    add(database, "OUT", "https://own.example/", token="another token 1")
    with database.read() as session:
        assert points.receiving(session) == ({"IN": None, "OUT": None}, frozenset({"IN"}))
        assert list(points.targets(session)) == ["OUT"]
        route = Route(points=("*",), resources=("mirrorpoint.*",))
        assert notices.asking(session, [route], "mirrorpoint.sealed") == ("OUT",)
    assert states(database) == {"IN": "pulls", "OUT": "active"}


@pytest.mark.parametrize("origin", ["configured", "added", "mirrored"])
def test_a_local_token_belongs_to_its_point_whatever_the_point_s_origin(database: Database, origin: str) -> None:
    if origin == "configured":
        with database.write() as session:
            configured = [Configured("A", token_local=TOKEN)]
            points.sync_configured(session, configured, vault=VAULT, now=NOW)
            assert points.is_as_configured(session, configured, vault=VAULT)
            assert not points.is_as_configured(session, [Configured("A", token_local=TOKEN + "2")], vault=VAULT)
    elif origin == "added":
        add(database, "A")
    else:
        mirror(database, ("1", "A", "", TOKEN))
    assert (owner(database), owner(database, str(VAULT.seal("x")))) == ("A", None)
    assert states(database) == {"A": "pulls"}


def test_where_two_mirrored_points_have_one_token_neither_can_read(database: Database) -> None:
    mirror(database, ("1", "A", "", TOKEN), ("2", "B", "https://b.example/", TOKEN), ("3", "C", "", TOKEN + "3"))
    with database.read() as session:
        assert (point_tokens.owner(session, SEALED), point_tokens.shared(session)) == (None, {"A": ["B"], "B": ["A"]})
    mirror(database, ("2", "B", "https://b.example/", TOKEN + "2"))
    assert owner(database) == "A"


def test_a_point_whose_code_belongs_to_another_one_reads_nothing_in_its_name(database: Database) -> None:
    mirror(database, ("1", "A", "", TOKEN))
    add(database, "A", token=TOKEN + "2")
    assert (owner(database), owner(database, str(VAULT.seal(TOKEN + "2")))) == (None, "A")


def test_of_two_mirrored_points_with_one_code_the_one_with_a_url_receives(database: Database) -> None:
    mirror(database, ("1", "A", "", TOKEN))
    mirror(database, ("1", "A", "https://a.example/", TOKEN + "2"), source="another")
    with database.read() as session:
        assert points.targets(session)["A"].source == "another"


def test_a_point_that_loses_its_url_is_owed_nothing_any_more(database: Database) -> None:
    mirror(database, ("1", "A", "https://a.example/", TOKEN))
    with database.write() as session:
        outbox.owe(session, [Owed(1, "A", "r")], now=NOW)
    mirror(database, ("1", "A", "", TOKEN))
    with database.read() as session:
        assert outbox.waiting(session) == {}
    mirror(database, ("1", "A", "", ""))
    assert states(database) == {}


CONFIGURATION = """
[[points]]
code = "FILE"
token_local = "env:FILE_TOKEN"
{more}

[[routes]]
points = ["*"]
"""


@pytest.fixture
def commands(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.setenv("FILE_TOKEN", TOKEN)
    (tmp_path / "mirrorpoint.toml").write_text(CONFIGURATION.format(more=""))
    (tmp_path / "mirrorpoint.key").write_text(sealing.new_key())
    opened = Commands(tmp_path / "mirrorpoint.toml", capsys)
    assert opened("deliver").code == 0  # like every start it makes the tables and writes the points
    return opened


def test_a_point_of_the_configuration_needs_no_url_where_it_has_a_local_token(commands: Commands) -> None:
    shown = commands("points", "show", "FILE", "--json").json
    assert (shown["state"], shown["url"]) == ("pulls", None)
    assert sealing.is_sealed(shown["token_local"])
    assert "pulls" in commands("points", "list").out
    assert commands("points", "lookup", TOKEN, "--json").json == [shown["id"]]
    assert commands("points", "lookup", shown["token_local"], "--json").json == []
    (row,) = commands("status", "--json").json["points"]
    assert (row["code"], row["state"], row["due"]) == ("FILE", "pulls", 0)
    checked = commands("check", "--json").json
    assert not any("FILE" in str(each) for each in (*checked["problems"], *checked["warnings"]))


def test_points_add_makes_a_local_token_and_shows_it_this_once(commands: Commands) -> None:
    added = commands("points", "add", "IN", "--json")
    token = added.json["token_local"]
    assert (added.code, len(token), int(token, 16) > 0, added.json["state"]) == (0, 32, True, "pulls")
    shown = commands("points", "show", "IN", "--json")
    assert token not in shown.out
    assert commands("points", "lookup", token, "--json").json == [shown.json["id"]]
    told = commands("points", "add", "IN2").out
    assert told.startswith("added IN2, which pulls: it has no url\ntoken_local: ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("add", "IN", "--token-local", "env:FILE_TOKEN"), "the point FILE has this token_local"),
        (("add", "IN", "--token-local", "short"), "--token-local: is shorter than 12 characters"),
        (("add", "IN", "--token-local", SEALED), "--token-local: is a seal, not the token itself"),
        (("pause", "FILE"), "nothing is posted to FILE: it pulls"),
        (("test", "FILE"), "the point FILE has no url"),
    ],
)
def test_what_makes_no_sense_for_it_is_refused(commands: Commands, arguments: tuple[str, ...], said: str) -> None:
    found = commands("points", *arguments)
    assert (found.code, found.err.splitlines()[0]) == (2, f"error: {said}")


def test_replaying_to_a_point_that_pulls_is_refused(commands: Commands) -> None:
    found = commands("replay", "--point", "FILE", "--from", "2026-11-22T12:00:00Z", "--yes")
    assert (found.code, "nothing is sent to the point FILE: it pulls" in found.err) == (2, True)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            '[[points]]\ncode = "B"\ntoken_local = "env:FILE_TOKEN"',
            "points[B].token_local: is the same as that of FILE",
        ),
        ('[[points]]\ncode = "B"\ntoken_local = "short"', "points[B].token_local: is shorter than 12 characters"),
        ('[[points]]\ncode = "B"', ".url: is missing"),
        (
            f'[[serve.tokens]]\nname = "ops"\nrole = "read"\ntoken = "{TOKEN}"',
            "points[FILE].token_local: is the same as that of the token ops of [serve]",
        ),
    ],
)
@pytest.mark.parametrize("command", ["check", "deliver"])
def test_what_cannot_work_is_refused_by_check_and_at_the_start(
    commands: Commands, more: str, said: str, command: str
) -> None:
    commands.config.write_text(CONFIGURATION.format(more=more))
    found = commands(command)
    assert (found.code, said in found.out + found.err) == (2, True)


def test_a_configured_token_that_an_added_point_has_is_refused(commands: Commands) -> None:
    commands("points", "add", "IN", "--token-local", TOKEN + "2")
    more = f'[[points]]\ncode = "B"\ntoken_local = "{TOKEN}2"'
    commands.config.write_text(CONFIGURATION.format(more=more))
    for command in ("check", "deliver"):
        found = commands(command)
        told = "points[B].token_local: the point IN has it already"
        assert (found.code, told in found.out + found.err) == (2, True)


def test_status_tells_of_mirrored_points_that_share_a_token(commands: Commands, tmp_path: Path) -> None:
    opened = Database(f"sqlite:///{tmp_path / 'mirrorpoint.db'}")
    mirror(opened, ("1", "A", "", TOKEN + "3"), ("2", "B", "", TOKEN + "3"))
    opened.dispose()
    problems = commands("status", "--json").json["summary"]["problems"]
    assert [(each["where"], each["message"]) for each in problems if each["code"] == "shared-token"] == [
        ("points[A]", "it has the token_local of B: neither can read the feed"),
        ("points[B]", "it has the token_local of A: neither can read the feed"),
    ]


def test_a_point_without_a_local_token_keeps_its_url(commands: Commands, tmp_path: Path) -> None:
    opened = Database(f"sqlite:///{tmp_path / 'mirrorpoint.db'}")
    with opened.write() as session:
        points.add(session, code="OLD", url="https://own.example/", now=NOW)
    opened.dispose()
    found = commands("points", "edit", "OLD", "--url", "")
    assert (found.code, found.err.splitlines()[0]) == (2, "error: the point OLD needs a url")
