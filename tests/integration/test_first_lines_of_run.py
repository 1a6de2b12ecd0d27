"""What `run` says once it is up: here, to whom it sends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from changes import sealing
from tests.commands import Commands
from tests.integration import test_commands_plan as plans
from worker import banner, settings

CONFIGURATION = """
[sources.shop]
catalogue = "foreign.toml"
base_url = "http://127.0.0.1:9"
auth = { method = "none" }

[[points]]
code = "AUDIT"
url = "https://192.0.2.1/audit"

[[points]]
code = "READER"
token_local = "0123456789abcdef0123456789abcdef"

[[points]]
code = "SPARE"
url = "https://192.0.2.1/spare"

[delivery]
allow_networks = ["192.0.2.0/24"]
"""
CATALOGUE = """
[resources.things]
path = "/things"
"""
ROUTED = 'points = ["AUDIT", "READER", "MINE*"]'


class First:
    """The first lines, as people and as programs get them."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self._capsys = folder, capsys
        self.told: dict[str, Any] = {}
        monkeypatch.setattr(banner.log, "info", lambda _, **data: self.told.update(data))
        (folder / "foreign.toml").write_text(CATALOGUE)
        (folder / "mirrorpoint.key").write_text(sealing.new_key())
        self.commands = Commands(folder / "mirrorpoint.toml", capsys)

    def configure(self, *, routed: str) -> None:
        routes = f"\n[[routes]]\n{routed}\n" if routed else ""
        (self.folder / "mirrorpoint.toml").write_text(CONFIGURATION + routes)
        assert self.commands("deliver").code == 0  # like every start it writes the points

    def sends_to(self) -> tuple[str, int | None]:
        read = settings.load(str(self.folder / "mirrorpoint.toml"), environ={})
        self._capsys.readouterr()
        for is_json in (True, False):
            banner.show(read, page=None, is_json=is_json, now=plans.NOW)
        (line,) = (each for each in self._capsys.readouterr().err.splitlines() if "sends to" in each)
        return line.removeprefix("  sends to").strip(), self.told["points"]


@pytest.fixture
def first(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> First:
    return First(tmp_path, capsys, monkeypatch)


def test_points_that_were_added_by_a_command_are_counted_with_those_of_the_configuration(first: First) -> None:
    first.configure(routed=ROUTED)
    assert first.sends_to() == ("AUDIT", 1)
    for number in range(3):
        assert first.commands("points", "add", f"MINE{number}", "--url", "https://192.0.2.1/mine").code == 0
    assert first.sends_to() == ("AUDIT, MINE0, MINE1, MINE2", 4)
    for number in range(3, 6):
        assert first.commands("points", "add", f"MINE{number}", "--url", "https://192.0.2.1/mine").code == 0
    assert first.sends_to() == ("AUDIT, MINE0, MINE1, MINE2, MINE3 and 2 more", 7)


def test_points_that_no_route_leads_to_are_not_counted(first: First) -> None:
    first.configure(routed="")
    assert first.sends_to() == ("nobody: there is no route; changes are kept", 0)
    first.configure(routed='points = ["CRM"]')
    assert first.sends_to() == ("nobody: no route leads to a point that is known yet; changes are kept", 0)


def test_nothing_is_claimed_of_points_while_the_database_cannot_be_read(first: First) -> None:
    first.configure(routed=ROUTED)
    (first.folder / "mirrorpoint.db").unlink()
    assert first.sends_to() == ("not known", None)
