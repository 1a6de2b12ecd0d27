"""Which folder holds what a daemon keeps beside its database: the private broker's data, its socket, its lock.

Called by embedded.py for `run`, for `worker` and `clock` beside it, and for `status`: each comes to the same folder.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from worker.secret import expanded

if TYPE_CHECKING:
    from worker.settings import Settings


def of(settings: Settings, *, environ: Mapping[str, str] | None = None) -> Path:
    """The first that there is: the setting, beside an SQLite file, systemd's, beside the configuration, the user's.

    Nothing is made or written.
    """
    environ = os.environ if environ is None else environ
    named = settings.storage.state_folder
    if named is not None:
        return settings.folder / expanded(named)
    if settings.storage.url.startswith("sqlite:///"):  # its folder is one that we may write, and everybody knows it
        database = Path(unquote(settings.storage.url.removeprefix("sqlite:///").partition("?")[0])).absolute()
        return database.parent / ".mirrorpoint" / database.name
    given = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if given:
        return Path(given)
    beside = settings.folder / ".mirrorpoint" / settings.file.name
    if beside.is_dir() or os.access(settings.folder, os.W_OK | os.X_OK):
        return beside
    state_home = Path(environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser()
    if not state_home.is_absolute():  # as the specification wants it
        state_home = Path("~/.local/state").expanduser()
    return state_home / "mirrorpoint" / hashlib.sha256(os.fsencode(settings.file)).hexdigest()[:16]
