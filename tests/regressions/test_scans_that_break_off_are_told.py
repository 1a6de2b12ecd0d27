"""With --json a scan that a defect had ended left nothing behind but an exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration import shop as shops
from worker.__main__ import main
from worker.commands.sync import foreground


def test_a_scan_that_breaks_off_is_told_on_standard_error_beside_the_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError("a defect")

    with shops.opened() as shop:
        file = shops.configure(tmp_path, database=f"sqlite:///{tmp_path / 'mirror.db'}", url=shop.server.url)
        monkeypatch.setattr(foreground, "scan_slice", broken)

        assert main(["--config", str(file), "sync", "things", "--json"]) == 1

    said = capsys.readouterr()
    assert json.loads(said.out) == {"scans": []}
    assert "shop:things: broke off: " in said.err
