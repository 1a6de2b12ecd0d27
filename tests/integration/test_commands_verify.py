"""`verify` as people call it: heads that are given, what it prints, what `status` says of it afterwards."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from record import notes
from record.notes import SigningKey
from storage import sql
from storage.seals import Log
from tasks.record import sealing
from tasks.signing import Signer
from tests.commands import Commands
from tests.shop import NOON, Shop, open_shop
from worker.commands.record import given_heads
from worker.problems import UsageError

NAME = "example.com/mirrorpoint"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return open_shop(tmp_path)


@pytest.fixture
def signer(shop: Shop, tmp_path: Path) -> Signer:
    pem = notes.new_pem()
    (tmp_path / "mirrorpoint.sign").write_text(pem)
    file = tmp_path / "mirrorpoint.toml"
    file.write_text(file.read_text() + f'\n[record]\nname = "{NAME}"\nsigning_key = "file:mirrorpoint.sign"\n')
    signer = Signer(NAME, (SigningKey.from_pem(pem, name=NAME),))
    sealing.seal_all(shop.database, signer, now=NOON)
    return signer


@pytest.fixture
def commands(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.setattr("worker.commands.times.now", lambda: NOON + timedelta(hours=3))
    return Commands(tmp_path / "mirrorpoint.toml", capsys)


def alter(shop: Shop, statement: str) -> None:
    with shop.database.write() as session:
        session.execute(statement)


def test_it_prints_a_line_for_each_check_and_the_head_to_be_filed(
    commands: Commands, signer: Signer, tmp_path: Path
) -> None:
    found = commands("verify")
    assert found.code == 0
    moment, _, *lines = found.out.splitlines()
    assert moment.startswith(f"2026-11-22 15:00:00Z, {NAME}, sqlite:///")
    assert [" ".join(line.split()[:-2]) for line in lines[:8]] == [
        "ok heads no heads",
        "ok signatures 1 checkpoint",
        "ok numbers 7 changes",
        "ok digests 7 changes",
        "ok roots 1 checkpoint",
        "ok mirror 5 rows",
        "ok deliveries no deliveries, attempts",
        "ok actions no actions",
    ]
    assert "nothing was altered: 7 changes" in lines
    assert "note: no head was kept outside: a tail that was cut off, or a rewritten log, would not be seen" in lines
    head = found.out.partition("to be filed elsewhere:\n\n")[2]
    assert head.startswith(f"{NAME}\n7\n")
    for filed in (head, found.out):  # the head alone, or all that was printed
        (tmp_path / "heads.log").write_text(filed)
        again = commands("verify", "--head", str(tmp_path / "heads.log"))
        assert again.code == 0
        assert again.out.splitlines()[2].split()[:3] == ["ok", "heads", "1"]
        assert "no head was kept outside" not in again.out


def test_a_head_that_was_edited_is_not_taken_for_one_of_another_key(
    commands: Commands, signer: Signer, tmp_path: Path
) -> None:
    good = str(signer.checkpoint(Log.CHANGES, 7, bytes(32)))
    (tmp_path / "heads.log").write_text(good.replace("\n7\n", "\n6\n"))
    refused = commands("verify", "--head", str(tmp_path / "heads.log"))
    assert refused.code == 2
    assert "is not what was signed: its signature is wrong, so it was edited" in refused.err


def test_wherever_a_head_was_cut_off_it_is_refused_and_no_other_is_taken_in_its_place(
    signer: Signer, tmp_path: Path
) -> None:
    whole, cut_one = (str(signer.checkpoint(log, 7, bytes(32))) for log in (Log.ACTIONS, Log.CHANGES))
    file = tmp_path / "heads.log"
    for cut in range(1, len(cut_one) - 1):  # of a head the last line end alone may be missing
        file.write_text(f"{whole}\n{cut_one[:cut]}")
        with pytest.raises(UsageError):
            given_heads.read([file], signer)


def test_text_around_heads_is_passed_over_and_told(
    signer: Signer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "heads.log"
    file.write_text(f"filed by Anna\n\n{signer.checkpoint(Log.CHANGES, 7, bytes(32))}\nin the safe\n")
    assert [head.size for head in given_heads.read([file], signer)] == [7]
    assert "what is no head was passed over; heads read: 1" in capsys.readouterr().err


def test_of_a_record_without_a_name_the_newest_head_is_shown_under_its_own(
    commands: Commands, signer: Signer, tmp_path: Path
) -> None:
    file = tmp_path / "mirrorpoint.toml"
    file.write_text(file.read_text().partition("[record]")[0])
    shown = commands("verify").out
    assert f"the newest head is of a former name, {NAME}:" in shown
    assert "None" not in shown


def test_of_the_future_nothing_is_verified(commands: Commands, signer: Signer) -> None:
    refused = commands("verify", "--since", "2030-01-01")
    assert (refused.code, "is in the future" in refused.err) == (2, True)


def test_of_a_part_no_more_is_said_than_was_looked_at(commands: Commands, signer: Signer) -> None:
    assert (
        "nothing was altered in the part that was looked at; the record has 7 changes"
        in commands("verify", "--sample", "3").out
    )


def test_a_head_that_does_not_fit_is_an_alteration(commands: Commands, signer: Signer, tmp_path: Path) -> None:
    file = tmp_path / "heads.log"
    good = signer.checkpoint(Log.CHANGES, 9, bytes(32))
    file.write_text(f"{good}\n{signer.checkpoint(Log.ACTIONS, 4, bytes(32))}")
    found = commands("verify", "--head", str(file), "--json")
    assert found.code == 6
    ends = ("actions 1 to 4 are not there any more; and 1 more", "changes 8 to 9 are not there any more")
    told = (found.json["checks"][0]["problem"], found.json["first_bad"]["what"])
    begin = "the head of {} in heads.log is no beginning of this record: {}"
    assert told == (begin.format("4 actions", ends[0]), begin.format("9 changes", ends[1]))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "cannot be read: no such file or directory"),
        ("", "holds no head"),
        (f"{NAME}\n9\nAAAA\n", f'holds a note that is cut off or damaged, which begins with "{NAME}"'),
        ("ours cut", f'holds a note that is cut off or damaged, which begins with "{NAME}"'),
        ("other key", "is signed with a key that this record does not know"),
        ("other log", 'is of another record, "stranger.example.com/m"'),
        ("no checkpoint", "is no head: it is no checkpoint"),
        ("second", "note 2 of {file} is signed with a key that this record does not know"),
    ],
)
def test_a_head_that_is_none_of_this_record_is_a_wrong_call(
    commands: Commands, signer: Signer, tmp_path: Path, text: str | None, told: str
) -> None:
    file = tmp_path / "heads.log"
    stranger = Signer(NAME, (SigningKey.from_pem(notes.new_pem(), name=NAME),))
    name = "stranger.example.com/m"
    other = Signer(name, (SigningKey.from_pem(notes.new_pem(), name=name),))
    ours = str(signer.checkpoint(Log.CHANGES, 7, bytes(32)))
    texts = {
        "ours cut": f"{ours}\n{ours[:60]}",
        "other key": str(stranger.checkpoint(Log.CHANGES, 7, bytes(32))),
        "other log": str(other.checkpoint(Log.CHANGES, 7, bytes(32))),
        "no checkpoint": str(signer.note(Log.CHANGES, "just\nsome\ntext\n")),
        "second": f"{ours}\n{stranger.checkpoint(Log.CHANGES, 7, bytes(32))}",
    }
    if text is not None:
        file.write_text(texts.get(text, text))
    found = commands("verify", "--head", str(file))
    assert (found.code, found.out) == (2, "")
    assert told.replace("{file}", str(file)) in found.err
    assert commands("verify", "--head", str(file), "--json").json["error"]["code"] == "usage"


def test_heads_under_a_former_name_of_the_same_key_are_taken(
    commands: Commands, signer: Signer, shop: Shop, tmp_path: Path
) -> None:
    from storage import seals

    with shop.database.read() as session:
        last = seals.last(session, Log.CHANGES)
    assert last is not None
    old = "old.example.com/m"
    former = Signer(old, [key.under(old) for key in signer.keys])
    file = tmp_path / "heads.log"
    file.write_text(str(former.checkpoint(Log.CHANGES, last.size, bytes.fromhex(last.root))))
    found = commands("verify", "--head", str(file), "--json")
    assert (found.code, found.json["checks"][0]["count"]) == (0, 1)


def test_without_a_name_or_a_key_no_head_can_be_judged(commands: Commands, shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "heads.log"
    file.write_text("x")
    found = commands("verify", "--head", str(file))
    assert found.code == 2
    assert "this record has no name or no key" in found.err
    plain = commands("verify")
    assert plain.code == 0
    assert "note: no signature was verified: the configuration has no name or no signing key ([record])" in plain.out


def test_options_that_are_none_are_wrong_calls(commands: Commands, signer: Signer) -> None:
    assert commands("verify", "--sample", "0").code == 2
    found = commands("verify", "--since", "soon")
    assert (found.code, "--since" in found.err) == (2, True)


def test_status_tells_of_the_last_look_and_check_of_an_alteration(
    commands: Commands, signer: Signer, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "record: not verified yet" in commands("status").out
    assert commands("status", "--json").json["verification"] is None
    assert commands("verify").code == 0
    monkeypatch.setattr("worker.commands.times.now", lambda: NOON + timedelta(hours=5))
    assert "record: verified 2 h ago, nothing was altered in 7 changes" in commands("status").out
    alter(shop, "UPDATE mirrorpoint_change SET document = '{}' WHERE seq = 3")
    assert commands("verify", "--sample", "50").code == 6  # what a part finds is kept, too
    told = "change 3, things/1 version 2: its document does not match its digest"
    shown = commands("status").out
    assert f"! record: it was found ALTERED at 2026-11-22 17:00:00Z: {told}; see `mirrorpoint verify`" in shown
    assert f"record: found ALTERED at 2026-11-22 17:00:00Z; {told}" in shown
    checked = commands("status", "--check")
    assert (checked.code, checked.out.splitlines()[0]) == (
        3,
        f"record: it was found ALTERED at 2026-11-22 17:00:00Z: {told}",
    )
    assert commands("status", "--json").json["verification"] == {
        "ended_at": "2026-11-22T17:00:00Z",
        "ok": False,
        "changes": 7,
        "altered_since": "2026-11-22T17:00:00Z",
        "what": told,
    }
    alter(shop, "UPDATE mirrorpoint_change SET document = '{}' WHERE seq = 2")
    monkeypatch.setattr("worker.commands.times.now", lambda: NOON + timedelta(hours=6))
    assert commands("verify").code == 6
    shown, when = commands("status").out, "2026-11-22 18:00:00Z (since 2026-11-22 17:00:00Z)"
    assert f"! record: it was found ALTERED at {when}: change 2, " in shown, "the latest finding, since the first"
    assert f"record: found ALTERED at {when}; change 2, " in shown
    assert "change 3, " not in shown


def test_of_each_resource_five_alterations_are_named_and_the_others_counted(
    commands: Commands, signer: Signer, shop: Shop
) -> None:
    for number in range(50, 62):
        shop.note("things", str(number), {"id": number}, at=NOON)
        shop.note("parts", str(number), {"id": number}, at=NOON, parent_key="1")
    for name in ("things", "parts"):
        alter(shop, f"UPDATE {name} SET document = '{{}}' WHERE key BETWEEN '50' AND '61'")
    lines = commands("verify").out.splitlines()
    for name in ("things", "parts"):
        assert len([line for line in lines if f": {name}/" in line]) == 5
        assert f"  and 7 more of {name}" in lines


def test_a_part_that_is_right_says_nothing_of_the_whole(commands: Commands, signer: Signer) -> None:
    assert commands("verify", "--sample", "3").code == 0
    assert commands("verify", "--since", "now").code == 0
    assert commands("status", "--json").json["verification"] is None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_who_may_only_read_verifies_as_well(commands: Commands, signer: Signer, tmp_path: Path) -> None:
    for each in (tmp_path / "mirrorpoint.db", tmp_path):
        each.chmod(each.stat().st_mode & ~stat.S_IWUSR)
    try:
        assert commands("verify").code == 0
    finally:
        tmp_path.chmod(0o700)


def test_where_nothing_can_be_written_down_the_result_is_the_same(
    commands: Commands, signer: Signer, shop: Shop
) -> None:
    trigger = "CREATE TRIGGER no BEFORE INSERT ON mirrorpoint_verification BEGIN SELECT RAISE(ABORT, 'no'); END"
    alter(shop, trigger)
    assert commands("verify").code == 0
    assert commands("status", "--json").json["verification"] is None


def test_a_database_out_of_reach_is_no_alteration(commands: Commands, signer: Signer, tmp_path: Path) -> None:
    for each in tmp_path.glob("mirrorpoint.db*"):
        each.unlink()
    assert commands("verify").code == 5
    (tmp_path / "mirrorpoint.db").write_bytes(b"not a database at all, but long enough to be looked at" * 20)
    assert commands("verify").code in {2, 5}


def test_moments_of_the_last_look_are_those_of_the_machine(commands: Commands, signer: Signer, shop: Shop) -> None:
    assert commands("verify").code == 0
    with shop.database.read() as session:
        ended = sql.fetch(session, "SELECT ended_at FROM mirrorpoint_verification", ())[0][0]
    assert datetime.fromisoformat(ended).replace(tzinfo=UTC) == NOON + timedelta(hours=3)
