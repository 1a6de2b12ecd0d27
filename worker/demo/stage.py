"""The demo's processes: the sandbox's two servers and a real `mirrorpoint run`, all in a folder of their own."""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import httpx

from changes import sealing
from worker.child import PARENT_VARIABLE
from worker.problems import Problem

#: How long a process may take to end before it is killed.
END_SECONDS = 30

_CONFIGURATION = """\
# Written by `mirrorpoint demo`; everything here is made up and lives on this machine only.
[storage]
url = "sqlite:///mirrorpoint.db"
seal_key = "file:mirrorpoint.key"

[sources.backoffice]
catalogue = "backoffice"
base_url = "{api}"
auth = {{ method = "sign-in", email = "mirror@example.com", password = "file:password" }}
limits = {{ requests_per_second = 200, concurrency = 4, page_size = 100 }}

[sources.backoffice.schedule]
default = "20s"
products = "2s"
"product_*" = "2s"
connections = "2s"
paid_services = "2s"
tests = "2s"
menus = "2s"
security_policies = "2s"
sms_provider_types = "2s"

[sources.platform]
catalogue = "integration-platform"
base_url = "{api}"
auth = {{ method = "basic", username = "mirror", password = "file:password" }}
schedule = {{ default = "20s" }}

[[points]]                      # a point of our own
code = "DEMO"
url = "{receiver}/demo"
token_remote = "file:token"
secret = "file:secret"

[[routes]]
points = ["DEMO"]
resources = ["*"]

[[routes]]                      # a point that is mirrored from the integration platform
points = ["CRM"]
resources = ["products"]

[delivery]
secret = "file:secret"
allow_networks = ["127.0.0.0/8"]

[serve]
listen = "127.0.0.1:0"          # whichever port is free
"""
#: As `serve` prints the link that signs in.
_LINK = re.compile(r"http://\S+/login\?code=\S+")


class Stage:
    """Starts the processes in order and ends them in reverse; a context manager."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="mirrorpoint-demo-")))
        self.config = self.folder / "mirrorpoint.toml"
        self.api: httpx.Client
        self.receiver: httpx.Client
        self.run: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Stage:
        try:
            self._set_up()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_raised: object) -> None:
        self._stack.close()

    def start_run(self) -> None:
        """`mirrorpoint run` as anybody would start it; what it says goes to `run.log`."""
        log = self._stack.enter_context((self.folder / "run.log").open("wb"))
        self.run = self._start(
            [sys.executable, "-P", "-m", "worker", "--config", str(self.config), "run", "--log-lines"], stderr=log
        )

    def log_tail(self, *, lines: int = 12) -> str:
        """The last that `run` said, for when it does not do its work."""
        return "\n".join((self.folder / "run.log").read_text("utf-8", "replace").splitlines()[-lines:])

    def page_link(self) -> str | None:
        """The newest link that opens the page, and works once; None where the page is not up."""
        found = _LINK.findall((self.folder / "run.log").read_text("utf-8", "replace"))
        return found[-1] if found else None

    def _set_up(self) -> None:
        secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        token = secrets.token_hex(16)
        receiver = self._sandbox("receiver", "--secret", secret)
        self.receiver = self._control(receiver)
        # Only our own point's token is known here; the integration platform makes those of its points.
        self.receiver.post("points", json={"path": "/demo", "token": token}).raise_for_status()
        api = self._sandbox("api", "--receiver-url", receiver)
        self.api = self._control(api)
        for name, text in {"password": "sandbox", "token": token, "secret": secret}.items():
            self._write(name, text)
        self._write("mirrorpoint.key", sealing.new_key())
        self._write("mirrorpoint.toml", _CONFIGURATION.format(api=api, receiver=receiver))

    def _write(self, name: str, text: str) -> None:
        file = self.folder / name
        file.touch(mode=0o600)
        file.write_text(text + "\n", "utf-8")

    def _sandbox(self, what: str, *arguments: str) -> str:
        """Start one of the sandbox's servers; its URL, which it tells in its first line."""
        process = self._start(
            [sys.executable, "-P", "-m", "sandbox", what, "--die-with-parent", *arguments], stdout=subprocess.PIPE
        )
        assert process.stdout is not None  # noqa: S101  # it was asked for a line above
        line = process.stdout.readline()
        if not line:
            raise Problem(f"the sandbox's {what} did not start", "`mirrorpoint sandbox api` shows why")
        url: str = json.loads(line)["url"]
        return url

    def _start(self, command: Sequence[str], **streams: int | IO[bytes]) -> subprocess.Popen[bytes]:
        # A session of its own: Ctrl-C reaches this process alone, which then ends the others in order.
        process: subprocess.Popen[bytes] = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, PARENT_VARIABLE: str(os.getpid())},
            **streams,  # type: ignore[call-overload]
        )
        self._stack.callback(_end, process)
        return process

    def _control(self, url: str) -> httpx.Client:
        return self._stack.enter_context(httpx.Client(base_url=f"{url}/_sandbox/", timeout=10))


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()
