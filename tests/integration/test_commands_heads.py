"""What `check` and `status` say of the places where heads are kept."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from record import notes
from record.notes import VerifierKey
from storage import kept, points, processes, seals
from storage.engine import Database
from storage.kept import Kept
from storage.seals import Log, Seal
from tests.commands import Commands
from tests.integration.scripted_server import Reply, ScriptedServer, closed_port
from tests.integration.test_commands_set_up import commands as set_up
from tests.integration.test_commands_set_up import server
from tests.shop import NOON, Shop, open_shop
from tests.witness_server import WitnessServer
from webhooks import timestamping

__all__ = ["server", "set_up"]  # fixtures

NOW = NOON + timedelta(days=3)
DAY = timedelta(days=1)
NAME = "example.com/mirrorpoint"
LAST = 7  #: the number of the last change that the shop has


def sign(folder: Path, *keep: str) -> None:
    """Give the configuration a record with these places."""
    (folder / "mirrorpoint.sign").write_text(notes.new_pem())
    places = ", ".join(f'"{place}"' for place in keep)
    file = folder / "mirrorpoint.toml"
    written = file.read_text()
    if "[record]" in written:
        written = written[: written.index("[record]")]
    file.write_text(f'{written}\n[record]\nname = "{NAME}"\nsigning_key = "file:mirrorpoint.sign"\nkeep = [{places}]\n')


def test_check_tells_whether_heads_could_be_kept_at_each_place_and_keeps_none(set_up: Commands, tmp_path: Path) -> None:
    with WitnessServer() as witness, ScriptedServer() as authority:
        places = (f"witness:{witness.url}#{witness.key}", f"timestamp:{authority.url}/tsr")
        sign(tmp_path, "file:heads.log", "point:AUDIT", *places)
        found = set_up("check", "--json")
        assert (found.code, found.json["warnings"]) == (0, [])
        assert found.json["heads"] == [
            {"target": f"file:{tmp_path}/heads.log", "problem": None},
            {"target": "point:AUDIT", "problem": None},
            {"target": f"witness:{witness.url}", "problem": None},
            {"target": f"timestamp:{authority.url}/tsr", "problem": None},
        ]
        assert [len(keys) for keys in found.json["verifiers"].values()] == [1, 1]
        told = set_up("check").out
        assert f"heads can be kept at file:{tmp_path}/heads.log\n" in told
        key = VerifierKey.parse(found.json["verifiers"]["actions"][0])
        assert (key.name, str(key) in told) == (f"{NAME}/actions", True)
        assert {request.method for request in authority.requests} == {"GET"}
        assert (witness.asked, (tmp_path / "heads.log").exists()) == ([], False)


def test_check_names_each_place_where_none_could_be_kept(set_up: Commands, tmp_path: Path) -> None:
    with closed_port() as port, ScriptedServer() as other:
        other.on("GET", "/tsr", Reply(301))
        down = f"witness:http://127.0.0.1:{port}"
        sign(tmp_path, "file:/no/such/heads.log", "point:NOBODY", down, f"timestamp:{other.url}/tsr")
        found = set_up("check", "--json")
        assert found.code == 3
        assert [(each["where"], each["code"]) for each in found.json["problems"]] == [("record.keep", "keep")] * 4
        assert [each["message"] for each in found.json["problems"]] == [
            "file:/no/such/heads.log: the folder /no/such does not exist: make it, or mount its disk",
            "point:NOBODY: there is no such point",
            f"{down}: no connection: connection refused",
            f"timestamp:{other.url}/tsr: it leads elsewhere (301), and that is not followed: write the address itself",
        ]


def test_check_says_that_a_file_has_gone_that_heads_were_kept_in(set_up: Commands, tmp_path: Path) -> None:
    sign(tmp_path, "file:heads.log")
    assert set_up("check").code == 0
    database = Database(f"sqlite:///{tmp_path / 'mirrorpoint.db'}")
    with database.write() as session:
        kept.add(session, [Kept(Log.CHANGES, 1, f"file:{tmp_path}/heads.log", NOON)])
    database.dispose()
    (problem,) = set_up("check", "--json").json["problems"]
    assert "heads.log is gone: put it back" in problem["message"]


def test_check_names_the_command_that_installs_what_time_stamps_need(
    set_up: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timestamping, "is_available", lambda: False)
    sign(tmp_path, "timestamp:https://tsa.example.com")
    found = set_up("check", "--json")
    (problem,) = found.json["problems"]
    assert (found.code, problem["hint"]) == (2, "pip install 'mirrorpoint[timestamp]'")


@pytest.mark.parametrize(
    ("record", "lacks"),
    [
        ("", "no name and no signing_key"),
        ('[record]\nname = "example.com/m"\n', "no signing_key"),
        ('[record]\nsigning_key = "file:mirrorpoint.sign"\n', "no name"),
    ],
)
def test_check_says_in_one_line_that_the_record_is_not_signed(
    set_up: Commands, tmp_path: Path, record: str, lacks: str
) -> None:
    sign(tmp_path)
    written = set_up.config.read_text()
    set_up.config.write_text(written[: written.index("[record]")] + record)
    found = set_up("check")
    assert found.code == 0
    assert f"record: it has {lacks}: its roots are not signed, and no head is kept\n" in found.err


def test_check_says_that_a_witness_without_its_key_is_believed_unseen(set_up: Commands, tmp_path: Path) -> None:
    with WitnessServer() as witness:
        sign(tmp_path, f"witness:{witness.url}")
        (warned,) = set_up("check", "--json").json["warnings"]
    assert (warned["where"], warned["message"]) == (
        "record.keep",
        f"what witness:{witness.url} cosigns is kept unverified",
    )


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("ftp:/heads", "must be file:PATH, point:CODE, witness:URL[#VERIFIERKEY] or timestamp:URL"),
        ("witness:example.com", "must name an address: witness:https://host.name"),
        ("witness:https://me:hush@example.com", "must name an address without credentials"),
        ("witness:https://example.com?log=1", "must name an address without a ?query"),
        ("witness:https://example.com#w+1+AAAA", "is no verifier key of a witness"),
        ("timestamp:https://example.com#key", "must name an address without a #fragment"),
        ("timestamp:https://[::1", "must name an address: timestamp:https://host.name"),
    ],
)
def test_a_place_that_is_none_is_refused(set_up: Commands, tmp_path: Path, place: str, told: str) -> None:
    sign(tmp_path, place)
    found = set_up("check")
    assert (found.code, told in found.err, "hush" in found.err) == (2, True, False)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """All is well, and changes were sealed three days ago."""
    made = open_shop(tmp_path)
    for name in ("things", "parts"):
        made.scan(name, state="complete")
    with made.database.write() as session:
        for kind in ("clock", "scan", "deliver"):
            processes.note_beat(session, f"{kind}@host:1", kind=kind, host="host", now=NOW)
        points.add(session, code="AUDIT", url="https://audit.example.com/hook", now=NOON)
        seals.add(session, Log.CHANGES, Seal(LAST, "00" * 32, "note", NOON))
    return made


@pytest.fixture
def commands(
    shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Commands:
    file = tmp_path / "mirrorpoint.toml"
    file.write_text(file.read_text().replace('"off"', '"off", "*" = "30d"'))
    sign(tmp_path, "file:heads.log", "point:AUDIT")
    monkeypatch.setattr("worker.commands.times.now", lambda: NOW)
    monkeypatch.setattr("worker.embedded.answers", lambda *_, **__: True)
    return Commands(file, capsys)


def note(shop: Shop, target: str, *, days_ago: float, error: str | None = None, size: int = LAST) -> None:
    with shop.database.write() as session:
        kept.add(session, [Kept(Log.CHANGES, size, target, NOW - days_ago * DAY, error=error)])


def test_status_says_in_one_line_that_heads_are_kept(commands: Commands, shop: Shop, tmp_path: Path) -> None:
    note(shop, f"file:{tmp_path}/heads.log", days_ago=1)
    note(shop, "point:AUDIT", days_ago=0.5)
    assert "heads kept outside at 2 places, the last 12 h ago\n" in commands("status").out
    assert commands("status", "--check").code == 0
    first = commands("status", "--json").json["heads"][0]
    assert first == {
        "target": f"file:{tmp_path}/heads.log",
        "log": "changes",
        "size": LAST,
        "kept_at": "2026-11-24T12:00:00Z",
        "error": None,
        "failing_since": None,
        "next_try_at": None,
        "is_late": False,
        "is_contradicted": False,
    }


def test_status_says_in_the_same_line_where_one_could_not_be_kept(
    commands: Commands, shop: Shop, tmp_path: Path
) -> None:
    note(shop, f"file:{tmp_path}/heads.log", days_ago=1)
    note(shop, "point:AUDIT", days_ago=1.5)
    shop.note("things", "99", {"id": 99}, at=NOON)
    note(shop, "point:AUDIT", days_ago=0.1, error="there is no point AUDIT", size=LAST + 1)
    found = commands("status")
    assert (
        "heads kept outside at 1 of 2 places, the last 1 d ago; not at point:AUDIT: there is no point AUDIT"
        in " ".join(found.out.split())
    )
    assert commands("status", "--check").code == 0, "it is tried again, and nothing is late yet"
    row = commands("status", "--json").json["heads"][1]
    assert (row["failing_since"], row["next_try_at"]) == ("2026-11-25T09:36:00Z", "2026-11-25T10:36:00Z")


def test_a_place_without_a_head_for_twice_as_long_as_promised_is_a_reason(
    commands: Commands, shop: Shop, tmp_path: Path
) -> None:
    note(shop, f"file:{tmp_path}/heads.log", days_ago=2.5)
    shop.note("things", "99", {"id": 99}, at=NOON)
    note(shop, f"file:{tmp_path}/heads.log", days_ago=1, error="no space left on device", size=LAST + 1)
    found = commands("status", "--check")
    since = "since 2026-11-23 00:00:00Z: no space left on device"
    assert (found.code, found.out.splitlines()) == (
        3,
        [
            f"record.keep[file:{tmp_path}/heads.log]: no head was kept {since}",
            "record.keep[point:AUDIT]: no head was kept there yet",
        ],
    )


def test_a_place_that_has_the_newest_head_is_never_late(commands: Commands, shop: Shop, tmp_path: Path) -> None:
    note(shop, f"file:{tmp_path}/heads.log", days_ago=30)
    note(shop, "point:AUDIT", days_ago=30)
    assert commands("status", "--check").code == 0


def test_a_witness_that_contradicts_the_record_is_a_reason_at_once(
    commands: Commands, shop: Shop, tmp_path: Path
) -> None:
    sign(tmp_path, "witness:https://witness.example.com")
    note(shop, "witness:https://witness.example.com", days_ago=0.2)
    error = f"{kept.CONTRADICTED}: it has cosigned other rows than are here now"
    note(shop, "witness:https://witness.example.com", days_ago=0.1, error=error, size=LAST + 1)
    found = commands("status", "--check", "--json")
    (problem,) = found.json["summary"]["problems"]
    assert (found.code, problem["code"], problem["message"]) == (3, "contradicted", error)


def test_status_of_some_resources_says_nothing_of_heads(commands: Commands) -> None:
    assert "heads" not in commands("status", "things").out
    assert commands("status", "things", "--check").code == 0


def test_status_without_places_says_nothing_of_heads(commands: Commands, tmp_path: Path) -> None:
    sign(tmp_path)
    assert "heads" not in commands("status").out
    assert commands("status", "--check").code == 0
