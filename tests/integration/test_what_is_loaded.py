"""What commands load, and the files of storage: a person waits for it each time."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import commands
from tests.integration import shop as shops
from tests.integration.scripted_server import ScriptedServer, json_reply

ROOT = Path(__file__).resolve().parents[2]
#: The tables as classes, for people, migrations and tests.
CLASSES = {
    *("tables", "scan_tables", "delivery_tables", "process_tables", "record_tables", "mirror_tables"),
    *("table_fields", "types"),
}
#: Imports each file where SQLAlchemy is not to be had; says of each that fails which files were being imported then.
SCRIPT = """
import importlib, json, sys, traceback
sys.modules["sqlalchemy"] = sys.modules["sqlmodel"] = None
failed = {}
for name in sys.argv[1:]:
    try:
        importlib.import_module(f"storage.{name}")
    except ImportError as error:
        failed[name] = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
print(json.dumps(failed))
"""


def test_files_of_storage_but_those_of_the_table_classes_import_no_sqlalchemy() -> None:
    names = {file.stem for file in (ROOT / "storage").glob("*.py")} - CLASSES
    command = [sys.executable, "-c", SCRIPT, *sorted(names)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    importing = set()
    for files in json.loads(done.stdout).values():
        rooms = [Path(file).stem for file in files if Path(file).parent == ROOT / "storage"]
        importing.add([name for name in rooms if name not in CLASSES][-1])
    assert importing == set()


@pytest.fixture
def config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Path]:
    """A mirror of a list of one record, which has been scanned once."""
    with ScriptedServer() as server:
        server.on("GET", "/things", json_reply([{"id": 1}]))
        database = f"sqlite:///{tmp_path / 'mirror.db'}"
        file = shops.configure(
            tmp_path, database=database, url=server.url, catalogue='[resources.things]\npath = "/things"\n'
        )
        assert commands.run(capsys, ["--config", str(file), "sync"]).code == 0
        yield file


def _loaded(config: Path, command: str) -> set[str]:
    code = (
        "import sys; from worker.__main__ import main; code = main(sys.argv[1:])\n"
        "found = {name.split('.')[0] for name, module in sys.modules.items() if module}\n"
        "print(*found, file=sys.stderr); sys.exit(code)"
    )
    words = [sys.executable, "-c", code, "--config", str(config), *command.split()]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize(
    ("command", "needless"),
    [
        ("status", {"alembic", "apscheduler", "celery", "cryptography", "httpx", "redis", "rich", "structlog"}),
        ("changes --all", {"alembic", "apscheduler", "celery", "cryptography", "httpx", "redis", "rich", "structlog"}),
        ("sync", {"alembic", "apscheduler", "celery", "click", "httpcore", "redis", "rich", "structlog"}),
    ],
)
def test_a_command_loads_no_library_that_it_does_not_need(config: Path, command: str, needless: set[str]) -> None:
    assert _loaded(config, command) & needless == set()


@pytest.mark.parametrize(
    "command",
    ["status", "changes --all", "sync", "check", "resources", "history things 1", "deliveries", "points list"],
)
def test_a_command_that_finds_all_tables_there_loads_no_sqlalchemy(config: Path, command: str) -> None:
    assert _loaded(config, command) & {"sqlalchemy", "sqlmodel"} == set()
