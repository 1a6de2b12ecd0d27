"""Brings the text of an answer to UTF-8, whatever it was sent in; used by the client for every answer.

A mark at its start decides, then where its zeros are (RFC 4627, section 3). JSON is UTF-8 (RFC 8259, section 8.1), so
what is valid UTF-8 is taken for that, whatever the header says; else the header's charset counts.
"""

from __future__ import annotations

import codecs
import re

_CHARSET = re.compile(r"""(?i)\bcharset\s*=\s*["']?([\w.:+-]+)""")
#: The longer ones first: UTF-32's begins with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: Where the zeros of the first four bytes are, as the first character of JSON is ASCII.
_ZEROS = {
    b"\0\1\1\1": "utf-32-le",
    b"\1\1\1\0": "utf-32-be",
    b"\0\1\0\1": "utf-16-le",
    b"\1\0\1\0": "utf-16-be",
}
#: Codecs of Python that decode no charset, but something that could be anything.
_NO_CHARSETS = frozenset({"unicode-escape", "raw-unicode-escape", "idna", "punycode", "undefined", "mbcs", "oem"})


def in_utf8(body: bytes, content_type: str) -> bytes:
    """The body in UTF-8; as it is where that is what it is, or nobody can tell what it is."""
    mark = next((name for mark, name in _MARKS if body.startswith(mark)), None)
    if mark == "utf-8-sig":
        return body.removeprefix(codecs.BOM_UTF8)
    if mark is not None:
        return _decoded(body, mark)
    if len(body) >= 4 and 0 in body[:4]:  # no character of JSON's own is a zero
        return _decoded(body, _ZEROS.get(bytes(byte == 0 for byte in body[:4]), ""))
    if _is_utf8(body):
        return body
    declared = _CHARSET.search(content_type)
    return _decoded(body, declared[1]) if declared else body


def _is_utf8(body: bytes) -> bool:
    if body.isascii():
        return True
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _decoded(body: bytes, charset: str) -> bytes:
    try:
        name = codecs.lookup(charset).name
        if name in ("utf-8", "utf-8-sig") or name in _NO_CHARSETS:
            return body
        # What the charset does not have becomes half a character, which is repaired and counted in its row alone.
        loose = "surrogatepass" if name.startswith(("utf-16", "utf-32")) else "surrogateescape"
        return body.decode(name, loose).encode("utf-8", loose)
    except (LookupError, ValueError, AssertionError):  # no such charset, or not the one of this body
        return body
