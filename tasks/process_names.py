"""The name of a process in what it holds in the database, and whether the process of such a name is certainly dead.

Written with permits, leases and leased deliveries; read by dead_holders.py. A process id alone proves nothing: another
machine, another container or the next boot has the same one. So the name says them all, and whatever cannot be judged
from here counts as alive.
"""

from __future__ import annotations

import functools
import os
import socket
from pathlib import Path
from typing import NamedTuple

#: Ends the process's name where what follows tells several holders in one process apart.
END = "/"
_ENDED = {"Z", "X"}  #: it waits to be collected by its parent, or is being taken down


class _Space(NamedTuple):
    """What must be the same for a process id to mean the same."""

    host: str
    pid_namespace: str
    boot: str


class _State(NamedTuple):
    """Of a process in /proc."""

    letter: str
    threads: int
    started: str  #: ticks after the boot


def own() -> str:
    """Of this process: `host:pid:start:pid namespace:boot`, or `host:pid` where the system does not tell the rest."""
    return _named(os.getpid())


def is_certainly_dead(holder: str) -> bool:
    """Whether its process was one of this machine, this boot and this pid namespace, and is no more."""
    parts = holder.partition(END)[0].split(":")
    if len(parts) != 5 or not parts[1].isdigit():
        return False
    pid, started = int(parts[1]), parts[2]
    if _space(os.getpid()) != _Space(parts[0], parts[3], parts[4]):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):  # another user's
        pass
    state = _state(pid)
    if state is None:
        return False
    return state.started != started or (state.letter in _ENDED and state.threads <= 1)


@functools.lru_cache(maxsize=1)
def _named(pid: int) -> str:
    space, state = _space(pid), _state(pid)
    if space is None or state is None:
        return f"{socket.gethostname()}:{pid}"
    return f"{space.host}:{pid}:{state.started}:{space.pid_namespace}:{space.boot}"


@functools.lru_cache(maxsize=1)
def _space(pid: int) -> _Space | None:
    """None where this is no Linux, or /proc shows another pid namespace than ours."""
    host = socket.gethostname()
    try:
        if ":" in host or str(Path("/proc/self").readlink()) != str(pid):
            return None
        namespace = str(Path("/proc/self/ns/pid").readlink()).removeprefix("pid:[").rstrip("]")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except (OSError, ValueError):
        return None
    return _Space(host, namespace, boot) if namespace.isdigit() and boot else None


def _state(pid: int) -> _State | None:
    """None where it cannot be read: it has just ended, or it is hidden from us."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        return _State(fields[0], int(fields[17]), fields[19])
    except (OSError, ValueError, IndexError):
        return None
