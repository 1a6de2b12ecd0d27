"""Keys that nobody has, made up to see whether an own path denies anything."""

from __future__ import annotations

import random
import re

import pytest

from tasks.scan import own_path


@pytest.mark.parametrize(
    ("key", "form"),
    [
        ("7", r"2147483\d{3}"),
        ("1234567890123456789", r"1234567\d{12}"),
        ("6b1c2f30-0a1b-4c2d-8e3f-0123456789ab", r"6b1c2f30-0a1b-4c2d-8e3f-[0-9a-f]{12}"),
        ("USD", r"[A-Z]{3}[a-z]{9}"),
        ("a/Warehouse-North", r"a/Wa[a-z]{7}-[A-Z][a-z]{4}"),
        ("ключ", r"ключ[a-z]{12}"),
    ],
)
def test_a_key_that_nobody_has_is_of_the_same_kind(key: str, form: str) -> None:
    made = own_path.invented(key, random.Random(1))
    assert re.fullmatch(form, made), made
    assert made != key
