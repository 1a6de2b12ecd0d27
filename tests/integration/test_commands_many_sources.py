"""Commands where there are many sources: as many statements as with one, and what sources say alike is held once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from changes.sealing import new_key
from storage.engine import Database
from tasks.cadence import planning
from tests.commands import Commands
from worker import bootstrap, rhythms, settings

LISTS = 20
SOURCE = """
[sources.office_{number}]
catalogue = "office.toml"
base_url = "http://127.0.0.1:9"
"""


class Offices:
    """So many sources of one catalogue, all planned."""

    def __init__(self, folder: Path, database_url: str, number: int) -> None:
        self.file = folder / "mirrorpoint.toml"
        text = "".join(SOURCE.format(number=each) for each in range(number))
        self.file.write_text(f'[storage]\nurl = "{database_url}"\n{text}')
        lists = (f'[resources.list_{each}]\npath = "/{each}"\n' for each in range(LISTS))
        (folder / "office.toml").write_text("".join(lists))
        if not (folder / "mirrorpoint.key").exists():
            (folder / "mirrorpoint.key").write_text(new_key())
        services = bootstrap.build(settings.load(str(self.file)))
        planning.plan_if_due(services, pace_of=rhythms.pace_of, is_start=True)
        services.database.dispose()


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Those of whatever the commands open."""
    found: list[str] = []

    def opened(*arguments: Any, **options: Any) -> Database:
        made = Database(*arguments, **options)
        made.watchers.append(lambda text, _: found.append(text))
        return made

    monkeypatch.setattr(bootstrap, "Database", opened)
    return found


@pytest.mark.parametrize("command", ["status --json", "status --check", "resources --json"])
def test_a_command_that_tells_of_all_lists_takes_as_many_statements_for_many_sources_as_for_one(
    empty_url: str, tmp_path: Path, statements: list[str], capsys: pytest.CaptureFixture[str], command: str
) -> None:
    taken = []
    for number in (1, 25):
        offices = Offices(tmp_path, empty_url, number)
        statements.clear()
        assert Commands(offices.file, capsys)(*command.split()).code in (0, 3)
        taken.append(list(statements))
    assert len(taken[1]) == len(taken[0]) <= 40, taken[1]


def test_status_tells_each_list_of_each_source_with_its_plan(
    empty_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = Commands(Offices(tmp_path, empty_url, 3).file, capsys)("status", "--json").json
    assert [(row["source"], row["resource"]) for row in told["resources"]] == [
        (f"office_{number}", f"list_{each}") for number in range(3) for each in range(LISTS)
    ]
    assert all(row["interval_seconds"] for row in told["resources"])


def test_sources_that_name_one_file_share_what_it_says_unless_they_ask_for_other_pages(tmp_path: Path) -> None:
    (tmp_path / "office.toml").write_text('[resources.lists]\npath = "/"\npage_size = 50\n')
    limits = ("", "limits = { page_size = 10 }\n", "limits = { page_size = 10 }\n", "limits = { concurrency = 2 }\n")
    text = "".join(SOURCE.format(number=number) + each for number, each in enumerate(limits))
    found = list(
        bootstrap.load_catalogues(settings.parse(text, file=tmp_path / "mirrorpoint.toml", environ={})).values()
    )
    assert [each.resources["lists"].page_size for each in found] == [50, 10, 10, 50]
    assert found[0] is found[3]
    assert found[1] is found[2]
