"""The private broker of `mirrorpoint run`: a Redis-like server on a unix socket that ends with its parent.

Started and kept alive by the supervisor, and by tests and the demo. `run` starts it at its `place`; `worker`, `clock`
and `status` look where it was `found`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO
from urllib.parse import quote

from tasks.log_lines import Logger
from worker.broker_server import NoServer, binary
from worker.problems import UsageError

log = Logger("mirrorpoint.broker")

#: The kernel's limit for the path of a unix socket is 108 bytes on Linux, 104 on macOS.
_LONGEST_SOCKET_PATH = 100
#: Runs in the child before it becomes the server: the kernel is to end it with its parent, even when that is killed
#: with -9 (Linux; elsewhere the next start ends it). Not `preexec_fn`, which may deadlock in a process with threads.
_TIED_TO_PARENT = """
import os, sys
parent = int(sys.argv[1])
if sys.platform == "linux":
    import ctypes, signal
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
if os.getppid() != parent:
    sys.exit(0)
os.execv(sys.argv[2], sys.argv[2:])
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one private broker lives: its data in `folder`, its socket there too where the path is short enough."""

    folder: Path
    socket: Path

    @property
    def url(self) -> str:
        """As Celery wants it."""
        return "redis+socket://" + quote(str(self.socket))

    @property
    def record(self) -> Path:
        """The file that says where the socket of the last start is."""
        return self.folder / "broker.socket"


def place(folder: Path) -> Place:
    """Where a start in this state folder puts it."""
    path = folder / "run" / "broker.sock"
    return Place(folder, path if _is_short(path) else _temporary(folder))


def found(folder: Path) -> Place:
    """Where the last start has put it, whatever the temporary folder of this process is."""
    usual = place(folder)
    try:
        return Place(folder, Path(usual.record.read_text("utf-8").strip() or usual.socket))
    except OSError:
        return usual


def answers(where: Place, *, timeout_seconds: float = 1.0) -> bool:
    """Whether a server answers there and has its data loaded."""
    return (_say(where, b"PING\r\n", timeout_seconds) or b"").startswith(b"+PONG")


def is_cut_off(where: Place) -> bool:
    """Whether nobody can reach it: its socket is gone, or nobody listens there. One that is only slow is not."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(1.0)
        try:
            line.connect(str(where.socket))
        except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
            return True
        except OSError:
            return False
    return False


class Broker:
    """The server as a child. Start it from the main thread: Linux ends it with the *thread* that started it."""

    def __init__(self, where: Place) -> None:
        self.place = where
        self.process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None

    def __enter__(self) -> Broker:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, *, timeout_seconds: float = 15.0) -> None:
        """Return when it answers; UsageError where another `run` has it, NoServer with the server's own words."""
        self._take_lock()
        try:
            self._end_leftover(found(self.place.folder))
            try:
                self._start_at_place(timeout_seconds)
            except NoServer as error:
                if self.place.socket.parent != self.place.folder / "run" or "socket" not in error.message.lower():
                    raise
                self.place = Place(self.place.folder, _temporary(self.place.folder))
                log.warning("broker_socket_elsewhere", reason=error.message, socket=str(self.place.socket))
                self._start_at_place(timeout_seconds)
        except BaseException:
            self.stop()
            raise

    def _start_at_place(self, timeout_seconds: float) -> None:
        _private(self.place.socket.parent)
        self._end_leftover(self.place)
        self.place.record.write_text(f"{self.place.socket}\n", "utf-8")
        try:
            self._spawn(timeout_seconds)
        except NoServer as error:
            if "socket" in error.message.lower():
                raise
            # Most likely data that a newer or another server wrote. It holds wake-ups only; the database has the
            # work, and housekeeping sends them again.
            log.warning("broker_data_dropped", reason=error.message)
            shutil.rmtree(self._data, ignore_errors=True)
            self._spawn(timeout_seconds)

    def stop(self, *, timeout_seconds: float = 10.0) -> None:
        """End it; what is queued is kept for the next start."""
        process, self.process = self.process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(timeout_seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            self.place.socket.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # something that is not ours is in it
                self.place.socket.parent.rmdir()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    @property
    def _data(self) -> Path:
        return self.place.folder / "broker"

    def _take_lock(self) -> None:
        """Held as long as this process lives, whatever ends it."""
        import fcntl

        if self._lock is not None:
            return
        try:
            self.place.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"the state folder {self.place.folder} cannot be made: {error.strerror}",
                "name one that may be written: [storage] state_folder, or the variable STATE_DIRECTORY",
            ) from None
        lock = (self.place.folder / "run.lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            lock.close()
            raise UsageError(
                f"`mirrorpoint run` is already running here (process {holder})",
                "stop it first, or start more workers with `mirrorpoint worker`",
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        self._lock = lock

    def _end_leftover(self, where: Place) -> None:
        """We hold the lock, so a server that still answers has lost its parent: killed just now, or not on Linux."""
        deadline = time.monotonic() + 10
        while _say(where, b"SHUTDOWN\r\n", 5.0) is not None:
            if time.monotonic() > deadline:
                raise NoServer(f"the server at {where.socket} does not end", "end that process by hand")
            time.sleep(0.05)
        where.socket.unlink(missing_ok=True)

    def _spawn(self, timeout_seconds: float) -> None:
        self._data.mkdir(mode=0o700, parents=True, exist_ok=True)
        log_file = self.place.folder / "broker.log"
        options = {
            "port": "0",  # no TCP: nobody but this user reaches it
            "unixsocket": str(self.place.socket),
            "unixsocketperm": "700",
            "dir": str(self._data),
            "appendonly": "yes",  # what is queued survives a crash, but for the last second
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
            "databases": "1",
            "hz": "2",  # it looks round so often a second, also when nobody asks for anything; ten times otherwise
            "loglevel": "warning",
            "daemonize": "no",
        }
        command = [str(binary())]
        for name, value in options.items():
            command += [f"--{name}", value]
        tied = [sys.executable, "-I", "-S", "-c", _TIED_TO_PARENT, str(os.getpid()), *command]
        with log_file.open("wb") as output:
            self.process = subprocess.Popen(
                tied, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=self._data, start_new_session=True
            )
        deadline = time.monotonic() + timeout_seconds
        while not answers(self.place):
            ended = self.process.poll()
            if ended is not None or time.monotonic() > deadline:
                if ended is None:
                    self.process.kill()
                    self.process.wait()
                self.process = None
                words = log_file.read_text("utf-8", "replace").strip().splitlines()
                raise NoServer(
                    f"the embedded broker does not start: {words[-1] if words else 'no word from it'}",
                    'set [broker] url = "redis://…" to use a server of your own',
                )
            time.sleep(0.01)


def _is_short(path: Path) -> bool:
    return len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH


def _temporary(folder: Path) -> Path:
    """Its socket under the temporary folder: the folder's path is long, or its file system has no sockets."""
    name = f"mirrorpoint-{os.getuid()}-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]}"
    path = Path(tempfile.gettempdir()) / name / "broker.sock"
    return path if _is_short(path) else Path("/tmp") / name / "broker.sock"  # noqa: S108  # see _private


def _private(folder: Path) -> None:
    """The socket's folder: ours, and closed to everyone else, since the server asks for no password."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    state = folder.lstat()
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.getuid() or state.st_mode & 0o077:
        raise NoServer(
            f"the folder of the socket, {folder}, is not yours alone", "remove it, or set TMPDIR to another place"
        )


def _say(where: Place, words: bytes, timeout_seconds: float) -> bytes | None:
    """One command, one answer, None where nobody listens; the protocol's plain form needs no client library."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(timeout_seconds)
        try:
            line.connect(str(where.socket))
        except TimeoutError:
            return b""
        except OSError:
            return None
        try:
            line.sendall(words)
            return line.recv(256)
        except OSError:
            return b""
