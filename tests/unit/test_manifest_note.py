"""The program of docs/exports.md says whose signature a manifest's note has, and refuses an edited one."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature

from record import notes
from record.notes import SigningKey

NAME = "example.com/mirrorpoint"
PAGE = Path(__file__).parents[2] / "docs" / "exports.md"


def test_the_program_of_the_page_accepts_what_was_signed_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = re.search(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert found is not None
    program = compile(found.group(1), "exports.md", "exec")
    monkeypatch.chdir(tmp_path)
    with_plus = 0
    while not with_plus:  # the key's base64 may hold the sign that parts its line
        key = SigningKey.from_pem(notes.new_pem(), name=NAME)
        with_plus = str(key.verifier).count("+") - 2
    note = str(notes.signed(f"mirrorpoint-export/v1\n{'0' * 64}  manifest.json\n", [key]))
    monkeypatch.setattr(sys, "argv", ["check", str(key.verifier)])
    Path("manifest.note").write_text(note, "utf-8")
    exec(program, {})  # the page's own lines
    assert capsys.readouterr().out == f"signed by {NAME}\n"
    Path("manifest.note").write_text(note.replace("0000", "0001", 1), "utf-8")
    with pytest.raises(InvalidSignature):
        exec(program, {})
