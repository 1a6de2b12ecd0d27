"""The language of catalogues beyond plain names: pointers, keys of several members, words in braces, page sizes."""

from __future__ import annotations

import pytest

from changes.records import Id
from changes.resources import ColumnType, Envelope
from tests.unit.test_catalogue import ONE, parse, refused
from upstream import addresses, path_words
from upstream.errors import NotAvailable

STOCK = '[resources.stock]\npath = "/stock"\nkey = [["/a/wh", "skuCode"]]\n'
NESTED = """
[resources.tests]
path = "/tests"
[resources.answers]
path = "/answers"
parent = "tests"
"""


def test_every_member_may_be_a_pointer() -> None:
    node = parse("""
        source = { envelope = { rows = ["/result/items", "$"], total = "/meta/total" } }
        [resources.nodes]
        path = "/nodes"
        shape = "tree"
        key = ["/a/id", "id", "#"]
        created = "/a/created"
        children = "/a/nodes"
        columns = { "/a/firstName" = "text", "/a/b~1c" = "json", firstName = "text" }
        deleted = "/a/gone"
        points = { code = "/a/c", type = "t", url = "u", token = "k" }
    """).resources["nodes"]

    assert node.envelope == Envelope(rows=("/result/items", "$"), total=("/meta/total",))
    assert (node.key, node.created, node.children) == (("/a/id", "id", "#"), "/a/created", "/a/nodes")
    assert node.column_names() == {"/a/firstName": "a_first_name", "/a/b~1c": "a_b_c", "firstName": "first_name"}
    assert node.columns["/a/b~1c"] is ColumnType.JSON
    assert node.deleted == {"/a/gone": ()}
    assert node.points is not None
    assert node.points.code == "/a/c"


def test_values_of_members_may_say_that_a_row_is_gone() -> None:
    text = f'{ONE}deleted = {{ status = ["archived", "removed"], active = false, "/a/b" = 3 }}'
    assert parse(text).resources["products"].deleted == {
        "status": ("archived", "removed"),
        "active": (False,),
        "/a/b": (3,),
    }


@pytest.mark.parametrize(
    ("text", "where", "message", "hint"),
    [
        (f'{ONE}key = "/a/"', "key", '"/a/" is not a JSON Pointer', "~1"),
        (f'{ONE}key = "/a/*"', "key", "points at many places", "one member"),
        (f'{ONE}key = [["wh", "wh"]]', "key", "twice", "only once"),
        (f'{ONE}key = [["wh", "#"]]', "key", '"#" is no member', "members only"),
        (f'{ONE}key = [["itemId", "item_id"]]', "key", "called the same", "leave one"),
        (f'{ONE}key = [["wh", 3]]', "key", "a list of texts is expected", '[["…", "…"]]'),
        (f'{ONE}key = [["wh", "sku"], []]', "key", "a list of texts is expected", '[["…", "…"]]'),
        (f'{ONE}created = "/a/*"', "created", "points at many places", "one member"),
        (f'{ONE}envelope = {{ rows = "/a//b" }}', "envelope.rows", "is not a JSON Pointer", "~1"),
        (f'{ONE}envelope = {{ total = "$" }}', "envelope.total", "no number", "total = []"),
        (f"{ONE}deleted = {{ }}", "deleted", "the table is empty", "archived"),
        (f"{ONE}deleted = {{ a = 1.5 }}", "deleted.a", "true and false are expected, not ", '["…", "…"]'),
        (f"{ONE}deleted = {{ a = [] }}", "deleted.a", "are expected, not a list", '["…", "…"]'),
        (f"{ONE}deleted = true", "deleted", "a list of texts is expected", '"…"'),
        (f'{ONE}deleted = "gone"\nkey = "#"', "deleted", "the key is the fingerprint", 'key = "id"'),
        (f"{ONE}page_size = 0", "page_size", "must be at least 1", ""),
        (f'{ONE}page_size = "50"', "page_size", "not a text", "without quotes"),
        (f"{ONE}page_size = true", "page_size", "not true or false", "without quotes"),
        (f'{ONE}params = {{ of = "{{parent}}" }}', "params.of", "{parent} stands for nothing", 'parent = "…"'),
        (f'{ONE}item_path = "/p/{{id}}"', "item_path", "{id} stands for nothing", 'parent = "…"'),
    ],
)
def test_what_is_wrong_is_named_with_its_place_and_a_cure(text: str, where: str, message: str, hint: str) -> None:
    error = refused(text)
    assert (error.field, message in error.problem, hint in error.hint) == (f"resources.products.{where}", True, True)


def test_a_record_of_several_members_has_a_path_by_its_parts_or_by_the_whole() -> None:
    id_ = Id("", "A%2FB/50%25")
    for item_path, path in {
        "/stock/{a_wh}/{sku_code}": "/stock/A%2FB/50%25",
        "/stock/{wh}/x/{skuCode}": "/stock/A%2FB/x/50%25",
        "/stock/{key}": "/stock/A%252FB%2F50%2525",
    }.items():
        stock = parse(f'{STOCK}item_path = "{item_path}"').resources["stock"]
        assert addresses.of_record("shop", stock, id_) == path

    error = refused(f'{STOCK}item_path = "/stock/{{wh}}"')
    assert error.hint == "add {key}, mostly at its end, or {wh} and {sku_code}"
    assert "{sku_code}" in refused(f'{STOCK}item_path = "/stock/{{wh}}/{{sku}}"').hint


def test_a_record_that_is_keyed_by_another_alternative_has_no_path_of_parts_but_one_by_its_key() -> None:
    text = '[resources.stock]\npath = "/stock"\nkey = [["wh", "sku"], "id"]\n'
    by_parts = parse(f'{text}item_path = "/stock/{{wh}}/{{sku}}"').resources["stock"]
    assert path_words.has_own_path(by_parts, Id("", "A/1"))
    assert not path_words.has_own_path(by_parts, Id("", "7%2F1"))
    assert not path_words.has_own_path(by_parts, Id("7", "A/1"))  # a list of its own has no parents
    with pytest.raises(NotAvailable):
        addresses.of_record("shop", by_parts, Id("", "7%2F1"))
    by_key = parse(f'{text}item_path = "/stock/{{key}}"').resources["stock"]
    assert addresses.of_record("shop", by_key, Id("", "7%2F1")) == "/stock/7%2F1"
    two = '[resources.stock]\npath = "/stock"\nkey = [["wh", "sku"], ["a", "b"]]\nitem_path = "/stock/{wh}/{sku}"'
    assert "{wh} stands for nothing" in refused(two).problem  # the text of a key does not say which two it has


def test_a_parent_may_stand_in_the_query_of_its_list_and_of_a_records_own_path() -> None:
    params = 'params = { test = "is {parent}", of = "{tests}", a = "{b c}" }'
    own = parse(f'{NESTED}item_path = "/answers/{{key}}"\n{params}')
    answers = own.resources["answers"]
    asked = addresses.page_params(own, answers, parent_key="a%2Fb", offset=0, limit=5, newest_first=False)
    assert asked == {"test": "is a/b", "of": "a/b", "a": "{b c}", "limit": "5", "offset": "0"}
    assert addresses.of_list(answers, "a%2Fb") == "/answers"
    assert addresses.record_params(answers, Id("a%2Fb", "7")) == {"test": "is a/b", "of": "a/b"}

    assert 'where the key of its parent "tests" goes' in refused(NESTED).problem
    assert "{paren} stands for nothing" in refused(f'{NESTED}params = {{ of = "{{paren}}" }}').problem
    assert "where the key" in refused(f'{NESTED}params = {{ of = "x{{paren}}" }}').problem


def test_a_list_below_a_record_of_several_members_may_name_its_parts() -> None:
    text = f'{STOCK}[resources.moves]\npath = "/stock/{{wh}}/{{skuCode}}/moves"\nparent = "stock"\n'
    moves = parse(text).resources["moves"]
    assert addresses.of_list(moves, "A%252FB%2F1") == "/stock/A%2FB/1/moves"
    assert addresses.of_list(parse(text.replace("{wh}/{skuCode}", "{parent}")).resources["moves"], "A%2F1") == (
        "/stock/A%2F1/moves"
    )
    assert "does not say where" in refused(text.replace("{skuCode}", "x")).problem
    mixed = text.replace('[["/a/wh", "skuCode"]]', '[["/a/wh", "skuCode"], "id"]')
    assert "{wh} stands for nothing" in refused(mixed).problem


def test_what_cannot_be_sorted_by_is_not_asked_for() -> None:
    source = 'source = { sorting = { by = "sort", order = "order" } }\n'
    for more, can in {
        'created = "/a/createTime"': False,
        'created = "/a/createTime"\nsort = "createTime"': True,
        'created = "/a/createTime"\nsort = "name"': False,
        'created = "createTime"': True,
        'key = "/a/id"\nsort = "id"': True,
    }.items():
        own = parse(f"{source}{ONE}{more}")
        assert addresses.can_sort_newest_first(own, own.resources["products"]) is can, more


def test_the_page_size_of_a_resource_beats_that_of_its_source() -> None:
    own = parse(f"source = {{ page_size = 50 }}\n{ONE}page_size = 20\n" + '[resources.tags]\npath = "/tags"')
    assert {name: each.page_size for name, each in own.resources.items()} == {"products": 20, "tags": 50}
