"""What `run` says of its page is what is so: the link that signs in, or that somebody else listens there."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.stage import Stage

CONFIG = """
[storage]
url = "sqlite:///mirror.db"
[sources.backoffice]
catalogue = "backoffice"
base_url = "http://127.0.0.1:9"
auth = {{ method = "none" }}
schedule = {{ "*" = "off" }}
[serve]
listen = "127.0.0.1:{port}"
"""


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Somebody else on a port."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        yield found


@pytest.fixture
def stage(tmp_path: Path, listener: socket.socket) -> Iterator[Stage]:
    """With a page on that port."""
    (tmp_path / "mirrorpoint.toml").write_text(CONFIG.format(port=listener.getsockname()[1]))
    (tmp_path / "mirrorpoint.key").write_text("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n")
    with Stage(tmp_path) as made:
        yield made


def page_line(stage: Stage) -> str:
    """What `run` on a terminal says of its page."""
    port = re.search(r"listen = \"(.*)\"", (stage.folder / "mirrorpoint.toml").read_text())
    assert port is not None
    stage.start("run", "--log-lines", MIRRORPOINT_SERVE__LISTEN=port[1])
    found: list[str] = []
    stage.until(lambda: found.extend(re.findall(r"^  page +(.*)$", stage.tail(80), re.MULTILINE)) or found, stage.tail)
    return found[0]


def test_the_banner_has_the_link_that_signs_in(stage: Stage, listener: socket.socket) -> None:
    listener.close()
    link = page_line(stage).split()[0]
    with httpx.Client(trust_env=False, headers={"Accept": "text/html"}) as client:
        assert client.get(link).status_code == 200
        assert client.get(httpx.URL(link).join("/")).status_code == 200


def test_a_page_whose_port_is_taken_has_no_address(stage: Stage, listener: socket.socket) -> None:
    said = page_line(stage)
    assert said.startswith("not served yet: ")
    assert "Address already in use" in said
    assert "http:" not in said
