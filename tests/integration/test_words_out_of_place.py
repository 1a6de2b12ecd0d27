"""What a person reads who put an option in the wrong place, misspelt it, or gave a number that is none."""

from __future__ import annotations

import json

import pytest

from tests import commands


def said(line: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines on standard error; such a command has written nothing else and ended with 2."""
    found = commands.run(capsys, line.split())
    assert (found.code, found.out) == (2, "")
    return found.err.splitlines()


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("status --config x.toml", "`--config` stands before the command: mirrorpoint --config x.toml status"),
        (
            "points list --config=x.toml",
            "`--config` stands before the command: mirrorpoint --config x.toml points list",
        ),
        ("status -c x.toml", "`-c` stands before the command: mirrorpoint -c x.toml status"),
        (
            "history things 1 --config x.toml",
            "`--config` stands before the command: mirrorpoint --config x.toml history",
        ),
        ("show things --config=x.toml", "`--config` stands before the command: mirrorpoint --config x.toml show"),
        ("status --version", "`--version` stands before the command: mirrorpoint --version"),
        ("--limit 5 changes", "`--limit` stands behind the command: mirrorpoint changes --limit 5"),
        ("--problems status", "`--problems` stands behind the command: mirrorpoint status --problems"),
        ("deliveries --point A retry", "`--point` stands behind the command: mirrorpoint deliveries retry --point A"),
        (
            "deliveries --state due retry",
            "`--state` stands behind the command: mirrorpoint deliveries retry --state due",
        ),
        ("points --source shop list", "`--source` stands behind the command: mirrorpoint points list --source shop"),
    ],
)
def test_an_option_in_the_wrong_place_is_told_the_right_one(
    line: str, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(line, capsys) == [f"error: {place}"]


def test_an_option_of_the_group_alone_is_refused_before_its_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert said("deliveries --newest show 5", capsys) == [
        "error: `mirrorpoint deliveries show` has no --newest",
        "  hint: `mirrorpoint deliveries show --help` shows what there is, with an example",
    ]


@pytest.mark.parametrize(
    ("line", "command"),
    [("--json status", "status"), ("--json", "status"), ("deliveries --json show 5", "deliveries show")],
)
def test_json_before_the_command_is_answered_in_json(
    line: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = commands.run(capsys, line.split())
    message = f"`--json` stands behind the command: mirrorpoint {command} --json"
    assert (found.code, json.loads(found.out)) == (2, {"error": {"code": "usage", "message": message, "hint": ""}})


@pytest.mark.parametrize("line", ["status --debug -x", "status -x --debug", "--debug status -x", "status -x"])
def test_an_unknown_option_has_no_traceback_even_with_debug(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(line, capsys) == [
        "error: No such option: -x",
        "  hint: `mirrorpoint status --help` shows what there is, with an example",
    ]


def test_a_misspelt_option_is_told_which_is_near(capsys: pytest.CaptureFixture[str]) -> None:
    assert said("status --jsn", capsys)[1].startswith("  hint: did you mean --json? `mirrorpoint status --help`")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("diff --from 1d --resource products", "RESOURCE is written without `--resource`: mirrorpoint diff products"),
        ("sync --resource=products", "RESOURCE is written without `--resource`: mirrorpoint sync products"),
        ("points test --code", "CODE is written without `--code`: mirrorpoint points test CODE"),
    ],
)
def test_an_argument_that_is_given_as_an_option_is_told_to_be_none(
    line: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(line, capsys) == [f"error: {message}"]


@pytest.mark.parametrize("line", ["changes --point A", "replay --since 1h"])
def test_an_option_that_is_like_no_other_is_told_no_other(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    command, option, _ = line.split()
    assert said(line, capsys) == [
        f"error: No such option: {option}",
        f"  hint: `mirrorpoint {command} --help` shows what there is, with an example",
    ]


@pytest.mark.parametrize(
    ("line", "message", "meant"),
    [
        ("changes things", '`mirrorpoint changes` does not take "things"', "did you mean --resource things? "),
        ("changes things/4", '`mirrorpoint changes` does not take "things/4"', "did you mean --record things/4? "),
        ("changes things 4", '`mirrorpoint changes` does not take "things 4"', ""),
        ("check things", '`mirrorpoint check` does not take "things"', ""),
    ],
)
def test_a_word_too_many_is_told_which_option_it_belongs_to(
    line: str, message: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = " ".join(["mirrorpoint", line.split(maxsplit=1)[0]])
    hint = f"{meant}`{command} --help` shows what there is, with an example"
    assert said(line, capsys) == [f"error: {message}", f"  hint: {hint}"]


def test_what_is_missing_is_shown_in_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    example = "for example `mirrorpoint export products --format csv --at 2026-11-03 --out november`"
    assert said("export", capsys) == [
        "error: Missing argument 'RESOURCE'",
        f"  hint: {example}; `mirrorpoint export --help` shows what there is",
    ]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("changes --limit x", '--limit "x" is not possible: it is a whole number from 1 on'),
        ("changes --limit 0", '--limit "0" is not possible: it is a whole number from 1 on'),
        ("changes --after -1", '--after "-1" is not possible: it is a whole number from 0 on'),
        ("worker --threads 99", '--threads "99" is not possible: it is a whole number from 1 to 64'),
        ("deliveries show 1.5", 'ID "1.5" is not possible: it is a whole number from 1 on'),
        ("deliveries show -1", 'ID "-1" is not possible: it is a whole number from 1 on'),
        ("deliveries retry 4 -15", 'ID "-15" is not possible: it is a whole number from 1 on'),
        ("prove -3", 'SEQ "-3" is not possible: it is a whole number from 1 on'),
        ("deliveries retry 4 x", 'ID "x" is not possible: it is a whole number from 1 on'),
        ("verify --live 5 --seed x", '--seed "x" is not possible: it is a whole number'),
    ],
)
def test_a_number_that_is_none_is_told_in_one_line_what_is_allowed(
    line: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(line, capsys) == [f"error: {sentence}"]


def test_a_record_in_place_of_a_changes_number_leads_to_its_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    assert said("prove products/42 --out folder", capsys) == [
        'error: SEQ "products/42" is not possible: it is a whole number from 1 on',
        "  hint: `mirrorpoint changes --record products/42` shows the numbers of its changes",
    ]
