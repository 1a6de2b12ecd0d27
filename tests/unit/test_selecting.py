"""What a person means by RESOURCE."""

from __future__ import annotations

import pytest

from upstream import catalogue
from upstream.catalogue import Catalogue
from worker.commands import selecting
from worker.problems import UsageError


def made(*names: str) -> Catalogue:
    text = "".join(f'[resources.{name}]\npath = "/{name}"\n' for name in names)
    return catalogue.parse(text, name="c", origin="c.toml")


CATALOGUES = {"east": made("products", "product_notes"), "west": made("products", "clients")}


@pytest.mark.parametrize(
    ("text", "source", "expected"),
    [
        ("clients", None, "west"),
        ("west:products", None, "west"),
        ("products", "east", "east"),
        ("east:products", "east", "east"),
    ],
)
def test_a_resource_is_found_in_its_source(text: str, source: str | None, expected: str) -> None:
    found, resource = selecting.resource(CATALOGUES, text, source_name=source)
    assert (found, resource.name) == (expected, text.rpartition(":")[2])


@pytest.mark.parametrize(
    ("text", "source", "hint"),
    [
        ("products", None, "say which with --source, or write one of east:products, west:products"),
        ("product", None, 'did you mean "products"?'),
        ("clients", "east", "there is: product_notes, products"),
        ("products", "eats", 'did you mean "east"?'),
        ("east:products", "west", "leave one of them out"),
    ],
)
def test_what_is_not_clear_is_answered_with_what_may_be_meant(text: str, source: str | None, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        selecting.resource(CATALOGUES, text, source_name=source)
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((), ["east:products", "east:product_notes", "west:products", "west:clients"]),
        (("product*",), ["east:products", "east:product_notes", "west:products"]),
        (("west:*",), ["west:products", "west:clients"]),
        (("clients", "products"), ["east:products", "west:products", "west:clients"]),
    ],
)
def test_several_are_chosen_by_names_and_globs(names: tuple[str, ...], expected: list[str]) -> None:
    assert [f"{source}:{each.name}" for source, each in selecting.resources(CATALOGUES, names)] == expected


@pytest.mark.parametrize("name", ["east:products", "ea*:products", "east:*"])
def test_a_source_that_is_named_twice_must_be_the_same(name: str) -> None:
    with pytest.raises(UsageError, match="and --source says west"):
        selecting.resources(CATALOGUES, (name,), source_name="west")
    assert selecting.resources(CATALOGUES, (name,), source_name="east")


def test_a_name_that_fits_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match='there is no resource "orders"'):
        selecting.resources(CATALOGUES, ("orders",))
