"""`check` asks each list for a few rows and names what its catalogue gets wrong, with the place and the cure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from changes import sealing
from tests.commands import Commands, Result
from tests.integration.scripted_server import Reply, Request, ScriptedServer, json_reply

CONFIGURATION = """
[sources.shop]
catalogue = "shop.toml"
base_url = "{url}"
limits = {{ requests_per_second = 1000, page_size = 10 }}
"""
SOURCE = """
[source]
paging = { limit = "limit", offset = "offset" }
sorting = { by = "sort" }
envelope = { rows = ["data", "$"], total = ["total"] }
"""
Rows = list[Any]
Answering = Callable[[Request], Reply]


def numbered(count: int) -> Rows:
    return [{"id": number, "name": f"name {number}", "at": "2026-01-01T00:00:00Z"} for number in range(1, count + 1)]


def listing(rows: Rows, *, starts: Callable[[int, int], int] = lambda offset, _: offset, cap: int = 100) -> Answering:
    """A list that takes its offset and its limit as `starts` and `cap` say."""

    def answer(request: Request) -> Reply:
        limit = min(int(request.query.get("limit", 100)), cap)
        first = starts(int(request.query.get("offset", 0)), limit)
        return json_reply({"data": rows[first : first + limit], "total": len(rows)})

    return answer


def saying(rows: Rows, answer: Callable[[Rows, int], Any]) -> Answering:
    """A list whose answer is made of the page's rows and of how many there are."""

    def reply(request: Request) -> Reply:
        first, limit = int(request.query.get("offset", 0)), int(request.query.get("limit", 100))
        return json_reply(answer(rows[first : first + limit], len(rows)))

    return reply


def refusing(answer: Answering, when: Callable[[Request], bool]) -> Answering:
    return lambda request: json_reply({"message": "not so"}, 400) if when(request) else answer(request)


def offset_of(request: Request) -> int:
    return int(request.query.get("offset", 0))


def pages(count: int, first: int, *, cap: int = 100) -> Answering:
    """A list by page numbers, the first of which is `first`; smaller ones bring that page, as 0 does where it is 1."""

    def answer(request: Request) -> Reply:
        size = min(int(request.query["limit"]), cap)
        start = max(int(request.query.get("page", first)) - first, 0) * size
        return json_reply({"data": numbered(count)[start : start + size], "total": count})

    return answer


def chain(count: int, *, place: str = "next", parameter: str = "cursor", is_told: bool = True) -> Answering:
    """A list whose answers name the next page by the number of rows before it."""

    def answer(request: Request) -> Reply:
        first, size = int(request.query.get(parameter, 0)), int(request.query["limit"])
        behind = f"c{first + size}"[1:] if first + size < count else None
        body = {"data": numbered(count)[first : first + size], "total": count}
        return json_reply({**body, **({place: behind} if is_told else {})})

    return answer


class Case(NamedTuple):
    """A list, and what is found of its table: severity, member, code and cure; None: nothing."""

    name: str
    answer: Answering
    more: str  #: lines of its table
    found: tuple[str, str, str, str] | None

    @property
    def resource(self) -> str:
        return self.name.replace(" ", "_").replace(",", "")


PAGE_0 = 'paging = { style = "page", limit = "limit", page = "offset", first = 0 }'
PAGE_1 = 'paging = { style = "page", limit = "limit", page = "offset", first = 1 }'
BY_PAGE, BY_PAGE_0 = 'paging = { style = "page" }', 'paging = { style = "page", first = 0 }'
BY_CURSOR = 'paging = { style = "cursor", next = "next" }'
BY_LAST_ROW = (
    'paging = { style = "cursor", limit = "limit", cursor = "…", after = "…", next = "has_more" }: '
    "the parameter, and the member of the last row that it takes"
)
LEADS_ELSEWHERE = "Credentials are sent to base_url alone: correct it, or how the API names itself (behind a proxy?)"
INNER = [{"type": "x", "attributes": {"id": f"k{number}", "at": 5}} for number in range(20)]
HALVES = [{"wh": wh, "sku": sku} for wh in ("a", "b", "c") for sku in ("1", "2", "3")]
UNKEYED = [{"productId": number, "name": "n", "secret": "s3cret"} for number in range(20)]


CASES = (
    Case(
        "all is well",
        listing(numbered(30)),
        "",
        None,
    ),
    Case(
        "one row",
        listing(numbered(1)),
        "",
        None,
    ),
    Case(
        "another key",
        listing(UNKEYED),
        "",
        ("error", "key", "key", 'key = "productId"'),
    ),
    Case(
        "a key inside",
        listing(INNER),
        "",
        ("error", "key", "key", 'key = "/attributes/id"'),
    ),
    Case(
        "a row without its key",
        listing([{"id": 1}, {"name": "x"}, {"id": 3}]),
        "",
        ("warning", "key", "key", 'name a fallback behind it, as key = ["…", "…"]'),
    ),
    Case(
        "a shared key",
        listing(HALVES),
        'key = "wh"',
        ("warning", "key", "shared-key", 'key = [["wh", "sku"]]'),
    ),
    Case(
        "a total of the page",
        saying(numbered(30), lambda rows, _: {"data": rows, "total": len(rows)}),
        "",
        ("warning", "envelope", "total", "leave it out of the envelope: total = []"),
    ),
    Case(
        "a total that is too small",
        saying(numbered(30), lambda rows, _: {"data": rows, "total": 3}),
        "",
        ("warning", "envelope", "total", "leave it out of the envelope: total = []"),
    ),
    Case(
        "a total that stands elsewhere",
        saying(numbered(30), lambda rows, all_: {"data": rows, "meta": {"total": all_, "page": 1}}),
        "",
        ("warning", "envelope", "total", 'envelope = { total = ["/meta/total"] }'),
    ),
    Case(
        "a total that is no number",
        saying(numbered(30), lambda rows, _: {"data": rows, "total": "many"}),
        "",
        ("warning", "envelope", "total", "leave it out of the envelope: total = []"),
    ),
    Case(
        "rows that stand elsewhere",
        saying(numbered(30), lambda rows, all_: {"result": {"items": rows}, "total": all_}),
        "",
        ("error", "envelope", "rows", 'envelope = { rows = ["/result/items"] }'),
    ),
    Case(
        "an empty list beside the rows",
        saying(numbered(30), lambda rows, all_: {"data": [], "items": rows, "total": all_}),
        "",
        ("error", "envelope", "rows", 'envelope = { rows = ["items"] }'),
    ),
    Case(
        "pages from 0",
        listing(numbered(250), starts=lambda offset, limit: offset * limit),
        "",
        ("warning", "paging", "page-number", PAGE_0),
    ),
    Case(
        "one page from 0",
        listing(numbered(4), starts=lambda offset, limit: offset * limit),
        "",
        ("warning", "paging", "page-number", PAGE_0),
    ),
    Case(
        "pages from 1",
        listing(numbered(250), starts=lambda offset, limit: max(offset - 1, 0) * limit),
        "",
        ("warning", "paging", "page-number", PAGE_1),
    ),
    Case(
        "pages from 1, and 0 is refused",
        refusing(
            listing(numbered(250), starts=lambda offset, limit: (offset - 1) * limit),
            lambda request: offset_of(request) == 0,
        ),
        "",
        ("error", "paging", "page-number", PAGE_1),
    ),
    Case(
        "an offset that is ignored",
        listing(numbered(250), starts=lambda *_: 0),
        "",
        ("warning", "paging", "offset-ignored", 'is "offset" the name of the parameter?'),
    ),
    Case(
        "everything at once",
        saying(numbered(30), lambda rows, all_: {"data": numbered(30), "total": 30}),
        "",
        ("warning", "paging", "offset-ignored", "paged = false, if all rows always come at once"),
    ),
    Case(
        "a cursor",
        saying(numbered(30), lambda rows, _: {"data": numbered(30)[:5], "meta": {"next_cursor": "abc"}}),
        "envelope = { total = [] }",
        (
            "warning",
            "paging",
            "offset-ignored",
            'paging = { style = "cursor", limit = "limit", cursor = "cursor", next = "/meta/next_cursor" }',
        ),
    ),
    Case(
        "a link",
        saying(numbered(30), lambda rows, _: {"data": numbered(30)[:5], "links": {"next": "/items?after=5"}}),
        "envelope = { total = [] }",
        (
            "warning",
            "paging",
            "offset-ignored",
            'paging = { style = "link", limit = "limit", next = "/links/next" }',
        ),
    ),
    Case(
        "a link in the header, and a limit of another name",
        lambda _: json_reply(numbered(30), headers={"Link": '</items?per_page=30&page=2>; rel="next"'}),
        'envelope = { rows = "$", total = [] }',
        ("warning", "paging", "offset-ignored", 'paging = { style = "link", limit = "per_page", next = "Link" }'),
    ),
    Case(
        "the last row as a cursor",
        lambda _: json_reply({"data": numbered(5), "has_more": True}),
        "envelope = { total = [] }",
        ("warning", "paging", "offset-ignored", BY_LAST_ROW),
    ),
    Case("page numbers", pages(30, 1), BY_PAGE, None),
    Case("one page by its number", pages(3, 1), BY_PAGE, None),
    Case("page numbers from 0", pages(30, 0), BY_PAGE_0, None),
    Case(
        "page numbers from 0, read from 1",
        pages(30, 0),
        BY_PAGE,
        ("error", "paging", "first-page", "first = 0 in paging"),
    ),
    Case(
        "page numbers from 1, read from 0",
        pages(30, 1),
        BY_PAGE_0,
        ("error", "paging", "first-page", "first = 1 in paging"),
    ),
    Case(
        "page numbers from 1, and page 0 is refused",
        refusing(pages(30, 1), lambda request: request.query["page"] == "0"),
        BY_PAGE_0,
        ("error", "paging", "first-page", "first = 1 in paging"),
    ),
    Case(
        "a page number that is ignored",
        lambda request: json_reply({"data": numbered(int(request.query["limit"])), "total": 30}),
        BY_PAGE,
        ("warning", "paging", "page-ignored", 'is "page" the name of the parameter?'),
    ),
    Case("cursors", chain(30), BY_CURSOR, None),
    Case("one page without a cursor", chain(3), BY_CURSOR, None),
    Case(
        "a cursor that stands elsewhere",
        chain(30, place="nextPageToken"),
        BY_CURSOR,
        (
            "warning",
            "paging",
            "next-missing",
            'paging = { style = "cursor", limit = "limit", cursor = "pageToken", next = "nextPageToken" }',
        ),
    ),
    Case(
        "a cursor that is not found",
        chain(30, is_told=False),
        BY_CURSOR,
        ("warning", "paging", "next-missing", "name the member with it in `next` of paging"),
    ),
    Case(
        "a cursor that is ignored",
        chain(30, parameter="after"),
        BY_CURSOR,
        ("warning", "paging", "page-ignored", 'is "cursor" the name of the parameter?'),
    ),
    Case(
        "a link to somewhere else",
        lambda _: json_reply({"data": numbered(5), "next": "http://127.0.0.2/items?page=2"}),
        'paging = { style = "link", next = "next" }\nenvelope = { total = [] }',
        ("warning", "paging", "next-refused", LEADS_ELSEWHERE),
    ),
    Case(
        "offsets that are rounded down",
        listing(numbered(250), starts=lambda offset, limit: offset - offset % limit),
        "",
        ("note", "paging", "offset-multiples", ""),
    ),
    Case(
        "offsets that must be multiples",
        refusing(listing(numbered(250)), lambda request: offset_of(request) % int(request.query["limit"]) != 0),
        "",
        ("note", "paging", "offset-multiples", ""),
    ),
    Case(
        "a limit that is capped",
        listing(numbered(250), cap=3),
        "",
        ("note", "paging", "limit", ""),
    ),
    Case(
        "a limit that is ignored",
        lambda request: json_reply({"data": numbered(30)[offset_of(request) :], "total": 30}),
        "",
        ("note", "paging", "limit", ""),
    ),
    Case(
        "a sort that is refused",
        refusing(listing(numbered(30)), lambda request: "sort" in request.query),
        'sort = "name"',
        ("error", "sort", "sort", "leave sort out, or name what the list can be sorted by"),
    ),
    Case(
        "a column of another type",
        listing(numbered(30)),
        'columns = { name = "integer" }',
        ("warning", "columns", "column", 'columns = { "name" = "text" }'),
    ),
    Case(
        "a column that no row has",
        listing(INNER),
        'key = "/attributes/id"\ncolumns = { at = "text" }',
        ("warning", "columns", "column", 'columns = { "/attributes/at" = … }'),
    ),
    Case(
        "a stamp that no row has",
        listing(numbered(30)),
        'created = "createdAt"',
        ("warning", "created", "created", "name the member with the creation stamp, or leave it out"),
    ),
    Case(
        "an own path that is not there",
        listing(numbered(30)),
        'item_path = "/an_own_path_that_is_not_there/{key}"',
        ("warning", "item_path", "item-path", "mend the path, or leave it out: deletions are confirmed there"),
    ),
    Case(
        "a list that is paged after all",
        saying(numbered(30), lambda rows, all_: {"data": rows[:5], "total": all_}),
        "paged = false",
        ("warning", "paged", "not-paged", "leave `paged = false` out"),
    ),
    Case(
        "a list that names a next page after all",
        lambda _: json_reply({"data": numbered(5), "has_more": True}),
        "paged = false\nenvelope = { total = [] }",
        ("warning", "paged", "not-paged", f"{BY_LAST_ROW}, without `paged = false`"),
    ),
    Case(
        "one page with a cursor of its own",
        lambda _: json_reply({"data": numbered(5), "has_more": False, "end_cursor": "x"}),
        "paged = false\nenvelope = { total = [] }",
        None,
    ),
)


@pytest.fixture
def check(server: ScriptedServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """`check` with a catalogue of these resources."""
    (tmp_path / "mirrorpoint.toml").write_text(CONFIGURATION.format(url=server.url))
    (tmp_path / "mirrorpoint.key").write_text(sealing.new_key())
    (tmp_path / "mirrorpoint.key").chmod(0o600)
    commands = Commands(tmp_path / "mirrorpoint.toml", capsys)

    def run(resources: str, *options: str) -> Result:
        (tmp_path / "shop.toml").write_text(SOURCE + resources)
        return commands("check", *options)

    return run


def test_what_a_catalogue_gets_wrong_is_named_with_its_place_and_its_cure(
    check: Callable[..., Result], server: ScriptedServer
) -> None:
    tables = ""
    for case in CASES:
        server.on("GET", f"/{case.resource}", case.answer)
        tables += f'[resources.{case.resource}]\npath = "/{case.resource}"\n{case.more}\n'
    checked = check(tables, "--json")
    found: dict[str, list[tuple[str, str, str, str]]] = {case.resource: [] for case in CASES}
    for each in checked.json["findings"]:
        assert each["source"] == "shop"
        resource, member = each["place"].removeprefix("[resources.").split("] ")
        assert resource == each["resource"]
        found[resource].append((each["severity"], member, each["code"], each["hint"]))
    assert found == {case.resource: [case.found] if case.found else [] for case in CASES}
    assert checked.code == 2
    asked = Counter(request.path.split("/")[1] for request in server.requests)
    assert max(asked.values()) <= 4
    assert "s3cret" not in checked.out  # of the rows only names are told


def test_a_parameter_that_does_not_choose_the_parent_is_named(
    check: Callable[..., Result], server: ScriptedServer
) -> None:
    tasks = {"1": numbered(4), "2": numbered(3), None: numbered(9)}
    server.on("GET", "/shops", listing(numbered(2)))
    server.on("GET", "/tasks", lambda request: listing(tasks[request.query.get("shop")])(request))
    nested = '[resources.shops]\npath = "/shops"\n[resources.tasks]\npath = "/tasks"\nparent = "shops"\n'
    checked = check(nested + 'params = { store = "{parent}" }\n', "--json")
    (found,) = checked.json["findings"]
    assert (found["place"], found["code"]) == ("[resources.tasks] params", "parent-ignored")
    assert (found["message"], found["hint"]) == (
        "the lists below two parents bring the same 5 rows",
        'is "store" the name of the parameter?',
    )
    assert check(nested + 'params = { shop = "{parent}" }\n', "--json").json["findings"] == []


def test_an_own_path_is_asked_with_the_parameter_that_names_the_parent(
    check: Callable[..., Result], server: ScriptedServer
) -> None:
    server.on("GET", "/shops", listing(numbered(2)))
    server.on("GET", "/tasks", lambda request: listing(numbered(1 + int(request.query["shop"])))(request))
    server.on("GET", "/tasks/1", lambda request: json_reply(numbered(1)[0], 200 if "shop" in request.query else 400))
    nested = '[resources.shops]\npath = "/shops"\n[resources.tasks]\npath = "/tasks"\nparent = "shops"\n'
    checked = check(nested + 'params = { shop = "{parent}" }\nitem_path = "/tasks/{key}"\n', "--json")
    assert checked.json["findings"] == []


def test_a_nested_list_is_held_against_the_first_parent_that_has_rows(
    check: Callable[..., Result], server: ScriptedServer
) -> None:
    server.on("GET", "/shops", listing(numbered(3)))
    server.on("GET", "/shops/1/bins", listing([]))
    server.on("GET", "/shops/2/bins", listing(UNKEYED))
    nested = '[resources.shops]\npath = "/shops"\n[resources.bins]\npath = "/shops/{parent}/bins"\nparent = "shops"\n'
    checked = check(nested, "--json")
    (found,) = checked.json["findings"]
    assert (checked.code, found["place"], found["code"]) == (2, "[resources.bins] key", "key")
    assert found["message"] == 'none of 5 rows has the key "id"; they have productId, name, secret'
    assert not server.asked("GET", "/shops/3/bins")
    server.on("GET", "/shops/2/bins", listing([]))
    checked = check(nested, "--json")
    assert (checked.code, checked.json["findings"]) == (0, [])
    assert "shop: no rows that the catalogue could be held against: bins" in checked.json["not_checked"]


def test_what_several_lists_have_in_common_is_told_once(check: Callable[..., Result], server: ScriptedServer) -> None:
    tables = ""
    for name in ("first", "second", "third"):
        server.on("GET", f"/{name}", listing(numbered(250), starts=lambda offset, limit: offset * limit))
        tables += f'[resources.{name}]\npath = "/{name}"\n'
    server.on("GET", "/third", listing(UNKEYED, cap=3))
    checked = check(tables)
    assert checked.code == 2
    seen = "offset=1 brings the rows behind the first page, not the second row: it is a page number"
    assert checked.err.splitlines()[1:] == [
        f"warning: shop, [resources.first] paging: {seen} (also: second)",
        f"  hint: {PAGE_0}",
        "warning: record: it has no name and no signing_key: its roots are not signed, and no head is kept",
        '  hint: write name = "…" and signing_key = "file:mirrorpoint.sign", then `mirrorpoint init` writes the key',
        'error: shop, [resources.third] key: none of 3 rows has the key "id"; they have productId, name, secret',
        '  hint: key = "productId"',
    ]
    assert "note: shop, [resources.third] paging: limit=5 brings 3 of 20 rows: it is capped" in checked.out
