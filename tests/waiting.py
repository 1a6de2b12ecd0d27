"""Waiting for conditions, and looking at processes; used by tests with servers and processes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Found = TypeVar("Found")


def until(condition: Callable[[], Found], *, seconds: float = 30, what: str | Callable[[], str] = "") -> Found:
    """The first true value of the condition; AssertionError when the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            told = what() if callable(what) else what
            raise AssertionError(f"not within {seconds} s: {told or condition}")
        time.sleep(0.02)


def is_stopped(pid: int) -> bool:
    """Whether SIGSTOP holds it (Linux)."""
    try:
        return _state(pid) == "T"
    except (FileNotFoundError, ProcessLookupError):
        return False


def is_alive(pid: int) -> bool:
    """Whether the process does anything; one that only waits to be collected does not."""
    try:
        state = _state(pid)
    except FileNotFoundError:
        if os.path.isdir("/proc/self"):  # noqa: PTH112
            return False
        try:
            os.kill(pid, 0)
        except OSError:
            return False
        return True
    except ProcessLookupError:
        return False
    return state != "Z"


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


def descendants(pid: int) -> dict[int, str]:
    """Process id -> command line of all that a process has started, directly or not."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found: dict[int, str] = {}
    below = list(parents.get(pid, ()))
    while below:
        child = below.pop()
        try:
            words = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        found[child] = b" ".join(words).decode(errors="replace").strip()
        below.extend(parents.get(child, ()))
    return found
