"""Processes beside those that are measured: the source, the receiver, a PostgreSQL; ended by their ids."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
#: How long a process may take to end when it is asked to, before it is killed.
END_SECONDS = 40


def environment(**more: str) -> dict[str, str]:
    """Without settings that the caller's own shell may have; modules are found in this checkout."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("MIRRORPOINT_")}
    return ours | {"PYTHONPATH": str(ROOT)} | more


@contextmanager
def telling(module: str, *arguments: str) -> Iterator[str]:
    """`python -m MODULE`, which says its URL in its first line."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment()
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        if not url:
            raise RuntimeError(f"{module} did not start")
        yield url
    finally:
        end(process)
        if process.stdout is not None:
            process.stdout.close()


@contextmanager
def running(command: Sequence[str], *, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A daemon beside which something is measured; what it says goes to `daemon.log` in the folder."""
    with (folder / "daemon.log").open("ab") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    """Ask it to end, and wait until it has."""
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def order(url: str, path: str) -> Any:
    """Post an order to the source or the receiver; its answer."""
    return json.loads(_answer(urllib.request.Request(f"{url}{path}", method="POST")))


def ask(url: str, path: str) -> Any:
    """What the receiver has counted."""
    return json.loads(_answer(urllib.request.Request(f"{url}{path}")))


def _answer(request: urllib.request.Request) -> bytes:
    with urllib.request.urlopen(request, timeout=300) as answer:
        found: bytes = answer.read()
        return found
