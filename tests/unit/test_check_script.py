"""The program that outsiders run makes of any JSON the form that the digests are made of."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changes import bodies, digests, fingerprint
from record import check_script
from record.check_script import Number
from tests.unit.json_values import fixed, values

digit_texts = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "-"]),
    st.integers(0, 10**25).map(str),
    st.one_of(st.just(""), st.text("0123456789", min_size=1, max_size=40).map(".{}".format)),
    st.one_of(st.just(""), st.integers(-40, 40).map("e{}".format)),
)


def canonical(text: str) -> str:
    return check_script.canonical(json.loads(text, parse_int=Number, parse_float=Number))


@fixed
@given(values)
def test_it_agrees_on_values_as_they_are_stored(value: Any) -> None:
    form = fingerprint.canonical(value).decode()
    assert canonical(form) == form


@fixed
@given(values)
def test_it_agrees_on_values_in_another_order_and_with_white_space(value: Any) -> None:
    form = fingerprint.canonical(value).decode()
    assert canonical(json.dumps(json.loads(form), indent=3)) == form


@fixed
@given(st.lists(digit_texts, min_size=1, max_size=20))
def test_it_agrees_on_numbers_however_they_are_written(numbers: list[str]) -> None:
    text = f"[{','.join(numbers)}]"
    assert canonical(text) == fingerprint.canonical(bodies.parse(text)).decode()


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("-0.0", "0"),
        ("1.0", "1"),
        ("1e2", "100"),
        ("1E400", "1" + "0" * 400),
        ("0.1", "0.1"),
        ("0.10", "0.1"),
        ("0.0001", "0.0001"),
        ("1e-5", "0.00001"),
        ("2.5e-05", "0.000025"),
        ("1e-6", "1e-6"),
        ("1.5e-09", "1.5e-9"),
        ("1e-10", "1e-10"),
        ("5e-324", "5e-324"),
        ("1e-400", "0." + "0" * 399 + "1"),
        ("0.30000000000000004", "0.30000000000000004"),
        ("0.1000000000000000055511151231257827", "0.1000000000000000055511151231257827"),
        ("123456789012345678901234567890.5", "123456789012345678901234567890.5"),
        ("9007199254740993", "9007199254740993"),
    ],
)
def test_numbers_have_the_form_that_the_record_page_tells(written: str, form: str) -> None:
    assert canonical(written) == form
    assert fingerprint.canonical(bodies.parse(written)).decode() == form


def test_a_number_may_have_more_digits_than_python_reads_and_not_more_than_anybody_signs() -> None:
    assert canonical("7" * 5000) == "7" * 5000
    assert canonical(f"0.{'7' * 5000}") == f"0.{'7' * 5000}"
    for written in ("1e999999999", "1e-999999999"):
        with pytest.raises(ArithmeticError):
            canonical(written)


@fixed
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_texts_are_escaped_alike(text: str) -> None:
    held = fingerprint.repaired(text)
    assert check_script.canonical(held) == fingerprint.canonical(held).decode()


def test_it_hashes_what_the_log_hashes_in_the_same_order() -> None:
    row = dict(zip(check_script.FIELDS, range(len(check_script.FIELDS)), strict=True))
    taken = digests.of_change.__code__.co_varnames[: digests.of_change.__code__.co_argcount]
    assert tuple(check_script.FIELDS) == taken
    assert len(row) == 14


def test_it_is_a_page_that_anybody_can_read_and_needs_one_package() -> None:
    text = Path(check_script.__file__).read_text("utf-8")
    assert len(text.splitlines()) < 80
    modules = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name or "").partition(".")[0]
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert modules - set(sys.stdlib_module_names) == {"cryptography"}
