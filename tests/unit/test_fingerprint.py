"""The canonical form of a value and the fingerprint of a document."""

from __future__ import annotations

import inspect
import json
import random
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changes import fingerprint, normalise
from tests.unit.json_values import documents, fixed, resource, shuffled, values


def nested(levels: int, innermost: Any = 1) -> Any:
    value = innermost
    for _ in range(levels):
        value = [value]
    return value


@fixed
@given(value=values)
def test_the_canonical_form_parsed_has_the_same_canonical_form(value: Any) -> None:
    once = fingerprint.canonical(value)
    assert fingerprint.canonical(normalise.parse(once)) == once


@fixed
@given(value=values)
def test_the_canonical_form_holds_the_value_itself(value: Any) -> None:
    assert normalise.parse(fingerprint.canonical(value)) == value


@fixed
@given(value=values, seed=st.integers(0, 2**32))
def test_neither_the_order_of_members_nor_the_type_of_a_number_matters(value: Any, seed: int) -> None:
    assert fingerprint.canonical(shuffled(value, random.Random(seed))) == fingerprint.canonical(value)


@fixed
@given(a=values, b=values)
def test_the_form_of_a_part_is_the_part_of_the_form(a: Any, b: Any) -> None:
    form_a, form_b = fingerprint.canonical(a), fingerprint.canonical(b)
    assert fingerprint.canonical([a, b]) == b"[" + form_a + b"," + form_b + b"]"
    assert fingerprint.canonical({"y": b, "x": a}) == b'{"x":' + form_a + b',"y":' + form_b + b"}"


@fixed
@given(a=values, b=values)
def test_equal_forms_mean_equal_values(a: Any, b: Any) -> None:
    if fingerprint.canonical(a) == fingerprint.canonical(b):
        assert a == b


@pytest.mark.parametrize(
    ("a", "b"),
    [(1.0, 1), (1e3, 1000), (-0.0, 0), (1e16, 10**16), (1e22, 10**22), (1e23, 10**23), ([{"a": 2.0}], [{"a": 2}])],
)
def test_a_float_without_a_fraction_is_the_integer(a: Any, b: Any) -> None:
    assert fingerprint.canonical(a) == fingerprint.canonical(b)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (1, "1"),
        (1, True),
        ("1", True),
        (0, False),
        (0, None),
        ("", None),
        ([], {}),
        ([1], [True]),
        (2**64, 2**64 + 1),
        (-(2**63), -(2**63) - 1),
        (1.5, 1),
        (10**400, 10**400 + 1),
    ],
)
def test_different_values_have_different_forms(a: Any, b: Any) -> None:
    assert fingerprint.canonical(a) != fingerprint.canonical(b)


def test_text_that_looks_like_numbers_stays_text() -> None:
    value = {"version": "1.0", "sum": "2e+5", "list": ["3.0"], "written": '.0,"'}
    assert json.loads(fingerprint.canonical(value)) == value


def test_members_are_sorted_by_code_point_on_both_ways() -> None:
    names = ["z", "\U0001f600", "\uffee", "a", "Z", "é"]
    plain = dict.fromkeys(names, 1)
    with_huge = dict.fromkeys(names, 2**70)
    assert list(json.loads(fingerprint.canonical(plain))) == sorted(names)
    assert list(json.loads(fingerprint.canonical(with_huge))) == sorted(names)


def test_characters_of_four_bytes_are_kept_as_they_are() -> None:
    assert fingerprint.written({"name": "\U0001f600"}) == ('{"name":"\U0001f600"}'.encode(), False)


def test_nul_and_half_characters_are_replaced_in_names_and_values_and_told() -> None:
    form, was_repaired = fingerprint.written({"a\x00": ["b\x00c", {"d": "\ud83d"}]})
    assert form.decode() == '{"a\u2400":["b\u2400c",{"d":"\ufffd"}]}'
    assert was_repaired is True


@pytest.mark.parametrize(
    ("value", "form"), [("\x00", '"\u2400"'), ({"\x00": 1}, '{"\u2400":1}'), ("\udc00", '"\ufffd"')]
)
def test_each_of_them_is_found_by_itself(value: Any, form: str) -> None:
    assert fingerprint.written(value) == (form.encode(), True)


def test_a_written_backslash_is_not_taken_for_a_nul() -> None:
    form, was_repaired = fingerprint.written({"path": "C:\\u0000"})
    assert json.loads(form) == {"path": "C:\\u0000"}
    assert was_repaired is False


def test_a_number_that_only_changes_its_type_is_not_told_as_repaired() -> None:
    assert fingerprint.written({"a": 1.0, "b": 2**70}) == (b'{"a":1,"b":1180591620717411303424}', False)


@pytest.mark.parametrize("innermost", [1, 2**70, 1.0, "\x00", "\ud800"], ids=["plain", "huge", "float", "nul", "half"])
def test_the_same_depth_is_too_deep_whatever_the_document_holds(innermost: Any) -> None:
    fingerprint.written(nested(fingerprint.DEEPEST_DOCUMENT, innermost))
    with pytest.raises(ValueError, match="nested deeper than 254 levels"):
        fingerprint.written(nested(fingerprint.DEEPEST_DOCUMENT + 1, innermost))


def test_a_value_around_the_deepest_document_still_has_a_form() -> None:
    value = {"previous": {"": nested(fingerprint.DEEPEST_DOCUMENT)}}
    assert normalise.parse(fingerprint.canonical(value)) == value


def test_depth_without_end_is_an_error_and_no_crash() -> None:
    with pytest.raises(ValueError, match="nested"):
        fingerprint.canonical(nested(100_000))


def test_a_stack_that_is_nearly_used_up_is_an_error_and_no_crash() -> None:
    def further_down(calls: int) -> bytes:
        return further_down(calls - 1) if calls else fingerprint.canonical(nested(250, "\x00"))

    depth = len(inspect.stack(0))
    with pytest.raises(ValueError, match="nested too deep"):
        further_down(sys.getrecursionlimit() - depth - 100)


def test_names_that_cannot_be_told_apart_once_they_are_repaired_cost_their_row() -> None:
    with pytest.raises(ValueError, match="cannot be told apart"):
        fingerprint.written({"a" + half: 1 for half in ("\ud800", "\udfff")})


def test_what_is_no_json_is_not_written_as_its_text() -> None:
    with pytest.raises(TypeError):
        fingerprint.compact({"a": {1, 2}})


def test_a_number_beyond_all_bounds_is_refused() -> None:
    with pytest.raises(ValueError, match="beyond all bounds"):
        fingerprint.canonical({"a": normalise.parse(b"[1e4400]")})


def test_a_fingerprint_is_the_rule_and_the_hash() -> None:
    mark = fingerprint.fingerprint(resource(), {"id": 1})
    rule, digest = mark.split(":")
    assert (rule, len(digest)) == (fingerprint.prefix(resource()), 32)
    assert rule[0] == fingerprint.RULE
    assert fingerprint.main_hash(mark) == digest


def test_the_fingerprints_of_this_rule_stay_as_they_are() -> None:
    """Whoever changes these strings must raise RULE, or each record of every mirror is told as updated."""
    told = {"id": 42, "name": "Grüße \U0001f600", "rate": 1.5, "sum": 10.0, "tags": ["a", None, True], "huge": 2**65}
    assert fingerprint.fingerprint(resource(), told) == "1643d:9ddc0fc07cabe88206b2bbba076216fa"
    volatile = resource(secrets=("/token",), volatile=("/rate", "/tags/*"))
    assert (
        fingerprint.fingerprint(volatile, told)
        == "10bf7:9f10326d6fd3b468efd1fb88c9425eeb:c4ad442614736fcb73590c41a5e2328c"
    )


def test_another_list_of_secrets_or_volatile_fields_is_another_rule() -> None:
    rules = {
        fingerprint.prefix(resource()),
        fingerprint.prefix(resource(secrets=("/a",))),
        fingerprint.prefix(resource(volatile=("/a",))),
        fingerprint.prefix(resource(secrets=("/a", "/b"))),
    }
    assert len(rules) == 4
    assert fingerprint.prefix(resource(secrets=("/b", "/a"))) in rules


def test_a_volatile_field_alone_changes_the_last_part_only() -> None:
    accounts = resource("accounts", volatile=("/statement",))
    calm = fingerprint.fingerprint(accounts, {"id": 1, "statement": {"equity": "10"}})
    busy = fingerprint.fingerprint(accounts, {"id": 1, "statement": {"equity": "11"}})
    gone = fingerprint.fingerprint(accounts, {"id": 1})
    other = fingerprint.fingerprint(accounts, {"id": 2, "statement": {"equity": "10"}})
    assert len({calm, busy, gone, other}) == 4
    assert fingerprint.same_meaning(calm, busy)
    assert fingerprint.same_meaning(calm, gone)
    assert not fingerprint.same_meaning(calm, other)
    assert fingerprint.same_rule(calm, other)
    other_rule = fingerprint.fingerprint(resource(secrets=("/token",)), {"id": 1})
    assert not fingerprint.same_rule(fingerprint.fingerprint(resource(), {"id": 1}), other_rule)
    assert not fingerprint.same_meaning(fingerprint.fingerprint(resource(), {"id": 1}), other_rule)


@fixed
@given(document=documents, seed=st.integers(0, 2**32))
def test_one_document_has_one_fingerprint(document: Any, seed: int) -> None:
    volatile = resource(volatile=("/name", "/*/id"))
    other = shuffled(document, random.Random(seed))
    assert fingerprint.fingerprint(volatile, other) == fingerprint.fingerprint(volatile, document)
