"""What a process loads at its start: no SQLAlchemy, which takes longer than everything else that a command does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.shop import open_shop

ROOT = Path(__file__).parents[2]
#: For tables that are to be made, for people who want them as classes, and for those who ask for SQLAlchemy.
OF_SQLALCHEMY = ("tables", "delivery_tables", "process_tables", "record_tables", "scan_tables", "mirror_tables",
                 "mirror_upkeep", "table_fields", "types")  # fmt: skip
LOADED = "import sys; print(sorted({name.split('.')[0] for name in sys.modules} & {'sqlalchemy', 'sqlmodel'}))"


def loaded_after(code: str, *, folder: Path = ROOT) -> str:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{LOADED}"],
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PYTHONPATH": str(ROOT)},
        timeout=60,
        check=True,
    )
    return done.stdout.splitlines()[-1]


def test_the_files_of_storage_load_no_sqlalchemy_but_those_of_its_tables() -> None:
    names = {file.stem for file in (ROOT / "storage").glob("*.py")} - {"__init__", *OF_SQLALCHEMY}
    assert loaded_after("".join(f"import storage.{name}\n" for name in sorted(names))) == "[]"


@pytest.mark.parametrize(
    "words", [["status"], ["changes"], ["resources"], ["history", "things", "1"], ["deliveries"], ["points", "list"]]
)
def test_commands_that_look_load_none(tmp_path: Path, words: list[str]) -> None:
    open_shop(tmp_path).database.dispose()
    code = f"from worker.__main__ import main\nmain({words!r})"
    assert loaded_after(code, folder=tmp_path) == "[]"
