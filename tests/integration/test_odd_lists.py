"""Whatever a server does with its lists: none is called complete with rows missing, none is stuck that can be read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import serving
from sandbox.api import Api
from tests.integration.conftest import Templates
from tests.integration.odd_lists import CURRENCIES, PRODUCTS, TAGS, Mirror
from tests.mirrored_world import World
from upstream.throttle import Budget


@pytest.fixture(scope="module")
def server() -> Iterator[World]:
    with serving.start(Api()) as running:
        opened = World(running.url)
        yield opened
        opened.close()


@pytest.fixture
def mirror(
    server: World,
    templates: Templates,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Mirror]:
    monkeypatch.setattr(Budget, "wait", lambda _self, _seconds: None)  # between two tries
    prepared = Path(templates.url("sqlite").removeprefix("sqlite:///"))
    opened = Mirror(server, tmp_path, capsys, prepared=prepared)
    yield opened
    opened.close()


def plain(count: int, size: int) -> int:
    """Requests of a plain walk: each page but the first has one row of the page before."""
    return 1 + -(-count // max(size - 1, 1))


#: Lists that keep rows back, and what says so: the total, and how many rows came.
HIDING = {
    "hole": {"kind": "hole", "from": 30, "to": 40},
    "hole behind the first page": {"kind": "hole", "from": 1, "to": 60},
    "wall": {"kind": "wall", "rows": 37},
    "wall at the edge of a page": {"kind": "wall", "rows": 40},
    "wall of nothing": {"kind": "wall", "rows": 0},
    "clamped": {"kind": "clamp", "offset": 33},
    "page number": {"kind": "page_number"},
    "page number from 1": {"kind": "page_number", "first": 1},
    "offset ignored": {"kind": "ignore_offset"},
    "hidden in the middle": {"kind": "hide", "keys": ["24", "25", "37"]},
    "hidden at the edges": {"kind": "hide", "keys": ["11", "12", "22"]},
    "hidden at the end": {"kind": "hide", "keys": ["65", "66"]},
    "total of more": {"kind": "total", "by": 3},
}
COUNT = 60
#: The number of rows that the list has, or says that it has, and another one.
TOLD = re.compile(r"6[03]\D+\d|\d\D+6[03]")


@pytest.mark.parametrize("name", HIDING)
def test_a_list_that_hides_rows_is_never_complete_and_says_both_numbers(mirror: Mirror, name: str) -> None:
    mirror.begin(tags=COUNT)
    mirror.world.fault(path=TAGS, **HIDING[name])

    for _ in range(3):
        scan = mirror.scan()
        assert scan.state in ("partial", "drifted"), scan
        assert scan.requests <= 3 * plain(COUNT, 10) + 30, scan
        assert TOLD.search(scan.reason) or (not mirror.rows() and "an empty list" in scan.reason), scan
    assert mirror.rows().keys() <= mirror.truth()


@pytest.mark.parametrize("name", HIDING)
def test_a_list_that_begins_to_hide_rows_loses_none_of_those_that_are_known(mirror: Mirror, name: str) -> None:
    mirror.begin(tags=COUNT)
    assert "complete" == mirror.scan().state
    mirror.world.fault(path=TAGS, **HIDING[name])

    for _ in range(3):
        scan = mirror.scan()
        assert scan.state in ("partial", "drifted"), scan
        assert scan.requests <= 3 * plain(COUNT, 10) + 30, scan
        assert scan.lost == 0, scan
    assert (mirror.truth(), []) == (mirror.rows().keys(), mirror.told())


#: What is merely unusual: offsets taken otherwise, ends told otherwise, odd totals.
UNUSUAL = {
    "hole that can be read around": [{"kind": "hole", "from": 9, "to": 10}],
    "snap": [{"kind": "snap"}],
    "snap, no total": [{"kind": "snap"}, {"kind": "total", "value": None}],
    "refuse unaligned": [{"kind": "refuse_unaligned"}],
    "refuse unaligned, 422": [{"kind": "refuse_unaligned", "status": 422}],
    "window": [{"kind": "window", "bound": 64}],
    "window of just as many": [{"kind": "window", "bound": COUNT}],
    "refuse behind, 404": [{"kind": "refuse_behind"}],
    "refuse behind, 204": [{"kind": "refuse_behind", "status": 204}],
    "refuse behind, 400": [{"kind": "refuse_behind", "status": 400}],
    "refuse behind, 500": [{"kind": "refuse_behind", "status": 500}],
    "nothing behind": [{"kind": "nothing_here", "behind": True}],
    "nothing behind, missing": [{"kind": "nothing_here", "form": "missing", "behind": True}],
    "wrap": [{"kind": "endless"}],
    "clamped to the last page": [{"kind": "clamp"}],
    "total null": [{"kind": "total", "value": None}],
    "total of the page": [{"kind": "total", "value": "page"}],
    "total of fewer": [{"kind": "total", "by": -3}],
    "capped": [{"kind": "cap", "limit": 7}],
    "repeated": [{"kind": "repeat", "rows": 1}],
    "numbered": [{"kind": "numbered"}],
    "one row twice": [{"kind": "twice", "at": 33}],
    "decimals": [{"kind": "literal", "text": "1234567890.123456789012345678"}],
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_a_list_that_is_merely_unusual_is_read_whole_and_stays_as_it_is(mirror: Mirror, name: str) -> None:
    size = 25 if "window" in name else 10
    mirror.begin(tags=COUNT, page_size=size)
    for fault in UNUSUAL[name]:
        mirror.world.fault(path=TAGS, **fault)

    told = []
    for _ in range(3):
        scan = mirror.scan()
        assert "complete" == scan.state, scan
        assert scan.requests <= 3 * plain(COUNT, size) + 12, scan
        assert (0, mirror.truth()) == (scan.lost, mirror.rows().keys())
        told.append(mirror.told())
    assert told[0] == told[2], "from the second scan on nothing changes"


@pytest.mark.parametrize(
    ("name", "count"),
    [
        *((name, 1) for name in UNUSUAL),
        *((name, count) for name in ("snap", "refuse behind, 404", "wrap", "numbered") for count in (0, 11)),
    ],
)
def test_a_list_of_hardly_any_rows_is_complete_as_well(mirror: Mirror, name: str, count: int) -> None:
    mirror.begin(tags=count)
    for fault in UNUSUAL[name]:
        mirror.world.fault(path=TAGS, **fault)

    for _ in range(2):
        scan = mirror.scan()
        assert ("complete", mirror.truth()) == (scan.state, mirror.rows().keys()), scan
        assert scan.requests <= 12, scan


@pytest.mark.parametrize("form", ["null", "object", "missing", "nothing", 204])
def test_nothing_here_is_an_empty_list_in_any_words(mirror: Mirror, form: str | int) -> None:
    mirror.begin(tags=0, products=3, currencies=0)
    for path in (TAGS, "/api/v2/products/*/currencies"):
        mirror.world.fault(kind="nothing_here", form=form, path=path)

    ends = [mirror.scan(resource) for resource in ("tags", "products", "currencies", "tags", "currencies")]

    assert [("complete", 0)] * 5 == [(end.state, end.lost) for end in ends], ends
    assert {} == mirror.rows()


def test_404_of_a_flat_list_is_a_failure_until_it_was_complete_and_of_a_nested_one_nothing_where_others_answer(
    mirror: Mirror,
) -> None:
    mirror.begin(tags=0, products=3, currencies=0)
    mirror.world.fault(kind="nothing_here", form=404, path=TAGS)
    for product in sorted(mirror.truth(PRODUCTS))[:2]:
        mirror.world.fault(kind="nothing_here", form=404, path=f"/api/v2/products/{product}/currencies")

    ends = [mirror.scan(resource) for resource in ("tags", "products", "currencies", "tags", "currencies")]
    assert ["failed", "complete", "complete", "failed", "complete"] == [end.state for end in ends], ends
    assert "404" in ends[0].reason, "a wrong path looks just like it"

    mirror.world.no_faults()
    assert "complete" == mirror.scan().state
    mirror.world.fault(kind="nothing_here", form=404, path=TAGS)
    assert ("complete", 0) == ((end := mirror.scan()).state, end.lost)


@pytest.mark.parametrize("status", [403, 404, 500])
def test_parents_whose_lists_fail_hide_no_other_and_their_number_is_told(mirror: Mirror, status: int) -> None:
    mirror.begin(products=12)
    assert ["complete", "complete"] == [mirror.scan(resource).state for resource in ("products", "currencies")]
    products, known = sorted(mirror.truth(PRODUCTS), key=int), mirror.truth(CURRENCIES)
    for product in products[:6]:
        mirror.world.fault(kind="status", status=status, path=f"/api/v2/products/{product}/currencies")
    for product in (products[6], products[11]):
        mirror.world.change(CURRENCIES, "create", parent_keys=[product], document={"numericCode": 9000})

    scan = mirror.scan("currencies")

    assert ("partial", True) == (scan.state, "6" in scan.reason), scan
    assert mirror.truth(CURRENCIES) == mirror.rows("currencies").keys() > known
    assert ["created", "created"] == mirror.told("currencies")


def test_ties_lose_no_row_unsaid(mirror: Mirror) -> None:
    mirror.begin(tags=COUNT)
    assert "complete" == mirror.scan().state
    mirror.world.fault(kind="ties", path=TAGS, seed=1)

    ends = [mirror.scan() for _ in range(4)]

    assert {end.state for end in ends} <= {"complete", "drifted"}, ends
    assert all(end.requests <= 3 * plain(COUNT, 10) + 30 for end in ends), ends
    assert (mirror.truth(), []) == (mirror.rows().keys(), mirror.told())


def test_a_key_with_two_contents_brings_no_changes_and_the_last_one_counts(mirror: Mirror) -> None:
    mirror.begin(tags=39)
    mirror.world.fault(kind="twice", path=TAGS, at=33)

    assert "complete" == mirror.scan().state
    told = mirror.told()
    assert ["complete", "complete"] == [mirror.scan().state for _ in range(2)]

    assert ("other", told) == (mirror.rows()["3"]["name"], mirror.told())


def test_one_row_that_is_not_json_costs_that_row_alone(mirror: Mirror) -> None:
    mirror.begin(tags=COUNT)
    mirror.world.fault(kind="literal", text="NaN", row=17, path=TAGS)

    scan = mirror.scan()

    assert len(mirror.rows()) >= COUNT - 1, scan


def test_text_in_another_charset_arrives_as_it_was_meant(mirror: Mirror) -> None:
    mirror.begin(tags=4)
    names = ("Müller", "Möller", "Qué", "Què")
    for number, name in enumerate(names, 1):
        mirror.world.change(TAGS, "update", key=str(number), document={"name": name})
    mirror.world.fault(kind="charset", path=TAGS)

    assert "complete" == mirror.scan().state
    assert sorted(names) == sorted(row["name"] for row in mirror.rows().values())


def test_long_decimals_arrive_to_the_last_digit(mirror: Mirror) -> None:
    mirror.begin(tags=1)
    for text in ("0.123456789012345678", "0.123456789012345679"):
        mirror.world.fault(kind="literal", text=text, path=TAGS)
        assert "complete" == mirror.scan().state
        assert text in mirror.call("show", "tags", "1", "--json").out
        mirror.world.no_faults()
    assert ["updated"] == mirror.told()


def test_a_record_whose_own_path_answers_200_in_other_words_is_not_taken_for_living(mirror: Mirror) -> None:
    mirror.begin(products=12)
    mirror.world.fault(kind="gone", path="/api/v2/products/*")
    assert "complete" == mirror.scan("products").state
    mirror.world.change(PRODUCTS, "delete", key="4")

    ends = [mirror.scan("products") for _ in range(3)]

    assert ends[-1].lost == 1 or ["deleted"] == mirror.told("products"), ends


def test_the_commands_tell_of_a_list_that_hides_rows_and_of_one_that_is_unusual(mirror: Mirror) -> None:
    mirror.begin(tags=COUNT)
    mirror.world.fault(kind="snap", path=TAGS)
    done = mirror.call("sync", "tags", "--json")
    assert (0, ["complete"]) == (done.code, [scan["state"] for scan in done.json["scans"]])

    mirror.world.fault(path=TAGS, **HIDING["wall"])
    for _ in range(2):
        done = mirror.call("sync", "tags", "--json")
        (told,) = done.json["scans"]
        assert (3, True) == (done.code, bool(TOLD.search(told["reason"]))), told
    (status,) = (one for one in mirror.call("status", "--json").json["resources"] if one["resource"] == "tags")
    assert (COUNT, 0, 0) == (status["rows"], status["suspects"], status["held"])
    assert status["problem"].startswith(told["reason"]), status
