"""`changes --follow` as a process: it tells what comes, at once, until it is interrupted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.shop import NOON, open_shop

ROOT = Path(__file__).resolve().parents[2]


def test_following_tells_a_change_when_it_is_committed_and_ends_with_an_interrupt(tmp_path: Path) -> None:
    shop = open_shop(tmp_path)
    command = [sys.executable, "-m", "worker", "changes", "--after", "6", "--follow", "--all", "--json"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            assert json.loads(process.stdout.readline())["seq"] == 7
            shop.note("things", "3", {"id": 3}, at=NOON)
            assert json.loads(process.stdout.readline())["seq"] == 8
            process.send_signal(signal.SIGINT)
            assert (process.wait(30), process.stderr.read()) == (130, "")
        finally:
            process.kill()
    shop.database.dispose()
