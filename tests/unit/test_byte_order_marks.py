"""A byte order mark, as some editors write it, is no part of any file that people write."""

from __future__ import annotations

from pathlib import Path

from upstream import catalogue
from worker import settings

MARK = b"\xef\xbb\xbf"


def test_a_mark_at_the_start_of_catalogue_configuration_key_and_secret_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_bytes(MARK + b'[resources.things]\npath = "/things"\n')
    (tmp_path / "token").write_bytes(MARK + b"abc\n")
    (tmp_path / "mirrorpoint.toml").write_bytes(
        MARK
        + b'[storage]\nurl = "sqlite:///mirror.db"\n[sources.shop]\ncatalogue = "shop.toml"\n'
        + b'base_url = "https://shop.example"\nauth = { method = "bearer", token = "file:token" }\n'
    )

    read = settings.load(str(tmp_path / "mirrorpoint.toml"), environ={})

    assert ["things"] == list(catalogue.load("shop.toml", base=tmp_path).resources)
    assert "abc" == read.sources["shop"].auth.token.reveal()
