"""The pointers of catalogues, with `*`."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changes import pointers
from tests.unit.json_values import fixed, members, values

DOCUMENT = {
    "id": 1,
    "options": {"user": "u", "password": "p"},
    "list": [{"t": 1, "u": 2}, {"t": 3}],
    "a/b": {"~": 4},
    "empty": [],
    "nothing": None,
}


def starred(*paths: str) -> Any:
    return pointers.rewritten(DOCUMENT, pointers.compiled(paths), lambda _, old: f"*{old}")


@pytest.mark.parametrize(
    ("path", "replaced"),
    [
        ("/id", {"id": "*1"}),
        ("/options", {"options": "*{'user': 'u', 'password': 'p'}"}),
        ("/options/password", {"options": {"user": "u", "password": "*p"}}),
        ("/options/*", {"options": {"user": "*u", "password": "*p"}}),
        ("/list/*/t", {"list": [{"t": "*1", "u": 2}, {"t": "*3"}]}),
        ("/list/1", {"list": [{"t": 1, "u": 2}, "*{'t': 3}"]}),
        ("/list/0/u", {"list": [{"t": 1, "u": "*2"}, {"t": 3}]}),
        ("/a~1b/~0", {"a/b": {"~": "*4"}}),
        ("/*/password", {"options": {"user": "u", "password": "*p"}}),
        ("/absent", {}),
        ("/id/below", {"id": "*1"}),
        ("/options/user/deep/*", {"options": {"user": "*u", "password": "p"}}),
        ("/list/t", {"list": "*[{'t': 1, 'u': 2}, {'t': 3}]"}),
        ("/list/*/t/x", {"list": [{"t": "*1", "u": 2}, {"t": "*3"}]}),
        ("/list/*/t/*/x", {"list": [{"t": "*1", "u": 2}, {"t": "*3"}]}),
        ("/*/0/t", {"list": [{"t": "*1", "u": 2}, {"t": 3}]}),
        ("/empty/*/t", {}),
        ("/nothing/t", {}),
        ("/list/7", {}),
    ],
)
def test_a_pointer_names_what_it_says(path: str, replaced: dict[str, Any]) -> None:
    assert starred(path) == {**DOCUMENT, **replaced}


def test_a_star_and_a_name_beside_it_both_count() -> None:
    document = {"a": {"x": 1, "y": 2, "z": 3}, "b": {"x": 4, "y": 5}}
    rest, taken = pointers.parted(document, pointers.compiled(("/*/x", "/a/y")))
    assert rest == {"a": {"z": 3}, "b": {"y": 5}}
    assert taken == {"/a/x": 1, "/a/y": 2, "/b/x": 4}


@pytest.mark.parametrize(
    "paths", [("/options", "/options/password"), ("/options/password", "/options"), ("/options/*", "/*")]
)
def test_of_a_value_and_what_is_in_it_the_value_is_taken_whole(paths: tuple[str, ...]) -> None:
    taken = pointers.parted(DOCUMENT, pointers.compiled(paths))[1]
    assert taken["/options"] == DOCUMENT["options"]
    assert "/options/password" not in taken


def test_elements_are_counted_as_they_were_before_any_was_taken() -> None:
    assert pointers.parted([0, 1, 2], pointers.compiled(("/0", "/1"))) == ([2], {"/0": 0, "/1": 1})


def test_a_part_is_taken_only_where_the_path_leads_all_the_way_unless_strictly() -> None:
    paths = pointers.compiled(("/id/below", "/list/t"))
    assert pointers.parted(DOCUMENT, paths) == (DOCUMENT, {})
    assert pointers.parted(DOCUMENT, paths, is_strict=True)[1] == {"/id": 1, "/list": DOCUMENT["list"]}


@pytest.mark.parametrize(
    "pointer", ["/absent", "/id/x", "/options/user/0", "/list/2", "/list/x", "/list/-1", "/nothing/x"]
)
def test_a_pointer_that_leads_nowhere_is_a_lookup_error(pointer: str) -> None:
    with pytest.raises(LookupError):
        pointers.resolved(DOCUMENT, pointer)


def test_no_pointers_leave_the_very_value() -> None:
    assert pointers.rewritten(DOCUMENT, pointers.compiled(()), lambda _, old: None) is DOCUMENT


@pytest.mark.parametrize("pointer", ["", "id", "#/id", "/a~", "/a~2b"])
def test_what_is_no_pointer_is_refused(pointer: str) -> None:
    with pytest.raises(ValueError, match="is not a JSON Pointer"):
        pointers.compiled((pointer,))


@fixed
@given(value=values, steps=st.lists(st.lists(members, min_size=1, max_size=3), max_size=3))
def test_what_was_taken_was_there_and_is_not_in_the_rest(value: Any, steps: list[list[str]]) -> None:
    paths = pointers.compiled(tuple("".join("/" + pointers.escape(step) for step in path) for path in steps))
    untouched = repr(value)
    rest, taken = pointers.parted(value, paths)
    assert repr(value) == untouched
    for pointer, old in taken.items():
        assert pointers.resolved(value, pointer) == old
    if isinstance(value, dict):
        assert pointers.parted(rest, paths) == (rest, {}) or any(isinstance(member, list) for member in value.values())


@fixed
@given(steps=st.lists(members, min_size=1, max_size=4))
def test_a_pointer_made_of_any_names_is_split_into_them(steps: list[str]) -> None:
    assert list(pointers.split("".join("/" + pointers.escape(step) for step in steps))) == steps
