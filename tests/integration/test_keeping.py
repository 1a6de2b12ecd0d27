"""Heads are kept outside: when, at each place by itself, never of a record that was altered, and failures are told."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from record import note_files, notes
from record.notes import SigningKey
from storage import points
from storage.engine import Database
from storage.kept import RETRY_MOST_SECONDS, RETRY_SECONDS
from storage.seals import Log
from storage.tables import DeliveryRow
from tasks import housekeeping
from tasks.record import keeping, places, sealing
from tasks.record.keeping import ALTERED, UNSIGNED
from tasks.signing import Signer
from tests.integration.archive import DAY, HOUR, SECOND, Archive
from tests.waiting import until

RETRY, RETRY_MOST = timedelta(seconds=RETRY_SECONDS), timedelta(seconds=RETRY_MOST_SECONDS)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "heads.log"


@pytest.fixture
def archive(database: Database, file: Path) -> Archive:
    return Archive(database, f"file:{file}")


def sizes(file: Path) -> list[tuple[str, int]]:
    """Origin and size of each head in the file."""
    lines = [note.text.split("\n") for note in note_files.read(file).notes]
    return [(origin, int(size)) for origin, size, *_ in lines]


def test_the_heads_of_both_logs_are_sealed_and_kept(archive: Archive, file: Path) -> None:
    archive.change(3)
    archive.act()
    archive.keep()
    assert sizes(file) == [("example.com/mirrorpoint", 3), ("example.com/mirrorpoint/actions", 2)]
    found = note_files.read(file).notes
    assert [str(note) for note in found] == [archive.note(3), archive.note(2, Log.ACTIONS)]
    assert all(archive.signer.verifiers(log)[0].has_signed(note) for log, note in zip(Log, found, strict=True))
    assert archive.told() == [("changes", 3, None), ("actions", 2, None)]


def test_housekeeping_keeps_them(archive: Archive, file: Path) -> None:
    archive.change()
    housekeeping.housekeep(archive.services)  # in a thread, since it may take long
    until(lambda: file.exists() and sizes(file) == [("example.com/mirrorpoint", 1)])


def test_an_empty_log_has_no_head(archive: Archive, file: Path) -> None:
    archive.keep()
    assert (file.exists(), archive.rows()) == (False, [])


def test_the_next_head_is_kept_once_the_time_has_passed_and_the_log_has_grown(archive: Archive, file: Path) -> None:
    archive.change()
    archive.keep()
    archive.change()
    archive.now += DAY - SECOND
    archive.keep()
    assert [size for _, size in sizes(file)] == [1]
    archive.now += SECOND
    archive.keep()
    archive.keep()
    assert [size for _, size in sizes(file)] == [1, 2]
    archive.now += 3 * DAY
    archive.keep()
    assert [size for _, size in sizes(file)] == [1, 2], "nothing is new"


def test_a_log_that_has_news_takes_the_other_along(archive: Archive, file: Path) -> None:
    archive.change()
    archive.keep()
    archive.now += DAY / 2
    archive.change()
    archive.act()
    archive.keep()
    assert sizes(file)[1:] == [("example.com/mirrorpoint", 2), ("example.com/mirrorpoint/actions", 2)]


def test_a_head_of_a_time_that_has_not_come_does_not_put_off_the_next(archive: Archive, file: Path) -> None:
    archive.now += 365 * DAY
    archive.change()
    archive.keep()
    archive.now -= 365 * DAY  # the clock was wrong
    archive.change()
    archive.keep()
    assert [size for _, size in sizes(file)] == [1, 2]


def test_the_record_is_verified_once_before_heads_are_kept_and_not_if_none_is_due(archive: Archive) -> None:
    asked: list[int] = []

    def verify() -> bool:
        asked.append(len(archive.rows()))
        return True

    archive.keep(verify)
    archive.change()
    archive.act()
    archive.keep(verify)
    archive.keep(verify)
    assert asked == [0]


def test_nothing_is_kept_of_a_record_that_was_altered(archive: Archive, file: Path) -> None:
    archive.change(2)
    archive.keep(lambda: False)
    assert (file.exists(), archive.told()) == (False, [("changes", 2, ALTERED)])
    archive.keep(lambda: pytest.fail("it is not verified again every few seconds"))
    archive.now += RETRY
    archive.keep(lambda: True)
    assert [size for _, size in sizes(file)] == [2]


def test_a_gap_in_the_log_is_told_in_place_of_a_head(archive: Archive, file: Path) -> None:
    archive.change(4)
    with archive.database.write() as session:
        session.execute("DELETE FROM mirrorpoint_change WHERE seq = 2")
    archive.keep()
    ((_, _, error),) = archive.told()
    assert (error or "").startswith(ALTERED)
    assert "number 2 is missing" in (error or "")
    assert not file.exists()


def test_a_log_that_is_shorter_than_what_was_kept_of_it_is_told_at_once(archive: Archive, file: Path) -> None:
    archive.change(5)
    archive.keep()
    with archive.database.write() as session:
        session.execute("DELETE FROM mirrorpoint_change WHERE seq > 3")
        session.execute("DELETE FROM mirrorpoint_seal")
    archive.keep()
    archive.keep()
    assert archive.told()[1:] == [
        ("changes", 3, "rows are missing: 5 were kept here, 3 are in the log: see `mirrorpoint verify`")
    ]
    assert [size for _, size in sizes(file)] == [5]


@pytest.mark.parametrize(
    "edit",
    [
        "checkpoint = 'www.' || checkpoint",
        "checkpoint = 'no note'",
        f"root = '{'ab' * 32}'",
        "checkpoint = replace(checkpoint, ' ', '  ')",
    ],
    ids=["its text", "all of it", "the root beside it", "its signature"],
)
def test_a_checkpoint_that_was_edited_is_not_kept(archive: Archive, file: Path, edit: str) -> None:
    archive.change(3)
    sealing.seal_all(archive.database, archive.signer, now=archive.now)
    with archive.database.write() as session:
        session.execute(f"UPDATE mirrorpoint_seal SET {edit}")
    archive.keep()
    assert (file.exists(), archive.told()) == (False, [("changes", 3, ALTERED)])


def test_a_checkpoint_that_an_older_key_has_signed_is_kept_until_there_is_a_newer_one(
    archive: Archive, file: Path
) -> None:
    archive.change(3)
    sealing.seal_all(archive.database, archive.signer, now=archive.now)
    other = SigningKey.from_pem(notes.new_pem(), name="example.org/new")
    archive.set(signer=Signer("example.org/new", (other,)))
    archive.keep()
    assert sizes(file) == [("example.com/mirrorpoint", 3)]


def test_a_verification_that_the_end_of_the_process_broke_off_says_nothing(archive: Archive, file: Path) -> None:
    archive.change()

    def verify() -> bool:
        archive.services.stopping.set()
        return False

    archive.keep(verify)
    assert (file.exists(), archive.rows()) == (False, [])
    archive.services.stopping.clear()
    archive.keep()
    assert file.exists(), "the lease was given back"


def test_without_a_signing_key_that_is_told(archive: Archive, file: Path) -> None:
    archive.set(signer=None)
    archive.change()
    archive.keep()
    assert (file.exists(), archive.told()) == (False, [("changes", 1, UNSIGNED)])


def test_a_place_that_fails_keeps_no_other_from_its_heads(archive: Archive, tmp_path: Path, file: Path) -> None:
    lost = f"file:{tmp_path}/not mounted/heads.log"
    archive.set(keep=(lost, "point:NOBODY", f"file:{file}"))
    archive.change()
    archive.keep()
    assert [size for _, size in sizes(file)] == [1]
    assert archive.told(lost) == [
        ("changes", 1, f"the folder {tmp_path}/not mounted does not exist: make it, or mount its disk")
    ]
    assert archive.told("point:NOBODY") == [("changes", 1, "there is no point NOBODY")]


def test_a_place_that_fails_is_tried_again_after_hours_that_grow(archive: Archive, tmp_path: Path) -> None:
    archive.set(keep=(f"file:{tmp_path}/mnt/heads.log",))
    archive.change()
    begun, tried = archive.now, list[float]()
    while archive.now < begun + DAY:
        before = len(archive.rows())
        archive.keep()
        if len(archive.rows()) > before:
            tried.append((archive.now - begun) / HOUR)
        archive.now += HOUR / 4
    assert tried == [0, 1, 3, 7, 13, 19]
    (tmp_path / "mnt").mkdir()
    archive.now += RETRY_MOST
    archive.keep()
    assert archive.told()[-1] == ("changes", 1, None)
    archive.change()
    archive.keep()
    assert len(archive.rows()) == len(tried) + 1, "it is well, so the next one comes after keep_every"


def test_a_failure_of_a_time_that_has_not_come_does_not_put_off_the_next_try(archive: Archive, tmp_path: Path) -> None:
    archive.set(keep=(f"file:{tmp_path}/mnt/heads.log",))
    archive.change()
    archive.now += 365 * DAY
    archive.keep()
    archive.now -= 365 * DAY
    archive.keep()
    assert len(archive.rows()) == 2


def test_a_file_that_has_gone_is_told_and_not_begun_anew(archive: Archive, file: Path) -> None:
    archive.change()
    archive.keep()
    file.unlink()
    archive.change()
    archive.now += DAY
    archive.keep()
    assert not file.exists()
    assert "is gone: put it back" in (archive.rows()[-1].error or "")
    file.touch()
    archive.now += RETRY
    archive.keep()
    assert [size for _, size in sizes(file)] == [2]


def test_a_head_that_was_cut_off_stays_and_the_next_one_stands_behind_it(archive: Archive, file: Path) -> None:
    archive.change()
    archive.keep()
    torn = file.read_bytes()[:-30]
    file.write_bytes(torn)
    archive.change()
    archive.now += DAY
    archive.keep()
    assert file.read_bytes().startswith(torn)
    assert ([size for _, size in sizes(file)], len(note_files.read(file).broken)) == ([2], 1)


def test_a_point_is_sent_a_notice_with_the_head(archive: Archive) -> None:
    archive.set(keep=("point:AUDIT",))
    with archive.database.write() as session:
        points.add(session, code="AUDIT", url="https://audit.example.com/hook", now=archive.now)
    archive.change(2)
    archive.act()
    archive.keep()
    found = archive.notices()
    assert {subject: notice.type for subject, notice in found.items()} == {
        "record/changes": "mirrorpoint.sealed",
        "record/actions": "mirrorpoint.sealed",
    }
    data = found["record/changes"].data
    assert (data["log"], data["size"], data["checkpoint"]) == ("changes", 2, archive.note(2))
    assert archive.signer.verifiers(Log.CHANGES)[0].has_signed(notes.parse(data["checkpoint"]))
    with archive.database.read() as session:
        owed = session.objects.execute(select(DeliveryRow).order_by(col(DeliveryRow.id))).scalars().all()
    assert [(row.point, row.state, row.change_seq) for row in owed] == [("AUDIT", "due", None)] * 2
    assert {row.record: row.notice_id for row in owed} == {
        f"mirrorpoint/{subject}": notice.id for subject, notice in found.items()
    }
    assert archive.told() == [("changes", 2, None), ("actions", 2, None)]


def test_a_point_that_receives_nothing_is_told(archive: Archive) -> None:
    archive.set(keep=("point:AUDIT",))
    with archive.database.write() as session:
        points.add(session, code="AUDIT", url="https://audit.example.com/hook", now=archive.now)
        points.mark_gone(session, "AUDIT", reason="it answered 410", now=archive.now)
    archive.change()
    archive.keep()
    assert archive.told() == [("changes", 1, "the point AUDIT receives nothing: gone")]
    assert archive.notices() == {}


def test_one_process_keeps_at_a_time(archive: Archive, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.change()
    entered, leave = threading.Event(), threading.Event()
    real = places.keep

    def slow(*arguments: Any) -> None:
        entered.set()
        assert leave.wait(30)
        real(*arguments)

    monkeypatch.setattr(places, "keep", slow)
    first = threading.Thread(target=archive.keep)
    first.start()
    assert entered.wait(30)
    archive.keep()
    assert archive.rows() == []
    leave.set()
    first.join()
    archive.keep()
    assert [size for _, size in sizes(file)] == [1]


def test_a_process_that_was_too_slow_leaves_it_to_the_one_that_took_over(archive: Archive, file: Path) -> None:
    archive.change()

    def verify() -> bool:
        archive.now += timedelta(seconds=keeping.LEASE_SECONDS + 1)
        archive.keep()
        return True

    archive.keep(verify)
    assert [size for _, size in sizes(file)] == [1]


def test_places_that_are_slow_leave_the_others_to_the_next_turn(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.set(keep=(f"file:{tmp_path}/1", f"file:{tmp_path}/2"))
    archive.change()
    monkeypatch.setattr(keeping, "KEEP_SECONDS", -1)
    archive.keep()
    assert archive.rows() == []
    monkeypatch.undo()
    archive.keep()
    assert len(archive.rows()) == 2


def test_an_end_of_the_process_is_noticed_between_two_places(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.set(keep=(f"file:{tmp_path}/1", f"file:{tmp_path}/2"))
    archive.change()
    real = places.keep

    def then_stop(*arguments: Any) -> None:
        real(*arguments)
        archive.services.stopping.set()

    monkeypatch.setattr(places, "keep", then_stop)
    archive.keep()
    assert [row.target for row in archive.rows()] == [f"file:{tmp_path}/1"]


def test_a_place_that_stands_there_twice_is_kept_once(archive: Archive, file: Path) -> None:
    archive.set(keep=(f"file:{file}", f"file:{file}"))
    archive.change()
    archive.keep()
    assert [size for _, size in sizes(file)] == [1]


def test_a_long_log_is_kept_by_its_newest_head(archive: Archive, file: Path) -> None:
    archive.change(700)
    archive.keep()
    assert [size for _, size in sizes(file)] == [700]
