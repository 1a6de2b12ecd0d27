"""What is read of a source's budget and schedules, and what is told of those that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from changes.resources import Class
from worker import settings
from worker.problems import SettingsError

FILE = Path("/etc/mirrorpoint/mirrorpoint.toml")
TEXT = """
[sources.shop]
catalogue = "backoffice"
base_url = "https://host.name"
limits = { requests_per_second = 10 }
"""


def source(more: str = "", **environ: str) -> settings.Source:
    return settings.parse(TEXT + more, file=FILE, environ=environ).sources["shop"]


def refused(more: str, **environ: str) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        source(more, **environ)
    return caught.value


def test_half_of_the_limits_is_planned_with_where_nothing_is_said() -> None:
    budget = source().plan_budget
    assert budget.requests_per_hour == 18_000
    assert budget.promise_seconds == {Class.SET_UP: 300, Class.TRAFFIC: 14_400}


def test_a_promise_that_is_not_named_keeps_its_default() -> None:
    budget = source('budget = { share = 1, promise = { traffic = "1h" } }').plan_budget
    assert budget.requests_per_hour == 36_000
    assert budget.promise_seconds == {Class.SET_UP: 300, Class.TRAFFIC: 3_600}


@pytest.mark.parametrize("written", ["", 'budget = { promise = { set-up = "1m" } }'])
def test_a_variable_names_a_promise_with_an_underscore(written: str) -> None:
    told = source(written, MIRRORPOINT_SOURCES__SHOP__BUDGET__PROMISE__SET_UP="10m").plan_budget
    assert told.promise_seconds[Class.SET_UP] == 600


@pytest.mark.parametrize(
    ("budget", "field", "problem", "hint"),
    [
        ("share = 0", "share", "must be more than 0.0", ""),
        ("share = 1.5", "share", "must be at most 1.0", ""),
        ('share = "half"', "share", "a number is expected, not a text", "write it without quotes"),
        ("shar = 0.5", "shar", "this key is not known", 'did you mean "share"?'),
        ('promise = { setup = "5m" }', "promise.setup", '"setup" is not one of its values', 'did you mean "set-up"?'),
        ('promise = { traffic = "0s" }', "promise.traffic", "must be longer than nothing", 'write a time such as "5m"'),
        ('promise = "5m"', "promise", "a table is expected, not a text", "write promise = { … }"),
    ],
)
def test_a_budget_that_is_none_is_refused(budget: str, field: str, problem: str, hint: str) -> None:
    error = refused(f"budget = {{ {budget} }}")
    assert (error.field, error.problem, error.hint) == (f"sources.shop.budget.{field}", problem, hint)


@pytest.mark.parametrize("none", ["off", "never", ""])
def test_a_promise_of_nothing_is_refused(none: str) -> None:
    error = refused(f'budget = {{ promise = {{ traffic = "{none}" }} }}')
    assert error.field == "sources.shop.budget.promise.traffic"
    assert "is not a time" in error.problem


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ('"auto"', "auto"),
        ('{ head = "30s", full = "4h" }', "4h, head 30s"),
        ('{ head = "30s" }', "auto, head 30s"),
        ('{ full = "4h" }', "4h"),
        ('{ full = "auto" }', "auto"),
        ('{ full = "auto", head = "off" }', "auto, head off"),
        ('{ full = "0 3 * * *", head = "auto" }', "0 3 * * *, head auto"),
        ('{ full = "off" }', "off"),
        ('{ full = "off", head = "off" }', "off"),
        ('"4h, head 30s"', "4h, head 30s"),
    ],
)
def test_a_schedule_may_be_a_table_of_two_parts(written: str, text: str) -> None:
    assert source(f"schedule = {{ clients = {written} }}").schedule == {"clients": text}


@pytest.mark.parametrize(
    ("written", "field", "problem", "hint"),
    [
        ('{ ful = "4h" }', ".ful", "this key is not known", 'did you mean "full"?'),
        ("{ full = 4 }", ".full", "a text is expected", 'write it in quotes: full = "30s"'),
        ("{}", "", "nothing is said of when", 'write head = "30s" or full = "4h", or both'),
        (
            '{ head = "5s, head 3s" }',
            ".head",
            "'5s, head 3s' is two schedules",
            'write one of them in "head", one in "full"',
        ),
        (
            '{ full = "off", head = "5s" }',
            "",
            "head scans alone find no update and no deletion",
            'write a time for full, such as "4h", too',
        ),
        (
            '{ full = "4h", head = "*/5 * * * *" }',
            "",
            "'*/5 * * * *' is not a head interval",
            'write a time ("30s", "5m"), "auto" or "off"',
        ),
    ],
)
def test_a_table_that_is_no_schedule_is_refused(written: str, field: str, problem: str, hint: str) -> None:
    error = refused(f"schedule = {{ clients = {written} }}")
    assert (error.field, error.problem, error.hint) == (f"sources.shop.schedule.clients{field}", problem, hint)


def test_a_variable_may_hold_both_parts_of_a_schedule() -> None:
    assert source(MIRRORPOINT_SOURCES__SHOP__SCHEDULE__CLIENTS="4h, head 30s").schedule == {"clients": "4h, head 30s"}
    whole = '{"clients": {"head": "30s", "full": "4h"}}'
    assert source(MIRRORPOINT_SOURCES__SHOP__SCHEDULE=whole).schedule == {"clients": "4h, head 30s"}
