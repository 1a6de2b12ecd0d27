"""`mirrorpoint models`: what it writes works by itself, is fine for type checkers, and says what the mirror says."""

from __future__ import annotations

import json
import keyword
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from changes.resources import ColumnType, Resource
from storage import mirror_tables
from storage.engine import Database
from storage.prepare import prepare
from tasks.services import Services
from tests import commands, mirrored_world
from worker.commands.models import model_text

#: Runs where nothing of ours can be imported; prints each table's rows as it has read them.
PROGRAM = """
import json, sys
from datetime import datetime, timedelta
sys.path.insert(0, sys.argv[1])
import models
from sqlmodel import Session, create_engine, select

found = {}
with Session(create_engine(sys.argv[2])) as session:
    for table, model in {model.__tablename__: model for model in models.Base.__subclasses__()}.items():
        rows = [row.model_dump() for row in session.exec(select(model))]
        for row in rows:
            for name, value in row.items():
                if isinstance(value, datetime):
                    assert value.utcoffset() == timedelta(0), name
                    row[name] = value.isoformat()
        found[table] = rows
print(json.dumps(found))
assert not {"storage", "changes", "worker", "mirrorpoint"} & set(sys.modules)
"""


#: One of each shape and of each type of column, with sealed values among them.
SCANNED = ("products", "product_currencies", "clients", "connections", "connection_providers", "menus")


@pytest.fixture
def told(tmp_path: Path, mirror_url: str, capsys: pytest.CaptureFixture[str]) -> Path:
    """The module, in a folder with nothing else in it."""
    config = mirrored_world.configure(tmp_path, database=mirror_url, sandbox="http://127.0.0.1:1")
    file = tmp_path / "alone" / "models.py"
    file.parent.mkdir()
    result = commands.Commands(config, capsys)("models", "--out", str(file))
    assert (0, "") == (result.code, result.err)
    assert f"wrote {file}" in result.out.replace("\n", "")
    return file


def test_a_program_without_any_of_ours_reads_what_the_mirror_holds(
    told: Path, services: Services, mirror_url: str
) -> None:
    for name in SCANNED:
        mirrored_world.scan(services, name)
    mirrored_world.scan(services, "integration_points", "platform")
    run = subprocess.run(
        [sys.executable, "-I", "-W", "error", "-c", _without_us(), str(told.parent), mirror_url],
        capture_output=True, text=True, check=False, cwd="/",
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    found: dict[str, list[dict[str, Any]]] = json.loads(run.stdout)

    total = 0
    with services.database.read() as session:
        for source in services.sources.values():
            for resource in source.catalogue.resources.values():
                expected = [row.model_dump(mode="json") for row in session.objects.exec(select(_model(resource)))]
                assert _comparable(expected) == _comparable(found[resource.name]), resource.name
                total += len(expected)
    assert total > 100
    changes = mirrored_world.log(services)
    documents = {row["seq"]: row["document"] for row in found["mirrorpoint_change"]}
    assert {row.seq: row.document for row in changes} == documents


def _model(resource: Resource) -> Any:
    return mirror_tables.model_for(resource)


def _without_us() -> str:
    """The editable install puts our folder on the path of every interpreter of this environment."""
    root = str(Path(__file__).parents[2])
    return f"import sys; sys.path[:] = [path for path in sys.path if path != {root!r}]\n{PROGRAM}"


def _comparable(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(_plain(row), sort_keys=True).replace("+00:00", "Z") for row in rows)


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value.replace(".000000", "") if isinstance(value, str) else value for name, value in row.items()}


@pytest.mark.parametrize("dialect", ["sqlite"])  # no database is asked
def test_what_is_written_is_the_same_each_time_and_clean(
    told: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = told.read_text("utf-8")
    again = commands.Commands(tmp_path / "mirrorpoint.toml", capsys)("models")

    assert text == again.out
    for check in (["mypy", "--strict"], ["ruff", "check", "--isolated"]):
        run = subprocess.run(
            [sys.executable, "-m", *check, told.name], capture_output=True, text=True, check=False, cwd=told.parent
        )
        assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_only_what_it_has_written_is_overwritten(
    told: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = commands.Commands(tmp_path / "mirrorpoint.toml", capsys)
    own = told.with_name("own.py")
    own.write_text("mine = 1\n")

    assert 0 == run("models", "--out", str(told), "--source", "platform").code
    assert "class IntegrationPoints(" in told.read_text()
    assert "class Products(" not in told.read_text()
    refused = run("models", "--out", str(own))
    assert 2 == refused.code
    assert "was not written by" in refused.err
    assert "mine = 1\n" == own.read_text()
    nowhere = run("models", "--out", str(tmp_path / "no" / "folder.py"))
    assert 2 == nowhere.code
    assert "cannot be written" in nowhere.err
    assert 2 == run("models", "--source", "platfrom").code


def test_names_that_mean_something_to_python_are_given_others(database: Database, tmp_path: Path) -> None:
    members = [
        "class",
        "str",
        "datetime",
        "Any",
        "metadata",
        "model_config",
        "registry",
        "copy",
        "json",
        "_id",
        "import",
    ]
    odd = Resource(
        name="change", title='A "quoted" \\ title."""', path="/odd\\", columns=dict.fromkeys(members, ColumnType.TEXT)
    )
    others = [Resource(name=name, title=name, path=f"/{name}") for name in ("base", "sql_model", "any", "a_b", "a_b_")]
    prepare(database, {"s": [odd, *others]})
    text = model_text.module([odd, *others], version="1")
    namespace: dict[str, Any] = {"__name__": "written"}

    with pytest.MonkeyPatch.context() as patch:
        (tmp_path / "written.py").write_text(text)
        patch.syspath_prepend(str(tmp_path))
        import written  # type: ignore[import-not-found]

        namespace = vars(written)
    classes = model_text.class_names(["change", *(each.name for each in others)])

    assert len(set(classes.values())) == len(classes)
    assert not any(keyword.iskeyword(name) for name in classes.values())
    with database.read() as session:
        for name in classes.values():
            assert [] == session.objects.exec(select(namespace[name])).all()
    assert set(odd.column_names().values()) <= set(namespace[classes["change"]].__table__.columns.keys())
