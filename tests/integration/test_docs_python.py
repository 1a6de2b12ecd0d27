"""The programs that docs/python.md shows, run as they stand there against a mirrored sandbox."""

from __future__ import annotations

import base64
import http.client
import os
import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from changes import events
from docs.generator import events as samples
from sandbox import serving
from sandbox.api import Api
from tests import mirrored_world, waiting
from tests.mirrored_world import World
from webhooks import signature

PAGE = (Path(__file__).parents[2] / "docs" / "python.md").read_text("utf-8")
PROGRAMS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()


class Place:
    """A folder with a configuration, and a mirror in which a product changed and one was deleted."""

    def __init__(self, folder: Path, world: World) -> None:
        self.folder = folder
        self.world = world

    def start(self, about: str, **environment: str) -> subprocess.Popen[str]:
        """The only program of the page that holds these words."""
        (program,) = [text for text in PROGRAMS if about in text]
        environ = {name: value for name, value in os.environ.items() if not name.startswith("MIRRORPOINT_")}
        return subprocess.Popen(
            [sys.executable, "-u", "-W", "error", "-c", program.replace('(("", 8000)', '(("127.0.0.1", 0)')],
            cwd=self.folder, env=environ | environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, about: str) -> str:
        process = self.start(about)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        return out


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("python")
    with serving.start(Api()) as api:
        world = World(api.url)
        file = mirrored_world.configure(folder, database="sqlite:///mirrorpoint.db", sandbox=api.url)
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            services = mirrored_world.services(file)
            mirrored_world.scan(services, "products")
            mirrored_world.scan(services, "product_currencies")
            world.change("/api/v2/products", "update", key="3", document={"status": "disabled"})
            world.change("/api/v2/products", "delete", key="5")
            mirrored_world.scan(services, "products")
            services.close()
        yield Place(folder, world)
        world.close()


def test_the_enabled_products(place: Place) -> None:
    lines = place.run("mirror.session()").splitlines()

    rows = place.world.ask("rows", path="/api/v2/products")["rows"]
    enabled = [row["document"] for row in rows if row["document"]["status"] == "enabled"]
    assert sorted(f"{each['id']} {each['name']} {each['maxAccounts']}" for each in enabled) == sorted(lines)


def test_the_report(place: Place) -> None:
    lines = place.run("csv.writer").splitlines()

    assert lines[0] == "observed_at,record,kind,field,was,became"
    assert any(line.endswith("products/3,updated,/status,enabled,disabled") for line in lines)
    assert any(line.endswith("products/5,deleted,,,") for line in lines)


def test_the_follower_takes_in_what_comes_and_goes_on_where_it_was(place: Place) -> None:
    def statuses() -> dict[str, str]:
        try:
            with sqlite3.connect(place.folder / "own.db") as own:
                return dict(own.execute("SELECT product, status FROM statuses"))
        except sqlite3.OperationalError:
            return {}

    def has_caught_up() -> bool:
        return statuses().get("3") == "disabled" and "5" not in statuses()

    for _ in range(2):  # the second one has nothing to do again
        process = place.start("follow=True")
        waiting.until(has_caught_up)
        process.terminate()
        process.communicate(timeout=60)
    assert len(statuses()) == 23


def test_the_past(place: Place) -> None:
    assert place.run("mirror.at(").splitlines()[:2] == ["not there", "0"]


def test_writing(place: Place) -> None:
    before = place.world.ask("rows", path="/api/v2/products/groups")["rows"]

    place.run("mirror.write(")

    assert before == place.world.ask("rows", path="/api/v2/products/groups")["rows"]
    notes = place.world.ask("rows", path="/api/v2/products/{}/preferences")["rows"]
    assert "Hours" in {row["document"]["title"] for row in notes}


def test_the_receiver(place: Place) -> None:
    (program,) = [text for text in PROGRAMS if "serve_forever" in text]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUDIT_SECRET", SECRET)
        names: dict[str, Any] = {"__name__": "shown"}
        exec(program, names)
        server = names["HTTPServer"](("127.0.0.1", 0), names["Receiver"])
        event = samples.example()
        body = events.body(event)
        signed = signature.headers(event["id"], body, secrets=[SECRET], attempted_at=datetime.now(UTC))
        with server:
            for headers, status in ((signed, 204), (signed, 204), ({**signed, "webhook-signature": "v1,AAAA"}, 401)):
                assert status == _sent(server, body, headers)
    assert {"backoffice/products/42": 3} == names["known"]


def _sent(server: Any, body: bytes, headers: dict[str, str]) -> int:
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    connection = http.client.HTTPConnection(*server.server_address[:2], timeout=30)
    connection.request("POST", "/hook", body, headers)
    status = connection.getresponse().status
    connection.close()
    thread.join()
    return status


def test_errors(place: Place) -> None:
    process = place.start("errors.ALL")
    _, err = process.communicate(timeout=120)

    assert (0, True) == (process.returncode, "elsewhere.toml: there is no such file" in err), err


def test_the_module_of_ones_own(place: Place) -> None:
    command = [sys.executable, "-m", "mirrorpoint", "models", "--out", "mirror_models.py"]
    subprocess.run(command, cwd=place.folder, check=True, capture_output=True)

    lines = place.run("from mirror_models").splitlines()

    assert lines[-1] != "0"
    assert len(lines) > 1


def test_every_program_of_the_page_is_among_these() -> None:
    asked = re.findall(r'place\.(?:run|start)\("(.*?)"\)|"(serve_forever)"', Path(__file__).read_text("utf-8"))
    words = [word for pair in asked for word in pair if word]

    assert [text for text in PROGRAMS if not any(word in text for word in words)] == []
