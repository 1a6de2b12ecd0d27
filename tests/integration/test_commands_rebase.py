"""`rebase` and `retire`, and what `check`, `status` and `history` say of rows that no catalogue has any more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration import shop as shops
from tests.integration.scripted_server import json_reply
from tests.integration.shop import Shop
from worker.__main__ import main

KEYED = '[resources.things]\npath = "/things"\nkey = "{key}"\n'


class Console:
    """Commands of one installation."""

    def __init__(self, file: Path, output: pytest.CaptureFixture[str]) -> None:
        self.file = file
        self._output = output

    def catalogue(self, text: str) -> None:
        (self.file.parent / "shop.toml").write_text(text)

    def run(self, *words: str) -> tuple[int, str]:
        """Exit code, and all that was said."""
        code = main(["--config", str(self.file), *words])
        said = self._output.readouterr()
        return code, said.out + said.err

    def json(self, *words: str) -> Any:
        main(["--config", str(self.file), *words, "--json"])
        return json.loads(self._output.readouterr().out)

    def log(self) -> list[tuple[str, str, str]]:
        main(["--config", str(self.file), "changes", "--all", "--json"])
        lines = [json.loads(line) for line in self._output.readouterr().out.splitlines()]
        return [(line["resource"], line["kind"], line["key"]) for line in lines]


@pytest.fixture
def console(shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Console:
    shop.lists("things", *[json.dumps({"id": n, "code": f"c{n}", "self": f"https://p{n}.example/"}) for n in range(3)])
    file = shops.configure(tmp_path, database=f"sqlite:///{tmp_path / 'm.db'}", url=shop.server.url)
    found = Console(file, capsys)
    found.catalogue(KEYED.format(key="id"))
    assert found.run("sync")[0] == 0
    return found


def test_a_changed_key_is_told_by_check_sync_and_status_and_a_new_base_line_is_a_person_s_word(
    console: Console,
) -> None:
    console.catalogue(KEYED.format(key="code"))
    code, said = console.run("check")
    assert (code, 'its key is "code" now' in said, "mirrorpoint rebase shop:things" in said) == (3, True, True)
    code, said = console.run("sync")
    assert (code, "mirrorpoint rebase shop:things" in said) == (3, True)
    (problem,) = [each for each in console.json("status")["summary"]["problems"] if each["code"] == "held"]
    assert problem["where"] == "shop:things"

    assert console.run("rebase", "things")[0] == 2  # nobody to be asked
    assert console.run("rebase", "things", "--same", "--yes")[0] == 2  # with another key they cannot be
    code, _ = console.run("rebase", "things", "--yes")
    assert code == 0
    kinds = [(kind, key) for _, kind, key in console.log()]
    assert kinds[3:] == [*(("deleted", f"{n}") for n in range(3)), *(("snapshot", f"c{n}") for n in range(3))]
    assert console.run("check")[0] == 0


def test_before_the_first_complete_scan_check_finds_nothing_in_a_changed_key(console: Console, shop: Shop) -> None:
    items = KEYED.format(key="id").replace("things]", "goods]")
    shop.server.on("GET", "/things", json_reply({"total": 9, "data": [{"id": 1, "code": "c"}]}))
    console.catalogue(items)
    assert console.run("sync")[0] == 3  # drifted: eight more are counted
    console.catalogue(items.replace('key = "id"', 'key = "code"'))
    assert "held" not in console.run("check")[1]
    assert "its key is" not in console.run("sync")[1]


def test_a_pattern_means_all_that_has_changed_and_nothing_else(console: Console) -> None:
    both = KEYED.format(key="id") + KEYED.format(key="id").replace("things]", "goods]")
    console.catalogue(both)
    assert console.run("sync")[0] == 0
    assert "nothing of" in console.run("rebase", "shop:*", "--yes")[1]
    console.catalogue(both.replace('key = "id"', 'key = "code"', 1))
    code, said = console.run("rebase", "shop:*", "--yes")
    assert (code, "goods" in said) == (0, False)
    assert [each[1:] for each in console.log() if each[0] == "goods"] == [("snapshot", f"{n}") for n in range(3)]
    assert console.run("check")[0] == 0


def test_what_is_not_configured_any_more_is_shown_retired_and_keeps_its_history(console: Console) -> None:
    console.catalogue(KEYED.format(key="id").replace("things]", "goods]"))
    assert console.run("sync")[0] == 0
    left = [{"source": "shop", "resource": "things", "rows": 3}]
    assert console.json("status")["not_configured"] == left
    assert console.json("retire") == {"not_configured": left}
    assert "`mirrorpoint retire shop things`" in console.run("check")[1]

    assert console.run("retire", "shop", "goods", "--yes")[0] == 2  # it is mirrored
    assert console.run("retire", "shop", "things")[0] == 2  # nobody to be asked
    assert console.run("retire", "shop", "--yes")[0] == 0
    assert console.json("status")["not_configured"] == []
    assert console.json("retire") == {"not_configured": []}
    assert [each[1:] for each in console.log() if each[0] == "things"][3:] == [("deleted", f"{n}") for n in range(3)]
    assert "deleted" in console.run("history", "things", "1")[1]
    assert '"c1"' in console.run("show", "things", "1")[1]
    lines = console.run("changes", "--resource", "things")[1].splitlines()
    assert sum("deleted" in line and line.endswith("  (retired)") for line in lines) == 3

    console.catalogue(KEYED.format(key="id"))  # and back: a new beginning that nobody is told of
    assert console.run("sync")[0] == 0
    assert [each[1:] for each in console.log()][-3:] == [("snapshot", f"{n}") for n in range(3)]


def test_a_source_that_is_gone_is_retired_with_its_points(console: Console) -> None:
    mapping = 'points = { code = "code", type = "type", url = "self", token = "token" }\n'
    console.catalogue(KEYED.format(key="id") + mapping)
    assert console.run("sync")[0] == 0
    console.file.write_text(console.file.read_text().replace("sources.shop", "sources.store"))
    assert console.json("status")["not_configured"] == [{"source": "shop", "resource": "things", "rows": 3}]
    assert "snapshot" in console.run("history", "shop:things", "1")[1]
    assert [point["code"] for point in console.json("status")["points"]] == ["c0", "c1", "c2"]
    assert console.run("retire", "shop", "--yes")[0] == 0
    assert console.json("status")["points"] == []
