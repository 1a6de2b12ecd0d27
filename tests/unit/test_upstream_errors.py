"""The errors of sources, and which answer stands for which."""

from __future__ import annotations

import gzip
import pickle
import tracemalloc
import zlib
from datetime import UTC, datetime

import pytest

from upstream import answers, errors, throttle
from upstream.answers import Answer, Garbled, TooLarge, Unpacker

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)

ERRORS = [
    errors.Unreachable("shop", "products", "no connection", "check the network", None, True),
    errors.Overloaded("shop", "products", "answered 429", "later", 7.5, True),
    errors.ServerError("shop", "", "answered 500"),
    errors.MalformedResponse("shop", "products", "a redirect", "correct base_url", None, False, True),
    errors.NotAvailable("shop", "products", "answered 404", "switch it off", 404),
    errors.Rejected("shop", "products", "answered 400", "look", 400),
    errors.CredentialsRefused("shop", "", "answered 401", "look"),
    errors.SecondFactorDemanded("shop", "", "asks for a second factor", "look"),
    throttle.Paused("shop", 12.5),
    throttle.NoPermit("shop", 3.0),
    throttle.Stopped(),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_errors_survive_the_way_to_another_process(error: Exception) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), vars(copy), str(copy)) == (type(error), vars(error), str(error))


def test_every_error_of_the_tree_is_pickled_above() -> None:
    def leaves(of: type[Exception]) -> set[type[Exception]]:
        below = of.__subclasses__()
        return {leaf for each in below for leaf in leaves(each)} if below else {of}

    assert leaves(errors.UpstreamError) <= {type(error) for error in ERRORS}


def answer(status: int, body: bytes = b"", **headers: str) -> Answer:
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body, NOW)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (301, errors.MalformedResponse),
        (304, errors.MalformedResponse),
        (400, errors.Rejected),
        (401, errors.CredentialsRefused),
        (403, errors.NotAvailable),
        (404, errors.NotAvailable),
        (405, errors.NotAvailable),
        (408, errors.ServerError),
        (409, errors.Rejected),
        (410, errors.NotAvailable),
        (418, errors.Rejected),
        (422, errors.Rejected),
        (425, errors.ServerError),
        (429, errors.Overloaded),
        (500, errors.ServerError),
        (501, errors.NotAvailable),
        (502, errors.ServerError),
        (503, errors.Overloaded),
        (599, errors.ServerError),
        (999, errors.MalformedResponse),
    ],
)
def test_a_status_is_grouped_by_what_to_do_next(status: int, expected: type[Exception]) -> None:
    assert type(answers.error_for("shop", "products", answer(status))) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("7", 7.0),
        ("0", 0.0),
        (" 12 ", 12.0),
        ("1.5", 1.5),
        ("-5", 0.0),
        ("301", 300.0),
        ("99999999999", 300.0),
        ("9" * 5000, 300.0),
        ("Sun, 22 Nov 2026 12:00:30 GMT", 30.0),
        ("Sunday, 22-Nov-26 12:00:30 GMT", 30.0),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0.0),
        ("Sun, 22 Nov 2099 12:00:00 GMT", 300.0),
        ("", None),
        ("soon", None),
        ("1e3", None),
        ("nan", None),
        ("inf", None),
        ("99, 22 Nov", None),
        ("Sun, 99 Nov 2026 12:00:30 GMT", None),
        ("Sun, 22 Nov 99999999999 12:00:30 GMT", None),
    ],
)
def test_retry_after_is_read_in_both_forms_and_bounded(value: str, expected: float | None) -> None:
    assert answers.retry_after_seconds({"retry-after": value}, now=NOW) == expected


def test_a_date_to_wait_for_is_measured_by_the_clock_of_the_source() -> None:
    headers = {"retry-after": "Fri, 20 Nov 2026 08:00:10 GMT", "date": "Fri, 20 Nov 2026 08:00:00 GMT"}
    assert answers.retry_after_seconds(headers, now=NOW) == 10.0


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", ""),
        (b'{"error_code": 1404, "error_message": "Lookup failed"}', "Lookup failed; 1404"),
        (b'{"message": "Invalid", "errors": {"name": ["abc is taken"], "type": []}}', "Invalid; errors in name, type"),
        (b'{"error": {"message": "no", "data": {"password": "x"}}}', "no"),
        (b'{"login": "bob", "password": "hunter2"}', ""),
        (b'[{"password": "hunter2"}]', ""),
        (b'{"message": "cut", "password": "hunt', ""),
        (b"<html><head><title>502 Bad &amp; Gateway</title></head><body>x</body></html>", "502 Bad & Gateway"),
        (b"<p>Down\n  for <b>maintenance</b><script>var x = 1</script></p>", "Down for maintenance"),
        (b"plain \x00\x1b[31mred\x07 text", "plain [31mred text"),
        ('{"message": "\u202eevil"}'.encode(), "evil"),
        (b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_of_an_error_body_only_what_tells_something_is_quoted(body: bytes, expected: str) -> None:
    assert answers.excerpt(body) == expected


def test_an_excerpt_is_short() -> None:
    assert len(answers.excerpt(b"x" * 10_000)) == answers.EXCERPT_CHARACTERS


@pytest.mark.parametrize(
    "body",
    [
        b'{"message": "wrong password s3cr\\u0065t&\\"1 for you"}',
        b'you sent s3cret&"1',
        b"you sent s3cret&amp;&quot;1",
        b"you sent s3cret%26%221",
        b'{"message": "Authorization: Bearer abc.def-ghi"}',
        b'{"message": "token eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.c2lnbmF0dXJl is bad"}',
        b"x" * 195 + b' s3cret&"1',
    ],
)
def test_secrets_are_taken_out_of_excerpts(body: bytes) -> None:
    text = answers.excerpt(body, hide=['s3cret&"1'])
    for secret in ("s3cr", "abc.def", "eyJ", "c2ln"):
        assert secret not in text


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("https://login.example.com/?token=abc", "https://login.example.com"),
        ("//other.example.com:8443/x", "http://other.example.com"),
        ("https://user:pass@evil.example.com/x", "https://evil.example.com"),
        ("/login", "another path of its own"),
        ("", "nowhere"),
        ("http://[::1", "another path of its own"),
    ],
)
def test_of_a_redirect_only_the_host_is_named(location: str, expected: str) -> None:
    assert answers.redirect_target(location) == expected


@pytest.mark.parametrize(
    ("encoding", "wbits"), [("gzip", 31), ("deflate", 15), ("deflate", -15), ("x-gzip", 31), ("GZIP", 31)]
)
@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_bodies_are_unpacked_in_pieces_of_any_size(encoding: str, wbits: int, step: int) -> None:
    body = b'{"data": [1, 2, 3]}' * 50
    packer = zlib.compressobj(wbits=wbits)
    packed = packer.compress(body) + packer.flush()
    unpacker = Unpacker(encoding, most_bytes=10_000)
    for begin in range(0, len(packed), step):
        unpacker.feed(packed[begin : begin + step])
    assert unpacker.close() == body


def test_two_gzip_parts_are_one_body_wherever_it_is_cut() -> None:
    packed = gzip.compress(b"one") + gzip.compress(b"two")
    for place in range(len(packed)):
        unpacker = Unpacker("gzip", most_bytes=100)
        unpacker.feed(packed[:place])
        unpacker.feed(packed[place:])
        assert unpacker.close() == b"onetwo"


def _deflated(text: bytes, wbits: int) -> bytes:
    packer = zlib.compressobj(wbits=wbits)
    return packer.compress(text) + packer.flush()


@pytest.mark.parametrize(
    "packed",
    [
        gzip.compress(b"[1") + _deflated(b",2]", -15),
        gzip.compress(b"[1") + _deflated(b",2]", 15),
        _deflated(b"[1", 15) + gzip.compress(b",2]"),
        _deflated(b"[1", -15) + _deflated(b",2]", -15),
        gzip.compress(b"[1]") + gzip.compress(b"x")[:1],
    ],
)
def test_what_is_left_over_behind_a_packed_body_is_not_taken_for_a_part_of_it(packed: bytes) -> None:
    def unpack() -> bytes:
        unpacker = Unpacker("gzip", most_bytes=100)
        unpacker.feed(packed)
        return unpacker.close()

    with pytest.raises(Garbled):
        unpack()


def test_a_body_that_unpacks_to_too_much_is_noticed_before_it_is_held() -> None:
    packer = zlib.compressobj(9, wbits=31)
    packed = packer.compress(bytes(20_000_000)) + packer.flush()
    unpacker = Unpacker("gzip", most_bytes=100_000)
    tracemalloc.start()
    with pytest.raises(TooLarge):
        unpacker.feed(packed)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 1_000_000


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "gzip, deflate", "nonsense"])
def test_packing_that_was_not_asked_for_is_refused(encoding: str) -> None:
    with pytest.raises(Garbled):
        Unpacker(encoding, most_bytes=100)


def test_cut_and_damaged_packing_is_refused() -> None:
    packer = zlib.compressobj(wbits=31)
    packed = packer.compress(b"x" * 1000) + packer.flush()
    cut = Unpacker("gzip", most_bytes=10_000)
    cut.feed(packed[:-4])
    with pytest.raises(Garbled):
        cut.close()
    with pytest.raises(Garbled):
        Unpacker("gzip", most_bytes=10_000).feed(packed[:12] + b"\xff\xff\xff" + packed[15:])
