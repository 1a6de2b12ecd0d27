"""Runs commands in this process as the shell would, and puts back what they set for a whole process."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.kept_logging import kept_logging
from worker.__main__ import main


@dataclass(frozen=True, slots=True)
class Result:
    """What a command left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as one document."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """Standard output as JSON Lines."""
        return [json.loads(line) for line in self.out.splitlines()]


class Commands:
    """`mirrorpoint --config FILE …`."""

    def __init__(self, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.config = config
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Result:
        return run(self._capsys, ["--config", str(self.config), *arguments])


def run(capsys: pytest.CaptureFixture[str], arguments: Sequence[str]) -> Result:
    """One command; nothing of it is left in the process but what it wrote."""
    capsys.readouterr()
    with kept_logging():
        code = main(arguments)
    captured = capsys.readouterr()
    return Result(code, captured.out, captured.err)
