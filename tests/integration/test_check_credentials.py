"""`check` says whether the credentials are good now, whatever was kept from before."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import mirrored_world
from tests.commands import Commands
from tests.mirrored_world import World


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_a_wrong_password_is_refused_though_a_good_token_is_kept_and_a_mended_one_is_tried_at_once(
    world: World, mirror_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = mirrored_world.configure(tmp_path, database=mirror_url, sandbox=world.url)
    good, run = file.read_text(), Commands(file, capsys)
    assert 0 == run("check", "--json").code
    assert 0 == run("sync", "tags").code

    file.write_text(
        good.replace(
            'email = "mirror@example.com", password = "sandbox"', 'email = "mirror@example.com", password = "wrong"'
        )
    )
    assert 4 == run("check", "--json").code

    file.write_text(good)
    assert 0 == run("check", "--json").code
