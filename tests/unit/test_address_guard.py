"""Which addresses and URLs deliveries may go to; names are resolved by what the tests put in the resolver's place."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from typing import Any

import pytest

from webhooks import address_guard

PUBLIC = ["8.8.8.8", "93.184.215.14", "2606:4700::1111", "2a00:1450:4001:81b::200e"]
#: Public addresses in the two spellings that mean the same.
WRAPPED_PUBLIC = ["::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]
INSIDE = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:0:7f00:1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::8.8.8.8",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]


def answers(*addresses: str) -> address_guard.Resolve:
    """A resolver that gives these for whatever it is asked."""

    def resolve(host: str, port: int, **_: Any) -> Sequence[tuple[Any, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    return resolve


@pytest.mark.parametrize("address", PUBLIC + WRAPPED_PUBLIC)
def test_public_addresses_pass(address: str) -> None:
    assert address_guard.refusal(address, allow=()) is None


@pytest.mark.parametrize("address", INSIDE)
def test_addresses_inside_a_network_are_refused(address: str) -> None:
    assert str(address_guard.refusal(address, allow=())).startswith(address)


@pytest.mark.parametrize("address", INSIDE)
def test_what_is_allowed_by_name_passes(address: str) -> None:
    exactly = address_guard.networks([address.partition("%")[0]])
    meant = ipaddress.ip_address(address.partition("%")[0])
    mapped = meant.ipv4_mapped if isinstance(meant, ipaddress.IPv6Address) else None
    assert address_guard.refusal(address, allow=address_guard.networks([str(mapped)]) if mapped else exactly) is None


def test_an_allowed_network_opens_nothing_beside_it() -> None:
    allow = address_guard.networks(["10.1.0.0/16", "fd00:1::/32"])
    assert address_guard.refusal("10.1.2.3", allow=allow) is None
    assert address_guard.refusal("::ffff:10.1.2.3", allow=allow) is None
    assert address_guard.refusal("fd00:1::5", allow=allow) is None
    assert address_guard.refusal("10.2.0.1", allow=allow) == "10.2.0.1 is not a public address"
    assert address_guard.refusal("64:ff9b::10.1.2.3", allow=allow) is not None


def test_every_address_is_judged_the_same_by_every_python() -> None:
    """`ipaddress` learns of new special networks; what it has not learnt yet is written down here."""
    for network in address_guard.SPECIAL:
        assert address_guard.refusal(str(network[1]), allow=()) is not None


@pytest.mark.parametrize("text", ["10.0.0.0/33", "10.0.0.1/8", "inside", ""])
def test_a_network_that_is_none_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is not a network") as refused:
        address_guard.networks([text])
    assert "write it as 10.1.0.0/16" in str(refused.value)


@pytest.mark.parametrize(
    ("url", "problems"),
    [
        ("https://example.com/hook?tenant=1", []),
        ("http://example.com:8080", []),
        ("http://trapper.com", []),
        ("https://пример.рф/hook", []),
        ("https://[2606:4700::1111]/", []),
        ("ftp://example.com/", ["only http:// and https:// are possible"]),
        ("file:///etc/passwd", ["only http:// and https:// are possible", "it names no host"]),
        ("example.com/hook", ["only http:// and https:// are possible", "it names no host"]),
        ("", ["only http:// and https:// are possible", "it names no host"]),
        ("http:///hook", ["it names no host"]),
        (
            "https://user:pass@example.com/",
            ["a name or password in the URL is not sent; use the point's token"],
        ),
        ("https://example.com:99999/", ["there is no port 99999"]),
        ("https://example.com:0/", ["there is no port 0"]),
        ("https://exam\nple.com/", ["not a valid URL"]),
        ("https://[::1/", ["not a valid URL"]),
        ("http://0177.0.0.1/", ["not a valid URL"]),
        ("https://xn--a/", []),
    ],
)
def test_a_url_is_told_what_is_wrong_with_it(url: str, problems: list[str]) -> None:
    assert address_guard.url_problems(url) == problems


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "127.1", "127。0。0。1", "[::ffff:7f00:1]", "127.0.0.1"])
def test_odd_spellings_are_checked_as_what_the_system_makes_of_them(host: str) -> None:
    """These are numbers: the system's resolver answers them without asking anybody."""
    (problem,) = address_guard.check_url(f"http://{host}/", allow=())
    assert "127.0.0.1 is this machine itself" in problem.text
    assert problem.is_refusal


@pytest.mark.parametrize(
    "url",
    [
        "http://0/",
        "http://0x7f.1/",
        "http://0177.1/",
        "http://017700000001/",
        "http://0x7f.0x0.0x0.0x1/",
        "http://127.0.0.1./",
        "http://017700000001./",
        "http://256.0.0.1/",
        "http://%31%32%37.0.0.1/",
        "http://127.0.0.1%00.example.com/",
        "http://①②⑦.0.0.1/",
        "http://ⓛocalhost/",
        "http://127\uff0e0\uff0e0\uff0e1/",
        "HTTP://LOCALHOST/",
        "http://8.8.8.8@127.0.0.1/",
        "http://8.8.8.8%2f@127.0.0.1/",
        "http://127.0.0.1#@8.8.8.8/",
        "http://127.0.0.1?@8.8.8.8/",
        "http://8.8.8.8\\@127.0.0.1/",
        "http://127.0.0.1\\@8.8.8.8/",
        "http://127.0.0.1:80:80/",
        "http://127.0.0.1:80#@8.8.8.8:80/",
        "http:\\\\127.0.0.1/",
        "http:127.0.0.1/",
        "http://[::]/",
        "http://[::1]:80/",
        "http://[::127.0.0.1]/",
        "http://[0:0:0:0:0:ffff:7f00:0001]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[64:ff9b:1::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://[2001:0:7f00:1::]/",
        "http://[fe80::1%eth0]/",
        "http://[fe80::1%25eth0]/",
        "http://[fd00:ec2::254]/",
    ],
)
def test_no_way_to_write_it_makes_an_inner_address_a_public_one(url: str) -> None:
    """Nothing here is asked of a name server: who looks up what is no number finds nothing."""

    def resolve(host: str, port: int, **more: Any) -> Sequence[tuple[Any, ...]]:
        found: Sequence[tuple[Any, ...]] = socket.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST, **more)
        return found

    def with_localhost(host: str, port: int, **more: Any) -> Sequence[tuple[Any, ...]]:
        return resolve("127.0.0.1" if host == "localhost" else host, port, **more)

    assert address_guard.check_url(url, allow=(), resolve=with_localhost) != []


def test_a_name_is_refused_for_each_bad_address_that_it_has() -> None:
    problems = address_guard.check_url(
        "https://evil.example/", allow=(), resolve=answers("8.8.8.8", "10.0.0.1", "10.0.0.1", "::1")
    )
    cure = "if it is meant, list its network in [delivery] allow_networks"
    assert problems == [
        (f"evil.example is refused: 10.0.0.1 is not a public address; {cure}", True),
        (f"evil.example is refused: ::1 is this machine itself; {cure}", True),
    ]


def test_a_name_with_public_addresses_only_has_no_problem() -> None:
    assert address_guard.check_url("https://good.example/", allow=(), resolve=answers(*PUBLIC)) == []


def test_a_name_that_does_not_resolve_is_a_problem() -> None:
    def fails(*_: Any, **__: Any) -> Sequence[tuple[Any, ...]]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    assert address_guard.check_url("https://none.example/", allow=(), resolve=fails) == [
        ("none.example does not resolve (Name or service not known)", False)
    ]
    assert address_guard.check_url("https://empty.example/", allow=(), resolve=answers()) == [
        ("empty.example does not resolve (no address)", False)
    ]


def test_a_name_that_cannot_be_one_is_a_problem() -> None:
    too_long = "a" * 70 + ".example"
    (problem,) = address_guard.check_url(f"https://{too_long}/", allow=())
    assert problem.text == f"{too_long} does not resolve (not a host name)"
