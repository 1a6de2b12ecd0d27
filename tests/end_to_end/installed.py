"""Mirrorpoint as people install it: the built wheel and the runtime lock in an environment of their own, nothing else.

The wheels of the lock are kept in the environment that the tests run in: the network is needed for each lock once.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

from tests.end_to_end.stage import ROOT, Stage

LOCK = ROOT / "requirements.lock"
#: What would lead to other places than the new environment.
_FOREIGN = ("MIRRORPOINT_", "PYTHON", "VIRTUAL_ENV")


class InstalledStage(Stage):
    """Starts the installed commands, in a folder with no source of ours in it or above it."""

    def __init__(self, folder: Path, home: Path) -> None:
        super().__init__(folder)
        self.python = home / "bin" / "python"
        self.program = [str(home / "bin" / "mirrorpoint")]
        self.sandbox = [*self.program, "sandbox"]

    def environment(self) -> dict[str, str]:
        return without_ours()


def without_ours() -> dict[str, str]:
    """The shell's variables without what belongs to the tests."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}


def environment(shared: Path) -> Path:
    """The new environment, made by the first test that wants it; `shared` is a folder of all processes of one run."""
    home = shared / "installed"
    with (shared / "installed.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "complete").exists():
            _build(shared / "wheel", home)
            (home / "complete").touch()
    return home


def _build(wheel: Path, home: Path) -> None:
    _python("-m", "hatchling", "build", "-t", "wheel", "-d", str(wheel))
    # Without pip, and so without what comes with it, nothing is there but what is asked for.
    _python("-m", "venv", "--without-pip", str(home))
    into = ["--python", str(home / "bin" / "python"), "install", "--no-compile", "--no-index"]
    _pip(*into, "--find-links", str(_wheels()), "--require-hashes", "--requirement", str(LOCK))
    _pip(*into, *map(str, wheel.glob("*.whl")))  # refused where it asks for more than the lock has


def _wheels() -> Path:
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    kept = Path(sys.prefix) / f"wheels-{digest}"
    if not (kept / "complete").exists():
        _pip("download", "--only-binary", ":all:", "--require-hashes", "--requirement", str(LOCK), "--dest", str(kept))
        (kept / "complete").touch()
    return kept


def _pip(*words: str) -> None:
    _python("-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input", *words)


def _python(*words: str) -> None:
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, env=without_ours())
    assert done.returncode == 0, done.stdout + done.stderr
