"""What a few rows and pages say against a catalogue, judged without any request."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from changes.records import Json
from changes.resources import Envelope, Resource
from worker.commands.check import answer_places, catalogue_findings, paging_findings
from worker.commands.check.answer_places import Next
from worker.commands.check.paging_findings import Asked, Counts, Page

LIMIT = 5
MANY, FEW = [str(number) for number in range(40)], ["a", "b", "c"]
Serve = Callable[[int, int], Page]


def rows(of: Sequence[str], start: int, limit: int) -> Page:
    return list(of[max(start, 0) :][:limit])


@pytest.mark.parametrize(
    ("serve", "expected"),
    [
        (lambda offset, limit: rows(MANY, offset, limit), Counts.ROWS),
        (lambda offset, limit: rows(FEW, offset, limit), Counts.ROWS),
        (lambda offset, limit: rows(["x", *MANY] if offset else MANY, offset, limit), Counts.ROWS),  # one came
        (lambda offset, limit: rows(MANY[1:] if offset else MANY, offset, limit), Counts.ROWS),  # one went
        (lambda offset, limit: rows(MANY, offset, min(limit, 3)), Counts.ROWS),
        (lambda offset, limit: rows(MANY, offset * limit, limit), Counts.PAGES_FROM_0),
        (lambda offset, limit: rows(FEW, offset * limit, limit), Counts.PAGES_FROM_0),
        (lambda offset, limit: rows(MANY, (max(offset, 1) - 1) * limit, limit), Counts.PAGES_FROM_1),
        (lambda offset, limit: rows(FEW, (max(offset, 1) - 1) * limit, limit), Counts.PAGES_FROM_1),
        (lambda offset, limit: rows(MANY, 0, limit), Counts.NOT),
        (lambda offset, limit: MANY, Counts.NOT),
        (lambda offset, limit: rows(MANY, offset - offset % limit, limit), Counts.MULTIPLES),
        (lambda offset, limit: rows(FEW, offset - offset % limit, limit), Counts.MULTIPLES),
        (lambda offset, limit: None if offset % limit else rows(MANY, offset, limit), Counts.ONLY_MULTIPLES),
        (lambda offset, limit: None if offset else rows(MANY, 0, limit), Counts.REFUSED),
        (lambda offset, limit: rows(MANY[::-1] if offset or limit > 5 else MANY, offset, limit), Counts.UNSTEADY),
        (lambda offset, limit: rows(["4", "2", "0"] if offset else MANY, 0, limit), Counts.UNSTEADY),
        (lambda offset, limit: rows(MANY, offset, 1), Counts.UNKNOWN),
        (lambda offset, limit: [], Counts.UNKNOWN),
    ],
)
def test_four_requests_tell_how_a_server_takes_the_offset(serve: Serve, expected: Counts) -> None:
    pages: dict[Asked, Page] = {Asked(0, LIMIT): serve(0, LIMIT)}
    while (asked := paging_findings.next_request(pages, LIMIT)) is not None:
        pages[asked] = serve(asked.offset, asked.limit)
    assert paging_findings.counts(pages, LIMIT) == expected
    assert len(pages) <= 4


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        ({"next": None, "next_cursor": ""}, {}, []),
        ({"next": "/items?page=2"}, {}, [Next("next", is_link=True)]),
        ({"meta": {"nextPageToken": "x"}}, {}, [Next("/meta/nextPageToken", is_link=False)]),
        ({"_links": {"next": {"href": "https://a.example/2"}}}, {}, [Next("/_links/next/href", is_link=True)]),
        ({"@odata.nextLink": "https://a.example/2"}, {}, [Next("@odata.nextLink", is_link=True)]),
        ({"page": {"next": 2}}, {}, [Next("/page/next", is_link=False, is_number=True)]),
        ([], {"link": '<https://a.example/2>; rel="next"'}, [Next("Link", is_link=True)]),
        ({"data": [{"next": "x"}], "context": "next"}, {"link": '</1>; rel="prev"'}, []),
    ],
)
def test_what_names_the_next_page_is_found_wherever_it_stands(
    body: Json, headers: dict[str, str], expected: list[Next]
) -> None:
    assert answer_places.next_pages(body, headers) == expected


def test_names_of_a_server_are_told_short_and_without_control_characters() -> None:
    found = catalogue_findings.key(("id",), [{"\x1b[31mred": 1, "y" * 500: 2}, {"z": 3}])
    assert found is not None
    assert "\x1b" not in found.message
    assert len(found.message) < 200


def test_an_envelope_is_no_finding_where_the_answer_says_in_other_words_that_nothing_is_there() -> None:
    resource = Resource(name="items", title="Items", path="/items")
    for body in ({"data": None, "total": 0}, {"total": 0}, {"data": {}}, {}, None):
        assert catalogue_findings.misplaced(resource, body) is None, body
    wrong = catalogue_findings.misplaced(resource, {"success": False, "error": "no"})
    assert wrong is not None
    assert wrong.code == "rows"


def test_members_inside_of_members_tell_rows_apart_too() -> None:
    resource = Resource(name="stock", title="Stock", path="/stock", key=("/at/wh",))
    found = catalogue_findings.shared(resource, [{"at": {"wh": wh, "n": 1, "sku": sku}} for wh in "ab" for sku in "cd"])
    assert found is not None
    assert found.hint == 'key = [["/at/wh", "/at/sku"]]'


def test_a_total_that_nobody_has_asked_for_is_not_missed() -> None:
    assert catalogue_findings.total(Envelope(total=()), {"data": []}, {}, page_rows=5, least=5) is None
    assert catalogue_findings.total(Envelope(), [], {}, page_rows=5, least=5) is None
    noted = catalogue_findings.total(Envelope(), {"data": []}, {}, page_rows=5, least=5)
    assert noted is not None
    assert noted.severity == "note"
    told = catalogue_findings.total(Envelope(total=("/meta/total",)), {"meta": {}}, {}, page_rows=5, least=5)
    assert told is not None
    assert told.severity == "warning"


def test_names_of_members_are_told_apart_by_case_and_those_of_headers_are_not() -> None:
    member = catalogue_findings.total(Envelope(), {"Total": 9}, {}, page_rows=5, least=5)
    assert member is not None
    assert member.hint == 'envelope = { total = ["Total"] }'
    named = Envelope(total=("header:x-TOTAL",))
    assert catalogue_findings.total(named, [], {"x-total": "9"}, page_rows=5, least=5) is None
    header = catalogue_findings.total(Envelope(), [], {"x-total": "9"}, page_rows=5, least=5)
    assert header is not None
    assert header.hint == 'envelope = { total = ["header:X-Total"] }'
