"""Files of signed notes: each note is appended whole, with an empty line behind it; nothing in them is ever changed.

A note that was cut off (power, a full disk) stays: the next one begins behind it on a line of its own. Called by the
step that keeps heads and by `check`; `notes.read_all` reads what is written here.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from record import notes
from record.notes import Note, Several

#: How long another process may have the file.
LOCK_SECONDS = 5.0
_LOOK_SECONDS = 0.02
#: A line that is no signature: whatever stands before it up to an empty line is no note.
CUT_OFF = "\u2014 (cut off while it was written)"
_DASH = "\u2014 ".encode()
_TAIL_BYTES = 8192
#: File systems that know no locks; the lease of the caller keeps other processes away there.
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)


class NoteFileError(Exception):
    """A file cannot be used; the text names it and says why and what to do, for people."""


def read(path: Path) -> Several:
    """All notes of the file; OSError where it cannot be read."""
    return notes.read_all(path.read_bytes().decode("utf-8", "replace"))


def append(path: Path, written: Sequence[Note], *, may_create: bool = True) -> bool:
    """Append the notes, and return when they are on the disk; says whether the last one before them was cut off.

    NoteFileError where that is not possible; what was written of them until then is found by the next call.
    """
    with _opened(path, may_create=may_create) as (file, is_new):
        before = _tail(file)
        text = "".join(f"{note}\n" for note in written)
        rest = completion(before) + text.encode()
        while rest:  # all of it goes at once, unless there is no room for it: then the next one says why
            rest = rest[os.write(file, rest) :]
        os.fsync(file)
        if is_new:
            _sync_folder(path.parent)
    return not is_finished(before)


def problem(path: Path, *, may_create: bool = True) -> str | None:
    """Why nothing could be appended now; nothing is written, and no file is made."""
    if _kind(path) or not may_create:
        try:
            with _opened(path, may_create=False):
                return None
        except NoteFileError as error:
            return str(error)
    if not stat.S_ISDIR(_kind(path.parent)):
        return _of_folder(path)
    if not os.access(path.parent, os.W_OK | os.X_OK):
        return f"{path} cannot be made: this user may not write to {path.parent}"
    return None


def is_finished(tail: bytes) -> bool:
    """Whether a file that ends so ends with a whole note, or is empty."""
    return not tail or (tail.endswith(b"\n\n") and _last_line(tail).startswith(_DASH))


def completion(tail: bytes) -> bytes:
    """What must follow in a file that ends so, for a note to stand by itself behind it."""
    if not tail or tail.endswith(b"\n\n"):
        return b""
    if tail.endswith(b"\n") and _last_line(tail).startswith(_DASH):
        return b"\n"
    return b"\n" * (not tail.endswith(b"\n")) + f"{CUT_OFF}\n\n".encode()


def _last_line(tail: bytes) -> bytes:
    return tail.rstrip(b"\n").rpartition(b"\n")[2]


@contextmanager
def _opened(path: Path, *, may_create: bool) -> Iterator[tuple[int, bool]]:
    """The file, locked, and whether it is a new one."""
    is_new = may_create and not _kind(path)
    flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    try:
        file = os.open(path, flags | (os.O_CREAT if may_create else 0), 0o644)
    except OSError as error:
        raise NoteFileError(_why(path, error)) from error
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise NoteFileError(f"{path} is no ordinary file")
        _lock(file, path)
        yield file, is_new
    except OSError as error:
        raise NoteFileError(f"{path} cannot be written: {_words(error)}") from error
    finally:
        os.close(file)


def _lock(file: int, path: Path) -> None:
    ends_at = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > ends_at:
                raise NoteFileError(f"{path} is held by another process for over {LOCK_SECONDS:g} s") from None
            time.sleep(_LOOK_SECONDS)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            return
        else:
            return


def _tail(file: int) -> bytes:
    size = os.fstat(file).st_size
    return os.pread(file, _TAIL_BYTES, max(0, size - _TAIL_BYTES))


def _sync_folder(folder: Path) -> None:
    """Else a new file may be gone after a power cut, whatever was written to it."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some file systems know nothing of it
            raise
    finally:
        os.close(opened)


def _why(path: Path, error: OSError) -> str:
    if isinstance(error, FileNotFoundError) and not _kind(path.parent):
        return _of_folder(path)
    if isinstance(error, FileNotFoundError):
        return f"{path} is gone: put it back (is its disk mounted?), or make an empty file there to begin anew"
    if isinstance(error, IsADirectoryError):
        return f"{path} is a folder, and should be a file"
    return f"{path} cannot be written: {_words(error)}"


def _kind(path: Path) -> int:
    """The mode of what is there; 0: nothing, or nothing that may be looked at."""
    try:
        return path.stat().st_mode
    except OSError:
        return 0


def _of_folder(path: Path) -> str:
    return f"the folder {path.parent} does not exist: make it, or mount its disk"


def _words(error: OSError) -> str:
    return (os.strerror(error.errno) if error.errno else str(error)).lower()
