"""A byte order mark, as some editors write it, is no part of any file that people write."""

from __future__ import annotations

from pathlib import Path

import pytest

from upstream import catalogue
from upstream.catalogue import CatalogueError
from worker import settings
from worker.problems import SettingsError

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


@pytest.mark.parametrize("charset", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_file_in_another_charset_is_refused_with_the_cure(tmp_path: Path, charset: str) -> None:
    texts = {
        "shop.toml": '[resources.things]\npath = "/things"\n',
        "token": "abc",
        "mirrorpoint.toml": '[sources.shop]\ncatalogue = "shop.toml"\nbase_url = "https://shop.example"\n'
        'auth = { method = "bearer", token = "file:token" }\n',
    }
    for name, text in texts.items():
        (tmp_path / name).write_bytes(text.encode(charset))
    with pytest.raises(CatalogueError, match=r"(?i)UTF-8|valid TOML"):
        catalogue.load("shop.toml", base=tmp_path)
    with pytest.raises(SettingsError, match=r"(?i)UTF-8|valid TOML"):
        settings.load(str(tmp_path / "mirrorpoint.toml"), environ={})
    (tmp_path / "mirrorpoint.toml").write_text(texts["mirrorpoint.toml"])
    with pytest.raises(SettingsError, match="is not UTF-8 text"):
        settings.load(str(tmp_path / "mirrorpoint.toml"), environ={}).sources["shop"].auth.token.reveal()
