"""Which folder a daemon keeps its private broker in."""

from __future__ import annotations

from pathlib import Path

import pytest

from worker import settings, state_folder

POSTGRESQL = "postgresql+psycopg://u@h/d"


def chosen(folder: Path, *, url: str = POSTGRESQL, named: str = "", **environ: str) -> Path:
    text = f'[storage]\nurl = "{url}"\n' + (f'state_folder = "{named}"\n' if named else "")
    read = settings.parse(text, file=folder / "mirrorpoint.toml", environ={})
    return state_folder.of(read, environ=environ)


def test_the_setting_goes_before_all_and_is_relative_to_the_configuration(tmp_path: Path) -> None:
    assert chosen(tmp_path, named="state", STATE_DIRECTORY="/var/lib/a") == tmp_path / "state"
    assert chosen(tmp_path, named="/srv/state", url="sqlite:///m.db") == Path("/srv/state")


def test_beside_an_sqlite_file_everybody_finds_it(tmp_path: Path) -> None:
    assert chosen(tmp_path, url="sqlite:///a/m.db", STATE_DIRECTORY="/v") == tmp_path / "a" / ".mirrorpoint" / "m.db"


def test_systemds_folder_is_the_first_of_its_list(tmp_path: Path) -> None:
    assert chosen(tmp_path, STATE_DIRECTORY="/var/lib/a:/var/lib/b") == Path("/var/lib/a")


def test_else_it_is_beside_the_configuration(tmp_path: Path) -> None:
    assert chosen(tmp_path) == tmp_path / ".mirrorpoint" / "mirrorpoint.toml"


@pytest.mark.parametrize("home", ["XDG_STATE_HOME", "HOME"])
def test_where_that_may_not_be_written_it_is_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    environ = {"XDG_STATE_HOME": str(tmp_path / "xdg")} if home == "XDG_STATE_HOME" else {"XDG_STATE_HOME": "relative"}
    expected = tmp_path / "xdg" if home == "XDG_STATE_HOME" else tmp_path / "home/.local/state"
    found = chosen(tmp_path, **environ)
    assert found.parent == expected / "mirrorpoint"
    assert found != chosen(tmp_path / "other", **environ)
