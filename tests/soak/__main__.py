"""`make soak`: all faults mixed on both databases; MINUTES on each, SEED to have a campaign again, ON for one database.

Ends with 0 where mirror = source, changes = truth and deliveries = owed; else the folder with all logs is kept.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import postgres
from tests.soak.campaign import campaign

#: Examples of each kind of list; twelve take some ten seconds.
SIMULATED_PER_MINUTE = 7
#: Seeds of strangers in the mirror, each on both databases with one and with two workers: some ten seconds.
STRANGERS_PER_MINUTE = 1


def main() -> int:
    minutes = float(os.environ.get("MINUTES") or 20)
    seed = int(os.environ.get("SEED") or secrets.randbelow(10**6))
    databases = (os.environ.get("ON") or "sqlite postgresql").split()
    print(f"soak: {minutes:g} minutes on each of {', '.join(databases)}; SEED={seed}", flush=True)
    before = [_simulate(minutes, seed), _meddle(minutes, seed)]
    return max([*before, *(_run(dialect, minutes=minutes, seed=seed) for dialect in databases)])


def _simulate(minutes: float, seed: int) -> int:
    """The walk through simulated lists of all kinds, without a server: about a tenth of the time of one database."""
    examples = max(12, round(minutes * SIMULATED_PER_MINUTE))
    print(f"simulated lists: {examples} of each kind", flush=True)
    return _test("unit/test_completeness.py", f"--hypothesis-seed={seed}", EXAMPLES=examples)


def _meddle(minutes: float, seed: int) -> int:
    """Strangers who write into the mirror between any two statements of scans, on both databases."""
    examples = max(2, round(minutes * STRANGERS_PER_MINUTE))
    print(f"strangers in the mirror: {examples} seeds", flush=True)
    return _test("integration/test_strangers_meanwhile.py", EXAMPLES=examples, SEED=seed)


def _test(file: str, *words: str, **environ: int) -> int:
    numbers = {name: str(number) for name, number in environ.items()}
    command = [sys.executable, "-m", "pytest", "-q", *words, f"tests/{file}"]
    return subprocess.run(command, env={**os.environ, **numbers}, check=False).returncode


def _run(dialect: str, *, minutes: float, seed: int) -> int:
    folder, began = Path(tempfile.mkdtemp(prefix="mirrorpoint-soak-")), time.monotonic()
    try:
        with _database(dialect, folder) as url, campaign(folder, database=url, seed=seed) as running:
            try:
                running.run(minutes * 60)
            finally:
                print(f"{dialect}, {(time.monotonic() - began) / 60:.1f} minutes in all", flush=True)
                print("\n".join(running.report.lines()), flush=True)
    except Exception as error:  # noqa: BLE001  # whatever it is: the seed and the folder must be told
        print(f"FAILED on {dialect}: {type(error).__name__}: {error}"[:4000], flush=True)
        print(f"again: make soak MINUTES={minutes:g} SEED={seed} ON={dialect}; logs and data: {folder}", flush=True)
        return 1
    print(f"{dialect}: mirror = source, changes = truth, deliveries = owed", flush=True)
    shutil.rmtree(folder)
    return 0


@contextmanager
def _database(dialect: str, folder: Path) -> Iterator[str]:
    if dialect == "sqlite":
        yield f"sqlite:///{folder / 'mirror.db'}"
        return
    with postgres.server(folder) as server:
        yield server.create().replace("postgresql:", "postgresql+psycopg:")


if __name__ == "__main__":
    sys.exit(main())
