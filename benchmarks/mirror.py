"""A folder with a configuration of Mirrorpoint, and its commands as processes in it."""

from __future__ import annotations

import base64
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import measuring, processes

#: Signs all deliveries, and those of the bare loop.
SECRET = "whsec_" + base64.b64encode(b"benchmarks of Mirrorpoint, 32 bs").decode()
_CONFIGURATION = """\
[storage]
url = "{database}"
seal_key = "{key}"

[sources.bench]
catalogue = "{catalogue}"
base_url = "{source}"
limits = {{ requests_per_second = 10000, concurrency = 8, page_size = {page_size} }}
schedule = {schedule}

[delivery]
secret = "{secret}"
allow_networks = ["127.0.0.0/8"]
{more}
"""


class Mirror:
    """Everything is switched on: documents, history, deletions."""

    def __init__(
        self,
        folder: Path,
        source: str,
        *,
        database: str = "sqlite:///mirror.db",
        catalogue: str = str(Path(__file__).with_name("catalogue.toml")),
        page_size: int = 500,
        schedule: str = '{ "*" = "off" }',
        more: str = "",
    ) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        text = _CONFIGURATION.format(
            database=database,
            key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            catalogue=catalogue,
            source=source,
            page_size=page_size,
            schedule=schedule,
            secret=SECRET,
            more=more,
        )
        (folder / "mirrorpoint.toml").write_text(text, "utf-8")

    def command(self, *words: str) -> list[str]:
        """`mirrorpoint WORDS…` as it is installed beside this Python."""
        return [str(Path(sys.executable).with_name("mirrorpoint")), *words]

    def run(self, *words: str, codes: Sequence[int] = (0,)) -> measuring.Run:
        """To its end; what it said is in the file `said`."""
        return measuring.run(self.command(*words), folder=self.folder, environ=processes.environment(), codes=codes)

    def sync(self, resource: str) -> measuring.Run:
        """Scan the whole list of one resource."""
        return self.run("sync", "--source", "bench", resource)

    @property
    def said(self) -> str:
        """What the last command wrote."""
        return (self.folder / "said").read_text("utf-8", "replace")


def scripted(module: str, *arguments: str, folder: Path) -> measuring.Run:
    """A program of ours that Mirrorpoint is compared with, in the same Python."""
    command = [sys.executable, "-m", module, *arguments]
    return measuring.run(command, folder=folder, environ=processes.environment())
