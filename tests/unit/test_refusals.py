"""What is kept of a refusing answer: readable, bounded, and nothing that the receiver was trusted with."""

from __future__ import annotations

import base64
import gzip
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhooks import refusals
from webhooks.refusals import Refusal
from webhooks.target import Target

KEY = bytes(range(100, 132))
SIGNING = "whsec_" + base64.b64encode(KEY).decode()
TARGET = Target(
    "A",
    "https://hook.example/in?key=query-secret-1&x=1",
    token="tok/en with+signs-123456",
    secrets=(SIGNING,),
    headers=(("X-Api-Key", "header-secret-77"), ("X-Pin", "9431"), ("X-Small", "7")),
    proxy="http://mirror:proxy-pass%2Fword@proxy.example:3128",
)


def text(body: str | bytes, content_type: str = "", *, target: Target = TARGET, **more: str) -> str | None:
    raw = body.encode() if isinstance(body, str) else body
    kept = bytearray(raw[: refusals.READ_BYTES])
    return refusals.text(Refusal(content_type, body=kept, read_bytes=len(raw), **more), target)


@pytest.mark.parametrize(
    ("body", "content_type", "said"),
    [
        ("no such hook", "text/plain", "no such hook"),
        ('{"error": "schema"}', "application/json", '{"error": "schema"}'),
        ("Grüße".encode("latin-1"), "text/plain; charset=ISO-8859-1", "Grüße"),
        ("Grüße".encode("utf-16"), 'text/plain; charset="utf-16"', "Grüße"),
        ("Grüße".encode(), "text/plain", "Grüße"),
        (b"\xff\xfe!", "text/plain", "��!"),
        ("Grüße".encode(), "text/plain; charset=nonsense", "Grüße"),
        ("Grüße".encode(), "text/plain; charset=utf-8859", "Grüße"),
        (b"\\x41", "text/plain; charset=unicode_escape", "\\x41"),
        (b"4142", "text/plain; charset=hex", "4142"),
        ("a\r\nb\tc\n", "", "a\nb\tc"),
        ("\x1b[31mred\x00\x7f", "", "\\x1b[31mred\\x00\\x7f"),
        ("abc\u202edef\u200b\u2028", "", "abc\\u202edef\\u200b\\u2028"),
        ("🎉 日本", "", "🎉 日本"),
        ("", "", None),
        ("  \n ", "", None),
    ],
)
def test_it_is_text_that_no_screen_and_no_database_stumbles_over(
    body: str | bytes, content_type: str, said: str | None
) -> None:
    assert text(body, content_type) == said


def test_its_first_2_kb_are_kept() -> None:
    assert text("x" * 100_000) == "x" * 2048


def test_what_is_packed_is_told_and_not_unpacked() -> None:
    packed = gzip.compress(b"x" * 10)
    assert text(packed, content_encoding="gzip") == f"(gzip, {len(packed)} bytes)"
    assert text(b"plain", content_encoding="identity") == "plain"


def test_a_redirect_says_where_to() -> None:
    assert text("moved", location="https://hook.example/in/?key=query-secret-1") == (
        "Location: https://hook.example/in/?key=[secret]\n\nmoved"
    )


_SECRETS = {
    "the token": TARGET.token or "",
    "the token with its scheme": f"Bearer {TARGET.token}",
    "the token for a URL": quote(TARGET.token or "", safe=""),
    "the token in base64": base64.b64encode((TARGET.token or "").encode()).decode(),
    "the token in capitals": (TARGET.token or "").upper(),
    "the signing secret": SIGNING,
    "the signing secret without its mark": SIGNING.removeprefix("whsec_"),
    "the signing key in hexadecimal": KEY.hex(),
    "a header": "header-secret-77",
    "a short header": "9431",
    "the query": "query-secret-1",
    "the proxy's password": "proxy-pass/word",
    "the proxy's password as written": "proxy-pass%2Fword",
    "what the proxy is shown": base64.b64encode(b"mirror:proxy-pass/word").decode(),
}


@pytest.mark.parametrize("name", _SECRETS)
def test_secrets_are_cut_out(name: str) -> None:
    secret = _SECRETS[name]
    for body in (f"got {secret}.", f"<{secret}>{secret}", json.dumps({"got": secret})):
        said = text(body) or ""
        assert refusals.CUT_OUT in said
        assert all(
            secret[at : at + 8].lower() not in said.lower()
            for at in range(max(len(secret) - 7, 1))
            if "Bear" not in secret[at:]
        )


def test_what_stands_around_a_secret_stays() -> None:
    assert text("key header-secret-77 is not known here") == "key [secret] is not known here"
    assert text("pin 9431, try 7") == "pin [secret], try 7"


@given(st.integers(0, 30), st.integers(8, 40), st.text(max_size=50), st.text(max_size=50))
def test_a_part_of_a_secret_is_cut_out_too(start: int, length: int, before: str, behind: str) -> None:
    part = SIGNING[start : start + length]
    said = text(f"{before}{part}{behind}".encode("utf-8", "replace")) or ""
    assert all(part[at : at + 8] not in said for at in range(len(part) - 7))


@given(st.integers(2000, 2060))
def test_a_secret_at_the_end_of_what_is_kept_is_cut_out_whole(length: int) -> None:
    said = text("x" * length + SIGNING) or ""
    assert "whsec_" not in said
    assert len(said) <= 2048


@given(st.binary(max_size=300), st.text(max_size=40))
def test_no_answer_breaks_it(body: bytes, content_type: str) -> None:
    said = text(body, content_type)
    assert said is None or (said == said.strip() and "\x00" not in said and said.encode())
