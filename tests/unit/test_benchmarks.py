"""The benchmarks' own arithmetic, and the page that they write; nothing is timed here."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path

import pytest

from benchmarks import page
from benchmarks.__main__ import GROUPS, QUICK
from benchmarks.bench import Row
from benchmarks.measuring import Run, median_ratio, median_run
from benchmarks.rows import FIRST_KEY, Rows
from changes import normalise
from upstream import catalogue


def rows_of(source: Rows, offset: int, limit: int) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(b"[" + bytes(source.slice(offset, limit)) + b"]")
    return found


def test_a_page_has_the_rows_behind_its_offset() -> None:
    source = Rows(25)

    assert [row["id"] for row in rows_of(source, 20, 10)] == [FIRST_KEY + number for number in range(20, 25)]
    assert rows_of(source, 25, 10) == []


def test_each_hundredth_row_changes_and_no_other() -> None:
    source = Rows(1000)
    before = rows_of(source, 0, 1000)

    assert source.change(100) == 10

    changed = [one["id"] for one, was in zip(rows_of(source, 0, 1000), before, strict=True) if one != was]
    assert changed == [FIRST_KEY + 1 + 100 * number for number in range(10)]


def test_another_time_other_rows_change() -> None:
    source = Rows(200)
    source.change(100)
    before = rows_of(source, 0, 200)
    source.change(100)

    changed = [one["id"] for one, was in zip(rows_of(source, 0, 200), before, strict=True) if one != was]
    assert changed == [FIRST_KEY + 2, FIRST_KEY + 102]


def test_a_product_has_every_typed_column_of_the_built_in_catalogue() -> None:
    measured = catalogue.load(Path(page.__file__).with_name("catalogue.toml")).resources["products"]
    (row,) = rows_of(Rows(1), 0, 1)

    assert measured.columns == catalogue.load("backoffice").resources["products"].columns
    assert normalise.columns(measured, row)[1] == []
    assert row.keys() == measured.columns.keys()


def test_a_ratio_is_the_median_of_the_pairs() -> None:
    assert median_ratio([1.0, 10.0, 6.0], [2.0, 5.0, 6.0]) == 1.0


def test_a_start_is_taken_off() -> None:
    start = median_run([Run(0.5, 0.4, 50), Run(0.7, 0.6, 60), Run(9.0, 0.5, 70)])

    assert Run(2.0, 1.5, 80).less(start) == Run(pytest.approx(1.3), pytest.approx(1.0), 80)


@pytest.mark.parametrize(("is_most", "is_met"), [(False, True), (True, False)])
def test_a_target_is_a_floor_or_a_ceiling(is_most: bool, is_met: bool) -> None:
    assert Row("work", "of it", 1.3, target=1.2, is_most=is_most).is_met is is_met
    assert Row("work", "of it", 1.3).is_met is None


def test_every_group_is_described_and_has_a_title() -> None:
    assert [name for name, group in GROUPS.items() if not group.__doc__] == []
    assert set(page._TITLES) == set(GROUPS)
    assert set(QUICK) <= set(GROUPS)


def test_the_page_shows_what_was_reached() -> None:
    row = Row("unchanged, 100 rows", "of reading alone", 0.75, target=0.8, ours="75 rows/s", theirs="100 rows/s")
    kept = {
        "date": "2026-11-25",
        "machine": "a machine",
        "versions": {"Python": "3.11"},
        "rows": [asdict(row)],
        "notes": ["A note."],
    }

    text = page.text({"sqlite": kept, "log": kept})

    assert "| unchanged, 100 rows | 75 rows/s | 100 rows/s | 0.75 of reading alone | at least 0.80 | **no** |" in text
    assert "| 2026-11-25 | a machine | Python 3.11 |" in text
    assert [line for line in re.sub(r"(?m)^\|.*$", "", text).splitlines() if len(line) > 120] == []
