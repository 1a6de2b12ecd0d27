"""Which headers a point may add, and what the address of a proxy must look like."""

from __future__ import annotations

import pytest

from webhooks import proxy
from webhooks.target import header_problems


@pytest.mark.parametrize(("name", "value"), [("X-Api-Key", "k 1"), ("Authorization", "ApiKey x"), ("user-agent", "a")])
def test_a_header_of_ones_own_is_possible(name: str, value: str) -> None:
    assert header_problems(name, value) == []


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("host", "host is set by each delivery itself"),
        ("Content-Length", "Content-Length is set by each delivery itself"),
        ("webhook-id", "webhook-id is set by each delivery itself"),
        ("Webhook-Anything", "Webhook-Anything is set by each delivery itself"),
        ("Mirrorpoint-Point", "Mirrorpoint-Point is set by each delivery itself"),
        ("content-type", "Content-Type is set by content_type"),
        ("Transfer-Encoding", "Transfer-Encoding belongs to the connection and not to what is sent over it"),
        ("Connection", "Connection belongs to the connection and not to what is sent over it"),
        ("Proxy-Authorization", "Proxy-Authorization belongs to the connection and not to what is sent over it"),
        ("X Y", "'X Y' is not the name of a header"),
        ("", "'' is not the name of a header"),
        ("X-Ä", "'X-Ä' is not the name of a header"),
    ],
)
def test_a_header_that_is_not_a_points_own_is_refused_in_words(name: str, problem: str) -> None:
    assert header_problems(name, "x") == [problem]


@pytest.mark.parametrize("value", ["hunter2\r\nX-Evil: 1", "hunter2é", "hunter2\x00", " hunter2", "hunter2 ", ""])
def test_a_value_that_no_header_can_carry_is_refused_and_not_quoted(value: str) -> None:
    (problem,) = header_problems("X-Api-Key", value)
    assert problem.startswith("the value of X-Api-Key ")
    assert "hunter2" not in problem


@pytest.mark.parametrize("url", ["http://proxy:3128", "http://me:pa%40ss@10.0.0.1:8080/", "http://[fd00::1]:3128"])
def test_the_address_of_a_proxy(url: str) -> None:
    assert proxy.problem(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "proxy:3128",
        "https://proxy:3128",
        "socks5://proxy:1080",
        "http://proxy",
        "http://proxy:0",
        "http://:3128",
        "http://proxy:99999",
        "http://proxy:3128/path",
        "http://proxy:3128?a=1",
        "http://[proxy:3128",
    ],
)
def test_what_is_no_address_of_a_proxy(url: str) -> None:
    assert "http://user:password@host:port" in (proxy.problem(url) or "")
    with pytest.raises(proxy.ProxyError):
        proxy.parsed(url)
