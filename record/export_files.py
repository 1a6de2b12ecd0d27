"""The files of an export: all of them appear together, whole, or none does; nothing is ever overwritten.

Used by the command. Each is written beside its place under a name that begins with a point and ends with `.part`.
"""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from changes.problems import Problem
from record.export_table import ExportRefused

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_ELSEWHERE = "name another folder with --out"


class NoRoom(Problem):  # no mistake of anybody
    """The disk is full, or fails."""

    exit_code = 5
    code = "file"


class Parts:
    """Files that are being written, in the order in which they are to appear."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._of_target: dict[Path, Path] = {}

    def new(self, name: str) -> Path:
        """An empty file (mode 0600) to be filled, which gets that name at the end."""
        handle, path = tempfile.mkstemp(dir=self.folder, prefix=f".{name}.", suffix=".part")
        os.close(handle)
        self._of_target[self.folder / name] = Path(path)
        return Path(path)

    def appear(self) -> None:
        """Give each its name; where that fails for one of them, none has it afterwards."""
        for part in self._of_target.values():
            _to_disk(part)
        try:
            for target, part in self._of_target.items():
                _name(part, target)
            _to_disk(self.folder)
        except BaseException:
            for target, part in self._of_target.items():
                if _is_ours(part, target):
                    target.unlink()
            raise

    def clear(self) -> None:
        """Leave nothing but what has appeared."""
        for part in self._of_target.values():
            part.unlink(missing_ok=True)


def check(folder: Path, names: Sequence[str]) -> None:
    """`ExportRefused` where one of the names is taken, or nothing can be written; makes nothing."""
    there = next(each for each in (folder, *folder.parents) if each.exists())
    if not there.is_dir():
        raise ExportRefused(f"{there} is no folder", _ELSEWHERE)
    for name in names:
        _refuse_existing(folder / name)
    if not os.access(there, os.W_OK | os.X_OK):
        raise ExportRefused(f"nothing can be written to {there}", f"look at its rights, or {_ELSEWHERE}")


@contextmanager
def together(folder: Path) -> Iterator[Parts]:
    """Files that are begun within the block appear at its end; the folder is made where there is none."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    parts, has_appeared = Parts(folder), False
    try:
        with _told(folder):
            folder.mkdir(parents=True, exist_ok=True)
            yield parts
            parts.appear()
            has_appeared = True
    finally:
        parts.clear()
        if not has_appeared:
            with suppress(OSError):  # somebody else has put something into it
                for each in missing:
                    each.rmdir()


def sha256(file: Path) -> str:
    """Of what is in the file, read again."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        said = error.strerror or str(error)
        if error.errno in _FULL:
            hint = f"make room there, or {_ELSEWHERE}; a temporary copy may need as much again"
            raise NoRoom(f"{folder} has no room for the export ({said}); nothing of it was kept", hint) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
            raise ExportRefused(f"{folder} cannot be written to: {said}", _ELSEWHERE) from error
        raise NoRoom(
            f"{folder} cannot be written to ({said}); nothing of the export was kept", "look at the disk"
        ) from error


def _name(part: Path, target: Path) -> None:
    try:
        os.link(part, target)  # unlike a rename it overwrites nothing
    except FileExistsError:
        _refuse_existing(target)
        raise
    except OSError:  # a file system without links
        _refuse_existing(target)
        part.rename(target)


def _is_ours(part: Path, target: Path) -> bool:
    return target.exists() and (not part.exists() or target.samefile(part))


def _refuse_existing(target: Path) -> None:
    if os.path.lexists(target):
        raise ExportRefused(f"{target} exists already and is left as it is", _ELSEWHERE)


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
