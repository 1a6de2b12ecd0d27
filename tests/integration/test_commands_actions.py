"""What `actions` says of what people did, and what it leaves out."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage import actions
from tests.commands import Commands
from tests.shop import HOUR, NOON, open_shop


@pytest.fixture
def commands(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    """Of a mirror in which ada acted four times, an hour apart, and Mirrorpoint twice."""
    monkeypatch.setattr("worker.commands.times.now", lambda: NOON + 10 * HOUR)
    deeds = (
        ("rule", "shop:things", actions.BY_ITSELF),
        ("rule", "shop:parts", actions.BY_ITSELF),
        ("points add", "AUDIT", "command"),
        ("points edit", "AUDIT", "command"),
        ("erase", "things/1", "command"),
        ("rebase", "shop:things, shop:parts", "command"),
    )
    with open_shop(tmp_path).database.write() as session:
        for number, (what, target, how) in enumerate(deeds):
            at = NOON + number * HOUR
            arguments = {"rule": "x" * 600} if what == "rule" else {}
            given = {"who": "ada", "how": how, "what": what, "target": target, "arguments": arguments}
            actions.conclude(session, actions.intend(session, **given, now=at), outcome="done", now=at)
    return Commands(tmp_path / "mirrorpoint.toml", capsys)


def test_what_mirrorpoint_did_by_itself_is_left_out_and_counted_and_all_shows_it(commands: Commands) -> None:
    result = commands("actions", "--json")
    assert [row["what"] for row in result.lines] == ["points add", "points edit", "erase", "rebase"]
    assert "2 that Mirrorpoint did by itself are left out: --all shows them" in result.err
    result = commands("actions", "--json", "--all")
    assert [row["what"] for row in result.lines][:3] == ["rule", "rule", "points add"]
    assert "left out" not in result.err


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (("--what", "points*"), ["points add", "points edit"]),
        (("--what", "points"), []),
        (("--target", "things/*"), ["erase"]),
        (("--target", "shop:parts"), ["rebase"]),
        (("--target", "shop:parts", "--all"), ["rule", "rebase"]),
        (("--since", "2026-11-22T16:00:00Z"), ["erase", "rebase"]),
        (("--limit", "1"), ["rebase"]),
        (("--what", "rule", "--all", "--limit", "1"), ["rule"]),
    ],
)
def test_actions_are_chosen_by_name_target_time_and_number(
    commands: Commands, given: tuple[str, ...], found: list[str]
) -> None:
    assert [row["what"] for row in commands("actions", "--json", *given).lines] == found


def test_what_was_left_out_is_counted_among_what_was_asked_for(commands: Commands) -> None:
    assert (
        "1 that Mirrorpoint did by itself is left out: --all shows it" in commands("actions", "--target", "*parts").err
    )
    assert "left out" not in commands("actions", "--what", "erase").err


def test_what_an_action_was_given_is_shown_in_part_without_a_terminal_too_and_whole_in_json(commands: Commands) -> None:
    lines = commands("actions", "--all").out.splitlines()
    assert max(map(len, lines)) < 250
    assert any('{"rule": "' + "x" * 89 + "…" in line for line in lines)
    assert commands("actions", "--all", "--json").lines[0]["arguments"] == {"rule": "x" * 600}
