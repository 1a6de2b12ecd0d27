"""What a catalogue may say, and what a wrong one is told; from text alone."""

from __future__ import annotations

import pickle

import pytest

from changes.resources import ColumnType, Envelope, PointFields, Shape
from upstream import catalogue
from upstream.catalogue import Catalogue, CatalogueError, Paging, Refresh, Sorting

ONE = '[resources.products]\npath = "/products"\n'


def parse(text: str) -> Catalogue:
    return catalogue.parse(text, name="own", origin="own.toml")


def refused(text: str) -> CatalogueError:
    with pytest.raises(CatalogueError) as caught:
        parse(text)
    assert caught.value.file == "own.toml"
    return caught.value


def test_a_path_is_all_that_a_resource_needs() -> None:
    product = parse(ONE).resources["products"]

    assert (product.title, product.path, product.key) == ("Products", "/products", ("id",))
    assert (product.schedule, product.documented, product.paged) == ("5m", True, True)
    assert (product.item_path, product.parent, product.sort, product.created) == (None, None, None, None)
    assert product.envelope == Envelope(rows=("data", "$"), total=("total",))


def test_without_a_source_table_lists_are_paged_by_limit_and_offset_and_not_sorted() -> None:
    own = parse(ONE)

    assert (own.name, own.origin, own.title) == ("own", "own.toml", "own")
    assert (own.paging, own.sorting, own.sign_in) == (Paging(limit="limit", offset="offset"), None, None)


def test_the_example_of_the_description_is_understood() -> None:
    own = parse("""
        [source]
        paging = { style = "offset", limit = "limit", offset = "offset" }
        sorting = { by = "sort_by", order = "sort_order" }
        envelope = { rows = ["data", "$"], total = ["total"] }
        [source.sign_in]
        path = "/api/v2/signin"
        body = { email = "{email}", password = "{password}" }
        token = "/accessToken/token"
        expires = "/accessToken/expiresAt"
        [source.sign_in.refresh]
        path = "/api/v2/refresh"
        token = "/refreshToken/token"
        body = { refreshToken = "{refresh_token}" }

        [resources.products]
        title = "Products"
        path = "/api/v2/products"
        item_path = "/api/v2/products/{key}"
        key = "id"
        sort = "id"
        created = "createTime"
        columns = { name = "text", type = "text", status = "text", groupId = "integer", createTime = "time" }
        secrets = []
        volatile = []
        schedule = "5m"

        [resources.product_currencies]
        path = "/api/v2/products/{parent}/currencies"
        parent = "products"
    """)

    assert own.sorting == Sorting(by="sort_by", order="sort_order")
    assert own.sign_in is not None
    assert own.sign_in.token == ("/accessToken/token",)
    assert own.sign_in.body == {"email": "{email}", "password": "{password}"}
    assert own.sign_in.refresh == Refresh(
        path="/api/v2/refresh", token=("/refreshToken/token",), body={"refreshToken": "{refresh_token}"}
    )
    assert own.resources["products"].columns["groupId"] is ColumnType.INTEGER
    assert own.resources["product_currencies"].ancestors == ("products",)


def test_whatever_a_resource_may_have_is_read() -> None:
    node = parse("""
        [resources.nodes]
        path = "/nodes"
        key = ["id", "#"]
        shape = "tree"
        children = "items"
        documented = false
        secrets = ["/options/*", "/a~1b"]
        volatile = ["/seen"]
        schedule = "off"
        params = { deep = "true", "filter[type]" = "email" }
        envelope = { rows = "nodes" }
        points = { code = "c", type = "t", url = "u", token = "k" }
    """).resources["nodes"]

    assert (node.shape, node.children, node.paged, node.documented) == (Shape.TREE, "items", False, False)
    assert (node.key, node.secrets, node.volatile) == (("id", "#"), ("/options/*", "/a~1b"), ("/seen",))
    assert (node.schedule, node.params) == ("off", {"deep": "true", "filter[type]": "email"})
    assert node.envelope == Envelope(rows=("nodes",), total=("total",))
    assert node.points == PointFields(code="c", type="t", url="u", token="k")


def test_a_resource_has_the_envelope_of_its_source_but_for_what_it_says_itself() -> None:
    own = parse("""
        source = { envelope = { rows = "items", total = "count" } }
        [resources.a]
        path = "/a"
        [resources.b]
        path = "/b"
        envelope = { total = [] }
    """)

    assert own.resources["a"].envelope == Envelope(rows=("items",), total=("count",))
    assert own.resources["b"].envelope == Envelope(rows=("items",), total=())


def test_a_single_object_and_a_tree_are_read_in_one_request() -> None:
    for shape in ("object", "tree"):
        assert parse(f'{ONE}shape = "{shape}"').resources["products"].paged is False


def test_parents_stand_before_their_children_and_else_the_order_is_that_of_the_file() -> None:
    own = parse("""
        [resources.answers]
        path = "/tests/{tests}/questions/{parent}/answers"
        item_path = "/tests/{tests}/questions/{questions}/answers/{key}"
        parent = "questions"
        [resources.tags]
        path = "/tags"
        [resources.questions]
        path = "/tests/{tests}/questions"
        parent = "tests"
        [resources.tests]
        path = "/tests"
    """)

    assert list(own.resources) == ["tests", "questions", "answers", "tags"]
    assert own.resources["answers"].ancestors == ("tests", "questions")


@pytest.mark.parametrize(
    ("text", "where", "message", "hint"),
    [
        ("[sources]", "sources", "this key is not known", 'did you mean "source"?'),
        ("[source.pagin]", "source.pagin", "this key is not known", 'did you mean "paging"?'),
        (f'{ONE}clas = "traffic"', "resources.products.clas", "this key is not known", 'did you mean "class"?'),
        (f'{ONE}class = "set up"', "resources.products.class", '"set up" is not one', 'did you mean "set-up"?'),
        (f'{ONE}schdule = "5m"', "resources.products.schdule", "this key is not known", 'did you mean "schedule"?'),
        (f"{ONE}wholly_else = 1", "resources.products.wholly_else", "this key is not known", "there is: "),
        ("[resources.products]", "resources.products.path", "this key is missing", 'add path = …, such as "/products"'),
        ("", "resources", "lists no resource", "[resources.products]"),
        ("[resources]", "resources", "lists no resource", "[resources.products]"),
        ("resources = 3", "resources", "a table is expected, not a number", "write resources = { … }"),
        ("[resources]\nproducts = 3", "resources.products", "a table is expected", "write products = { … }"),
        (f"{ONE}title = 5", "resources.products.title", "a text is expected, not a number", "quotes"),
        (f"{ONE}title = 2020-01-01", "resources.products.title", "a text is expected, not a date or time", "quotes"),
        (f"{ONE}documented = 1", "resources.products.documented", "true or false is expected, not a number", "quotes"),
        (f"{ONE}page_size = 20000", "resources.products.page_size", "must be at most 10000", ""),
        (f'{ONE}title = ""', "resources.products.title", "must not be empty", ""),
        (f'{ONE}paged = "no"', "resources.products.paged", "true or false is expected, not a text", "without quotes"),
        (f"{ONE}secrets = 3", "resources.products.secrets", "a list of texts is expected, not a number", '["…", "…"]'),
        (f'{ONE}key = ["id", 3]', "resources.products.key", "a list of texts is expected", '["…", "…"]'),
        (f'{ONE}key = ["id", "id"]', "resources.products.key", "twice", "only once"),
        (f"{ONE}key = []", "resources.products.key", "the list is empty", '"$" for lists of texts'),
        (f'{ONE}key = ["#", "id"]', "resources.products.key", "nothing after it counts", 'put "#" last'),
        (f'{ONE}schedule = "often"', "resources.products.schedule", "often", '"5m"'),
        (f'{ONE}secrets = ["options"]', "resources.products.secrets", '"options" is not a JSON Pointer', '"/options/'),
        (f'{ONE}volatile = ["/a/"]', "resources.products.volatile", '"/a/" is not a JSON Pointer', "~1"),
        (f'{ONE}volatile = ["/a~b"]', "resources.products.volatile", "is not a JSON Pointer", "~0"),
        (f'{ONE}shape = "lists"', "resources.products.shape", '"lists" is not one of its values', '"list"?'),
        (f'{ONE}shape = "tree"\npaged = true', "resources.products.paged", "in one request", "leave paged out"),
        (f'{ONE}children = "items"', "resources.products.children", "only a tree has children", 'shape = "tree"'),
        (f'{ONE}sort = "id"', "resources.products.sort", "no parameter to sort by", "[source]"),
        (f"{ONE}envelope = {{ rows = [] }}", "resources.products.envelope.rows", "the list is empty", '"$"'),
        (f"{ONE}points = {{ code = 'c' }}", "resources.products.points.type", "this key is missing", "add type = …"),
        (f"{ONE}params = {{ deep = true }}", "resources.products.params.deep", "a text is expected", "quotes"),
        (f"{ONE}params = {{ limit = '5' }}", "resources.products.params.limit", "sets this parameter itself", "paging"),
    ],
)
def test_what_is_wrong_is_named_with_its_place_and_a_cure(text: str, where: str, message: str, hint: str) -> None:
    error = refused(text)

    assert error.field == where
    assert message in error.problem
    assert hint in error.hint


@pytest.mark.parametrize(
    ("columns", "where", "message"),
    [
        ('name = "txt"', "name", '"txt" is not one of its values'),
        ("name = 3", "name", "a text is expected"),
        ('groupId = "text", group_id = "text"', "group_id", 'it becomes the column group_id, as "groupId" does'),
        ('key = "text", key_ = "text"', "key_", 'it becomes the column key_, as "key" does'),
        ('"/opts/" = "text"', "/opts/", "is not a JSON Pointer"),
        ('"/opts/*" = "text"', "/opts/*", "points at many places"),
        ('"/opts/title" = "text", opts_title = "text"', "opts_title", 'as "/opts/title" does'),
        ('"—" = "text"', "—", "cannot become a column"),
        (f'{"x" * 64} = "text"', "x" * 64, "cannot become a column"),
    ],
)
def test_a_column_that_cannot_be_one_is_refused(columns: str, where: str, message: str) -> None:
    error = refused(f"{ONE}columns = {{ {columns} }}")

    assert error.field == f"resources.products.columns.{where}"
    assert message in error.problem


@pytest.mark.parametrize("name", ["Products", "2fa", "pro-ducts", '"pro ducts"', "x" * 51, '""', "é"])
def test_a_name_that_cannot_be_a_table_is_refused(name: str) -> None:
    quoted = name if name.isascii() else f'"{name}"'
    assert "cannot be the name of a table" in refused(f'[resources.{quoted}]\npath = "/x"').problem


@pytest.mark.parametrize("name", ["mirrorpoint_scan", "sqlite_master", "key", "parent"])
def test_a_name_that_is_taken_is_refused(name: str) -> None:
    assert "this name is taken" in refused(f'[resources.{name}]\npath = "/x"').problem


@pytest.mark.parametrize(
    "path", ["products", "https://host/products", "//host/products", "/pro ducts", "/p?a=1", "/p#x"]
)
def test_what_is_not_a_path_is_refused(path: str) -> None:
    error = refused(f'[resources.products]\npath = "{path}"')

    assert error.problem == f'"{path}" is not a path'
    assert "base_url" in error.hint


@pytest.mark.parametrize(
    ("path", "message", "hint"),
    [
        ("/products/currencies", 'its parent "products" goes', "add {parent}"),
        ("/products/{productId}/currencies", "{productId} stands for nothing", "there is: {parent}, {products}"),
        ("/products/{parent/currencies", "has no partner", "{parent}"),
        ("/products/{parent}/currencies/{key}", "{key} stands for nothing", "there is: {parent}, {products}"),
    ],
)
def test_the_path_of_a_nested_list_says_where_the_parents_keys_go(path: str, message: str, hint: str) -> None:
    error = refused(f'{ONE}[resources.currencies]\nparent = "products"\npath = "{path}"')

    assert error.field == "resources.currencies.path"
    assert message in error.problem
    assert hint in error.hint


def test_the_parent_may_be_called_by_its_name() -> None:
    own = parse(f'{ONE}[resources.currencies]\nparent = "products"\npath = "/products/{{products}}/currencies"')

    assert own.resources["currencies"].parent == "products"


def test_a_placeholder_needs_a_parent() -> None:
    error = refused('[resources.currencies]\npath = "/products/{parent}/currencies"')

    assert error.problem == "{parent} stands for nothing that is known"
    assert 'add parent = "…"' in error.hint


def test_an_item_path_says_where_the_key_goes() -> None:
    error = refused(f'{ONE}item_path = "/products/id"')

    assert (error.field, "{key}" in error.hint) == ("resources.products.item_path", True)


def test_a_parent_that_does_not_exist_is_refused_with_the_one_that_was_meant() -> None:
    error = refused(f'{ONE}[resources.notes]\npath = "/{{parent}}"\nparent = "product"')

    assert (error.field, error.problem) == ("resources.notes.parent", 'there is no resource "product"')
    assert error.hint == 'did you mean "products"?'


@pytest.mark.parametrize(
    ("parents", "circle"),
    [
        ({"a": "a"}, "a -> a"),
        ({"a": "b", "b": "a"}, "a -> b -> a"),
        ({"a": "b", "b": "c", "c": "b"}, "a -> b -> c -> b"),
    ],
)
def test_parents_that_go_in_a_circle_are_refused(parents: dict[str, str], circle: str) -> None:
    error = refused("\n".join(f'[resources.{a}]\npath = "/{{parent}}"\nparent = "{b}"' for a, b in parents.items()))

    assert error.problem == f"the parents go in a circle: {circle}"


@pytest.mark.parametrize(
    ("source", "where", "message"),
    [
        ('paging = { style = "cursor" }', "paging.next", "this key is missing"),
        ('paging = { style = "cursor", next = "has_more" }', "paging.next", "and not which"),
        ('paging = { style = "cursor", after = "/~" }', "paging.after", "is not a JSON Pointer"),
        ('paging = { style = "link", next = "Link", after = "id" }', "paging.after", "has no after"),
        ('paging = { limit = "n", offset = "n" }', "paging.offset", "the same parameter"),
        ('sorting = { order = "dir" }', "sorting.by", "this key is missing"),
        ('sign_in = { token = "/t" }', "sign_in.path", "this key is missing"),
        ('sign_in = { path = "signin", token = "/t" }', "sign_in.path", "is not a path"),
        ('sign_in = { path = "/signin" }', "sign_in.token", "this key is missing"),
        ('sign_in = { path = "/signin", token = [] }', "sign_in.token", "the list is empty"),
        ('sign_in = { path = "/signin", token = "t" }', "sign_in.token", "is not a JSON Pointer"),
        ('sign_in = { path = "/signin", token = "/*/t" }', "sign_in.token", "points at many places"),
        ('sign_in = { path = "/s", token = "/t", body = { at = 2020-01-01 } }', "sign_in.body.at", "a date or time"),
        ('sign_in = { path = "/s", token = "/t", refresh = { path = "/r" } }', "sign_in.refresh.token", "is missing"),
    ],
)
def test_a_wrong_source_is_refused(source: str, where: str, message: str) -> None:
    error = refused(f"[source]\n{source}\n{ONE}")

    assert error.field == f"source.{where}"
    assert message in error.problem


def test_pointers_of_the_sign_in_may_be_lists_of_which_the_first_that_fits_counts() -> None:
    own = parse(f'[source]\nsign_in = {{ path = "/s", token = ["/a", "/b/c"] }}\n{ONE}')

    assert own.sign_in is not None
    assert (own.sign_in.token, own.sign_in.expires, own.sign_in.refresh) == (("/a", "/b/c"), (), None)


@pytest.mark.parametrize("text", ["[resources", f"{ONE}{ONE}", "a = " + "[" * 5000])
def test_what_is_not_toml_is_refused(text: str) -> None:
    assert refused(text).problem.startswith("this is not valid TOML")


def test_an_error_reads_as_one_sentence_beside_its_cure_and_survives_pickling() -> None:
    error = refused(f'{ONE}schdule = "5m"')

    expected = "own.toml: resources.products.schdule: this key is not known"
    assert str(error) == expected
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.field, again.hint) == (expected, error.field, 'did you mean "schedule"?')
    assert str(CatalogueError("a.toml", "", "it is odd", "mend it")) == "a.toml: it is odd"


@pytest.mark.parametrize(
    ("lines", "where"),
    [
        ('key = ["code", "token"]\nsecrets = ["/token"]', "key"),
        ('secrets = ["/*"]', "key"),
        ('columns = { token = "text" }\nsecrets = ["/token"]', "columns.token"),
        ('columns = { "a/b" = "json" }\nsecrets = ["/a~1b"]', "columns.a/b"),
        ('created = "at"\nsecrets = ["/at"]', "created"),
        ('points = { code = "code", type = "t", url = "u", token = "k" }\nsecrets = ["/k", "/code"]', "points.code"),
    ],
)
def test_a_secret_that_would_stand_in_clear_elsewhere_is_refused(lines: str, where: str) -> None:
    error = refused(f"{ONE}{lines}")

    assert error.field == f"resources.products.{where}"
    assert "would stand in clear here" in error.problem
    assert "secrets" in error.hint


def test_secrets_inside_of_a_column_of_json_stay_sealed_there_and_are_no_fault() -> None:
    own = parse(f'{ONE}columns = {{ options = "json" }}\nsecrets = ["/options/password", "/*/*/key"]')

    assert own.resources["products"].secrets == ("/options/password", "/*/*/key")


@pytest.mark.parametrize(
    ("table", "where", "message"),
    [
        ('headers = { Authorization = "x" }', "source.headers.Authorization", "not the catalogue's to set"),
        ('headers = { "a b" = "x" }', "source.headers.a b", "must be the name of a header"),
        ('headers = { A = "x", a = "y" }', "source.headers.a", "there twice"),
        ('headers = { A = "ключ" }', "source.headers.A", "no header can carry"),
        ('params = { offset = "1" }', "source.params.offset", "sets this parameter itself"),
    ],
)
def test_what_a_source_cannot_send_is_refused(table: str, where: str, message: str) -> None:
    error = refused(f"[source]\n{table}\n{ONE}")

    assert error.field == where
    assert message in error.problem
