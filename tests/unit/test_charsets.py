"""Text arrives as it was sent, whatever charset it came in."""

from __future__ import annotations

import codecs

import pytest

from changes import fingerprint, normalise
from tests.unit.json_values import resource
from upstream import charsets

TEXT = '{"data":[{"code":"Müller"},{"code":"Möller"},{"code":"Qué"},{"code":"Què"}],"total":4}'
RUSSIAN = '[{"name":"Иванов"},{"name":"Петров"}]'


@pytest.mark.parametrize(
    ("text", "charset", "header"),
    [
        (TEXT, "iso-8859-1", "application/json; charset=ISO-8859-1"),
        (TEXT, "latin-1", 'application/json; charset="latin1"'),
        (TEXT, "cp1252", "application/json;charset=windows-1252"),
        (RUSSIAN, "cp1251", "application/json; charset=windows-1251"),
        (RUSSIAN, "koi8-r", "text/json; Charset = KOI8-R; profile=x"),
        (RUSSIAN, "shift_jis", "application/json; charset=Shift_JIS"),
        (RUSSIAN, "gb18030", "application/json; charset=gb18030"),
        (TEXT, "utf-8", "application/json; charset=ISO-8859-1"),
        (TEXT, "utf-8", "application/json; charset=nonsense"),
        (TEXT, "utf-8", ""),
        (TEXT, "utf-16", "application/json"),
        (TEXT, "utf-16-le", "application/json; charset=utf-8"),
        (TEXT, "utf-16-be", ""),
        (TEXT, "utf-32", ""),
        (TEXT, "utf-32-be", ""),
    ],
)
def test_text_in_any_charset_is_read_as_it_was_meant(text: str, charset: str, header: str) -> None:
    assert text == charsets.in_utf8(text.encode(charset), header).decode()


@pytest.mark.parametrize(
    "header", ["", "application/json", "application/json; charset=utf-8", "x; charset=rot13", "x; charset=punycode"]
)
def test_what_nobody_can_tell_stays_as_it_is(header: str) -> None:
    body = TEXT.encode("latin-1")
    assert body == charsets.in_utf8(body, header)


@pytest.mark.parametrize(
    ("body", "header"),
    [
        ('["ü","\ud800"]'.encode("utf-16", "surrogatepass"), ""),
        ('["и","'.encode("shift_jis") + b'\xff"]', "x; charset=shift_jis"),
        (b'["\xfc","\x81"]', "x; charset=windows-1252"),
        (codecs.BOM_UTF8 + '["ü","'.encode() + b'\xff"]', "x; charset=windows-1252"),
    ],
)
def test_a_character_that_its_charset_does_not_have_spoils_no_other(body: bytes, header: str) -> None:
    first, second = normalise.parse(charsets.in_utf8(body, header))
    assert fingerprint.repaired(first) == first
    assert fingerprint.repaired(second) != second


def test_a_bad_byte_of_one_row_does_not_change_how_the_others_are_read() -> None:
    body = '[{"id":"Müller"},{"id":"Möller"},{"id":"'.encode() + b'caf\xe9"}]'

    rows = normalise.parse(charsets.in_utf8(body, "application/json; charset=ISO-8859-1"))
    assert ["Müller", "Möller", "café"] == [row["id"] for row in rows]


def test_a_mark_at_the_start_is_no_part_of_the_text() -> None:
    body = codecs.BOM_UTF8 + TEXT.encode()
    assert 4 == len(normalise.rows_of(resource(), normalise.parse(charsets.in_utf8(body, ""))).rows)


def test_two_keys_that_cannot_be_read_stay_two_records() -> None:
    rows = normalise.rows_of(resource(key=("code",)), normalise.parse(TEXT.encode("latin-1"))).rows
    batch = normalise.read(resource(key=("code",)), rows, parent_key="", seal=lambda value: value)

    assert (4, 0, 4) == (len({record.id.key for record in batch.records}), batch.doubles, batch.repaired)
    assert all(fingerprint.repaired(record.id.key) == record.id.key for record in batch.records)
