"""What the files of storage load: a command waits for it each time it is called."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: The tables as classes, for people, migrations and tests.
CLASSES = {
    *("tables", "scan_tables", "delivery_tables", "process_tables", "record_tables", "mirror_tables"),
    *("table_fields", "types"),
}
#: Their statements are still SQLAlchemy's.
STILL = {
    *("actions", "backoff", "budgets", "cadence", "deliveries", "deliveries_again", "erasures", "feed", "former"),
    *("guards", "head_scans", "history", "holders", "kept", "log_order", "moments", "notices", "outbox", "outbox_sql"),
    *("outdated", "point_backoff", "point_codes", "point_health", "point_pauses", "point_rates", "point_records"),
    *("point_tokens", "points", "reach", "readers", "receipts", "recent_scans", "replays", "reports", "retention"),
    *("scan_costs", "scans", "scans_sql", "seen_ids", "summary", "suspects", "tally", "told", "touched", "versions"),
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
    assert importing - STILL == set()
