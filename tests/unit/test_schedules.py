"""Times and schedules as they stand in the configuration."""

from __future__ import annotations

import pytest

from changes import schedules
from changes.schedules import Cron, Every, Off, Schedule
from tests.unit.json_values import resource


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("5m", 300), ("6h", 21600), ("1d", 86400), ("1w", 604_800), ("0s", 0), (" 15s ", 15)],
)
def test_a_time_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert schedules.seconds(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "5", "m", "5 m", "5M", "-5m", "1.5h", "1h30m", "5min", "٣s", "9999999999s", "off"]
)
def test_what_is_no_time_says_what_one_is(text: str) -> None:
    with pytest.raises(ValueError, match='is not a time: write a whole number and s, m, h, d or w, as in "30s"'):
        schedules.seconds(text)


@pytest.mark.parametrize(
    ("text", "schedule"),
    [
        ("30s", Every(30)),
        ("1d", Every(86400)),
        ("off", Off()),
        (" off ", Off()),
        ("*/15 * * * *", Cron("*/15 * * * *")),
        ("0 3 * * *", Cron("0 3 * * *")),
        ("  0   3 1,15 1-6/2 * ", Cron("0 3 1,15 1-6/2 *")),
        ("0 3 * Jan-Mar,12 *", Cron("0 3 * 1,2,3,12 *")),
        ("5/10 * * * *", Cron("5/10 * * * *")),
        ("0 3 * * 0", Cron("0 3 * * sun")),
        ("0 3 * * 7", Cron("0 3 * * sun")),
        ("0 3 * * 1-5", Cron("0 3 * * mon,tue,wed,thu,fri")),
        ("0 3 * * MON-FRI", Cron("0 3 * * mon,tue,wed,thu,fri")),
        ("0 3 * * 5-7", Cron("0 3 * * fri,sat,sun")),
        ("0 3 * * */2", Cron("0 3 * * sun,tue,thu,sat")),
    ],
)
def test_a_schedule_is_a_time_a_cron_line_or_off(text: str, schedule: Schedule) -> None:
    assert schedules.parse(text) == schedule


@pytest.mark.parametrize("text", ["", "hourly", "5", "* * * *", "* * * * * *", "1h30m", "never"])
def test_what_is_no_schedule_says_what_one_is(text: str) -> None:
    with pytest.raises(ValueError, match=r'is not a schedule: write a time \("30s".*cron line of five fields.*"off"'):
        schedules.parse(text)


def test_a_schedule_of_no_time_is_refused() -> None:
    with pytest.raises(ValueError, match='the shortest is "1s", and "off" means never'):
        schedules.parse("0m")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("60 * * * *", "'60' is no minute (0 to 59)"),
        ("* 24 * * *", "'24' is no hour (0 to 23)"),
        ("* * 0 * *", "'0' is no day of month (1 to 31)"),
        ("* * * 13 *", "'13' is no month (1 to 12)"),
        ("* * * * 8", "'8' is no weekday (0 to 7)"),
        ("* * * * foo", "'foo' is no weekday"),
        ("30-10 * * * *", "'30-10' is no range of minutes"),
        ("*/0 * * * *", "'*/0' is no range of minutes"),
        ("1,,2 * * * *", "'' is no minute"),
        ("a-b-c * * * *", "'a-b-c' is no minute"),
        ("٣ * * * *", "'٣' is no minute"),
    ],
)
def test_a_cron_line_says_which_of_its_values_is_wrong(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match="is not a cron line") as caught:
        schedules.parse(text)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("table", "schedule"),
    [
        ({}, "5m"),
        ({"default": "1h"}, "1h"),
        ({"products": "1m", "prod*": "2m", "default": "1h"}, "1m"),
        ({"*": "3m", "prod*": "2m", "default": "1h"}, "2m"),
        ({"prod*": "2m", "*": "3m"}, "2m"),
        ({"product_*": "2m", "clients": "1m"}, "5m"),
        ({"Products": "1m"}, "5m"),
        ({"products": "off", "default": "1h"}, "off"),
    ],
)
def test_the_most_specific_entry_wins(table: dict[str, str], schedule: str) -> None:
    assert schedules.resolve(resource(schedule="5m"), table) == schedule


@pytest.mark.parametrize(
    ("table", "schedule"),
    [({"default": "1h"}, "off"), ({"*": "1h"}, "1h"), ({"products": "1m", "default": "1h"}, "1m")],
)
def test_default_does_not_switch_on_what_the_catalogue_has_off(table: dict[str, str], schedule: str) -> None:
    assert schedules.resolve(resource(schedule="off"), table) == schedule
