"""Names and keys of resources."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changes import resources
from tests.unit.json_values import fixed, texts

keys = st.lists(st.one_of(texts.filter(bool), st.sampled_from(["a/b", "%2F", "%", "/", "%25", "%252F"])), max_size=4)


@fixed
@given(parents=keys)
def test_joined_keys_are_split_into_the_same(parents: list[str]) -> None:
    assert resources.split_keys(resources.join_keys(tuple(parents))) == tuple(parents)


@fixed
@given(parents=keys, key=st.sampled_from(["7", "a/b", "%"]))
def test_a_child_has_its_parent_last(parents: list[str], key: str) -> None:
    joined = resources.child_parent_key(resources.join_keys(tuple(parents)), key)
    assert resources.split_keys(joined) == (*parents, key)


@pytest.mark.parametrize(
    ("member", "column"),
    [
        ("groupId", "group_id"),
        ("name", "name"),
        ("2faRequired", "_2fa_required"),
        ("key", "key_"),
        ("xmin", "xmin_"),
        ("rowId", "row_id"),
        ("rowid", "rowid_"),
        ("version", "version_"),
        ("alpha2Code", "alpha2_code"),
        ("a-b.c", "a_b_c"),
    ],
)
def test_a_member_is_a_column_in_snake_case(member: str, column: str) -> None:
    assert resources.column_name(member) == column
