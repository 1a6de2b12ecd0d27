"""What a backup says of itself, and whether it may be restored here; used by both kinds of database."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from storage.errors import BackupRefused, DatabaseNewer, SealKeyDiffers
from storage.prepare import HEAD

#: Is told how much is done, of how much.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Facts:
    """Read out of a backup without restoring it."""

    revision: str | None  #: of its tables; None: it holds none of Mirrorpoint's
    seal_key: str | None  #: the check value of the key that sealed it; None: it knows none


def check(file: Path, facts: Facts, *, check_value: str | None) -> None:
    """Refuse what could not be used here afterwards; `check_value` is that of the seal key of the configuration."""
    if facts.revision is None:
        raise BackupRefused(f"{file} is no backup of Mirrorpoint: it has none of its tables", "name another file")
    if facts.revision > HEAD:
        raise DatabaseNewer(
            f"{file} was made by a newer Mirrorpoint (revision {facts.revision}, this one knows {HEAD})",
            "upgrade the program first",
        )
    if check_value is not None and facts.seal_key is not None and facts.seal_key != check_value:
        raise SealKeyDiffers(
            f"storage.seal_key is not the key that the secrets in {file} were sealed with",
            "put the key that belongs to the backup where storage.seal_key points, then restore",
        )


@contextmanager
def written_beside(target: Path) -> Iterator[Path]:
    """A new file (mode 0600) to be filled, which becomes `target` at the end of the block, or leaves nothing behind."""
    refuse_existing(target)
    part = new_beside(target)
    try:
        yield part
        _to_disk(part)
        try:
            os.link(part, target)  # unlike a rename it overwrites nothing
        except FileExistsError:
            refuse_existing(target)
        except OSError:  # a file system without links
            refuse_existing(target)
            part.rename(target)
        _to_disk(target.parent)
    finally:
        part.unlink(missing_ok=True)


def refuse_existing(target: Path) -> None:
    """Nothing is ever overwritten."""
    if target.exists():
        raise BackupRefused(f"{target} exists already and is left as it is", "name another file")
    if not target.parent.is_dir():
        raise BackupRefused(f"the folder {target.parent} does not exist", "create it, or name another file")


def new_beside(target: Path) -> Path:
    """An empty file (mode 0600) in the same folder."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    os.close(handle)
    return Path(name)


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
