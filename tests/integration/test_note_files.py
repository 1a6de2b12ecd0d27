"""Heads in a file: whole or repaired after a kill and on a full disk, by two processes at once; refusals say why."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from record import note_files, notes
from record.checkpoints import Checkpoint
from record.note_files import NoteFileError
from record.notes import Note, SigningKey

NAME = "example.com/mirrorpoint"
PEM = notes.new_pem()
KEY = SigningKey.from_pem(PEM, name=NAME)
#: A process that appends notes; what goes wrong with it comes first.
APPENDING = f"""
import os, resource, signal, sys
from pathlib import Path
from record import note_files, notes
from record.checkpoints import Checkpoint
key = notes.SigningKey.from_pem({PEM!r}, name={NAME!r})
path, first, last = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
exec(sys.argv[4])
for size in range(first, last):
    note_files.append(path, [notes.signed(str(Checkpoint({NAME!r}, size, bytes(32))), [key])])
"""
#: It ends when everything is written, and nobody knows yet whether it has reached the disk.
KILLED = "os.fsync = lambda fd: os.kill(os.getpid(), signal.SIGKILL)"


def head(size: int) -> Note:
    return notes.signed(str(Checkpoint(NAME, size, bytes(32))), [KEY])


def appending(file: Path, first: int, last: int, before: str = "") -> list[str]:
    return [sys.executable, "-c", APPENDING, str(file), str(first), str(last), before]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, stderr=subprocess.PIPE, text=True, timeout=60)


def sizes(file: Path) -> list[int]:
    return [int(note.text.split("\n")[1]) for note in note_files.read(file).notes]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "heads.log"


def test_notes_are_appended_and_nothing_before_them_changes(file: Path) -> None:
    assert not note_files.append(file, [head(1)])
    before = file.read_bytes()
    assert not note_files.append(file, [head(2), head(3)])
    assert file.read_bytes().startswith(before)
    assert note_files.read(file) == ([head(1), head(2), head(3)], [])


def test_they_are_on_the_disk_when_it_returns(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced, real = list[int](), os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(os.fstat(fd).st_ino), real(fd)))
    note_files.append(file, [head(1)])
    assert synced == [file.stat().st_ino, file.parent.stat().st_ino], "a new file needs its folder too"
    note_files.append(file, [head(2)])
    assert synced[2:] == [file.stat().st_ino]


def test_two_processes_leave_each_other_s_notes_whole(file: Path) -> None:
    processes = [subprocess.Popen(appending(file, first, first + 40)) for first in (100, 200, 300)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    found = note_files.read(file)
    assert found.broken == []
    assert sorted(sizes(file)) == [first + number for first in (100, 200, 300) for number in range(40)]
    assert all(KEY.verifier.has_signed(note) for note in found.notes)


def test_a_process_that_is_killed_between_writing_and_the_disk_costs_no_note(file: Path) -> None:
    note_files.append(file, [head(1)])
    assert run(*appending(file, 2, 3, KILLED)).returncode == -signal.SIGKILL
    assert sizes(file) == [1, 2], "it was written; nobody knows, so it is written again"
    note_files.append(file, [head(2)])
    assert note_files.read(file) == ([head(1), head(2), head(2)], [])


@pytest.mark.parametrize("cut", [1, 30, 80, 100, 150, 200])
def test_what_a_power_cut_left_half_written_stays_and_the_next_note_stands_behind_it(file: Path, cut: int) -> None:
    note_files.append(file, [head(1)])
    whole = file.stat().st_size
    run(*appending(file, 2, 3, KILLED))
    os.truncate(file, whole + cut)  # so much of it had reached the disk
    torn = file.read_bytes()
    assert note_files.append(file, [head(2)]), "it says so"
    assert file.read_bytes().startswith(torn)
    assert (sizes(file)[0], sizes(file)[-1], len(note_files.read(file).broken)) == (1, 2, 1)
    assert not note_files.append(file, [head(3)])


def test_a_full_disk_is_told_and_the_next_note_stands_behind_what_was_written(file: Path) -> None:
    note_files.append(file, [head(1)])
    room = file.stat().st_size + 100
    full = run(*appending(file, 2, 3, f"resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))"))
    assert (full.returncode, f"{file} cannot be written: file too large" in full.stderr) == (1, True)
    assert file.stat().st_size == room, "a part of it fitted"
    note_files.append(file, [head(2)])
    assert (sizes(file), len(note_files.read(file).broken)) == ([1, 2], 1)


def test_a_disk_that_gives_room_again_while_it_is_written_costs_no_note(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = os.write, list[int]()

    def short(fd: int, data: bytes) -> int:
        calls.append(len(data))
        return real(fd, data[:50]) if len(calls) == 1 else real(fd, data)

    monkeypatch.setattr(os, "write", short)
    note_files.append(file, [head(1)])
    assert note_files.read(file) == ([head(1)], [])
    assert len(calls) == 2


def test_a_disk_that_does_not_take_it_is_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(fd: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(NoteFileError, match=f"{file} cannot be written: input/output error"):
        note_files.append(file, [head(1)])


def test_a_file_that_another_process_holds_is_waited_for_and_then_told(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(note_files, "LOCK_SECONDS", 0.05)
    note_files.append(file, [head(1)])
    with file.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(NoteFileError, match="is held by another process"):
            note_files.append(file, [head(2)])
        assert note_files.problem(file) is not None
    assert sizes(file) == [1]


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_written_all_the_same(
    file: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def unknown(fd: int, operation: int) -> None:
        raise OSError(code, "no locks here")

    monkeypatch.setattr(fcntl, "flock", unknown)
    note_files.append(file, [head(1)])
    assert sizes(file) == [1]


def test_a_file_that_has_gone_is_not_begun_anew_by_itself(file: Path) -> None:
    told = f"{file} is gone: put it back (is its disk mounted?), or make an empty file there to begin anew"
    with pytest.raises(NoteFileError) as refused:
        note_files.append(file, [head(1)], may_create=False)
    assert str(refused.value) == told == note_files.problem(file, may_create=False)
    assert not file.exists()
    file.touch()
    note_files.append(file, [head(1)], may_create=False)
    assert sizes(file) == [1]


def test_what_cannot_be_written_is_told_with_its_cure(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    expected = {
        tmp_path / "mnt" / "heads.log": f"the folder {tmp_path}/mnt does not exist: make it, or mount its disk",
        tmp_path / "folder": f"{tmp_path}/folder is a folder, and should be a file",
        tmp_path / "pipe": f"{tmp_path}/pipe is no ordinary file",
        Path("/dev/null"): "/dev/null is no ordinary file",
    }
    for path, told in expected.items():
        assert note_files.problem(path) == told
        with pytest.raises(NoteFileError) as refused:
            note_files.append(path, [head(1)])
        assert str(refused.value) == told


@pytest.mark.parametrize(
    ("code", "words"), [(errno.EACCES, "permission denied"), (errno.EROFS, "read-only file system")]
)
def test_no_right_to_write_is_told(file: Path, monkeypatch: pytest.MonkeyPatch, code: int, words: str) -> None:
    file.touch()
    real = os.open

    def refuse(path: Path, *more: int) -> int:
        if path == file:
            raise OSError(code, os.strerror(code))
        return real(path, *more)

    monkeypatch.setattr(os, "open", refuse)
    told = f"{file} cannot be written: {words}"
    assert note_files.problem(file) == told
    with pytest.raises(NoteFileError, match=told):
        note_files.append(file, [head(1)])


def test_to_ask_whether_it_could_be_written_leaves_nothing_behind(file: Path) -> None:
    assert note_files.problem(file) is None
    assert not file.exists()
    note_files.append(file, [head(1)])
    before = (file.read_bytes(), file.stat().st_mtime_ns)
    assert note_files.problem(file) is None
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_folder_that_may_not_be_written_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    told = note_files.problem(tmp_path / "heads.log")
    tmp_path.chmod(0o700)
    assert told == f"{tmp_path}/heads.log cannot be made: this user may not write to {tmp_path}"
