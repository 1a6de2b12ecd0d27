"""Which proxy of the environment is used, and what NO_PROXY excepts."""

from __future__ import annotations

import httpx
import pytest

from upstream import proxies

VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "REQUEST_METHOD")


@pytest.mark.parametrize(
    ("url", "entry", "is_excepted"),
    [
        ("http://127.0.0.1:80", "127.0.0.0/8", True),
        ("http://128.0.0.1", "127.0.0.0/8", False),
        ("http://10.1.2.3", "10.0.0.1/8", True),
        ("http://[::1]:8080", "::1/128", True),
        ("http://[::1]:8080", "[::1]:8080", True),
        ("http://[::1]:8080", "[::1]:81", False),
        ("http://[fe80::1]", "fe80::/10", True),
        ("http://[fe80::1]", "::1", False),
        ("https://api.example.com", "example.com", True),
        ("https://api.example.com", ".example.com", True),
        ("https://api.example.com", "*.EXAMPLE.com", True),
        ("https://badexample.com", "example.com", False),
        ("https://api.example.com", "api.example.com:443", True),
        ("https://api.example.com:8443", "api.example.com:443", False),
        ("https://api.example.com", "http://api.example.com", False),
        ("http://192.168.1.7", "192.168.*", True),
        ("http://host", "*", True),
        ("http://host", "a b, host ,c", True),
        ("http://host", "[::1, ::1/129, 10.0.0.0/99, :, [], /", False),
        ("http://host", "", False),
    ],
)
def test_no_proxy_excepts_names_addresses_networks_and_ports(url: str, entry: str, is_excepted: bool) -> None:
    assert is_excepted == proxies.is_excepted(httpx.URL(url), entry)


def test_the_variable_that_names_the_proxy_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    assert proxies.proxy_for(httpx.URL("https://host")) is None
    monkeypatch.setenv("ALL_PROXY", "proxy:3128")
    assert proxies.proxy_for(httpx.URL("https://host")) == proxies.Through("http://proxy:3128", "ALL_PROXY")
    monkeypatch.setenv("https_proxy", "http://other:1")
    assert proxies.proxy_for(httpx.URL("https://host")) == proxies.Through("http://other:1", "https_proxy")
    monkeypatch.setenv("NO_PROXY", "host")
    assert proxies.proxy_for(httpx.URL("https://host")) is None
