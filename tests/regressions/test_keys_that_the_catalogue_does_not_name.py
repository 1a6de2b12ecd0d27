"""A Back Office whose entities are called by a name like that of their path is mirrored, with the lists below them.

Else a list whose rows have `productId` in place of `id` stays empty, and nothing below it is ever read.
"""

from __future__ import annotations

import re

import pytest

from changes import normalise
from changes.resources import Resource, Shape
from upstream import catalogue

BACKOFFICE = catalogue.load("backoffice").resources
#: Shown with just these keys in the documents.
SHOWN = {"currencies", "client_2fa_methods", "client_permissions"}


@pytest.mark.parametrize("resource", BACKOFFICE.values(), ids=lambda each: each.name)
def test_a_list_of_records_with_a_path_of_their_own_has_a_key_to_fall_back_on(resource: Resource) -> None:
    if resource.shape is Shape.OBJECT or resource.key == ("$",) or resource.name in SHOWN:
        return
    names = [name for name in resource.key if name != "#"]
    assert "id" in names, resource.name
    other = next(name for name in names if name != "id")
    batch = normalise.read(resource, [{other: 7}], parent_key="1", seal=lambda value: value)
    assert ["7"] == [record.id.key for record in batch.records]
    assert re.search(r"Id$|^name$", other)


def test_a_row_that_has_another_key_than_the_catalogue_names_is_told_with_it() -> None:
    resource = catalogue.parse('[resources.products]\npath = "/p"', name="own", origin="own.toml").resources["products"]
    batch = normalise.read(resource, [{"productId": 7, "name": "x"}], parent_key="", seal=lambda value: value)
    assert batch.skipped == ("products: row 1 has no id that could be its key; it has productId",)
