"""The folder that proves one entry of the log to an outsider: its texts, and how it is written, whole or not at all.

It holds nothing of any other entry. Called by the command `prove`; tasks/record/proving.py makes the proof.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from changes import fingerprint
from changes.records import Json
from record import check_script
from record.notes import VerifierKey
from record.proofs import Proof

#: The members of `change.json` in their order: first what the digest is made of, then the digest and the content.
MEMBERS = (*check_script.FIELDS, *check_script.CONTENT)


def texts(change: Mapping[str, Json], proof: Proof, keys: Sequence[VerifierKey]) -> dict[str, str]:
    """The files by their names. `change` has the MEMBERS, with times as the digest has them."""
    size = proof.checkpoint.text.split("\n")[1]
    return {
        "README.txt": _read_me(change, keys[0].name, size),
        "change.json": _change(change),
        "proof.tlog-proof": str(proof),
        "checkpoint": str(proof.checkpoint),
        "verifier.txt": "".join(f"{key}\n" for key in keys),
        "check.py": Path(check_script.__file__).read_text("utf-8"),
    }


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Make the folder with the files; one that is there must be empty. OSError: nothing is left of it."""
    part = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for name, text in files.items():
            with (part / name).open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        part.rename(folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def _change(change: Mapping[str, Json]) -> str:
    """A member a line, each in its canonical form: numbers stay exact, and whoever reads it finds the fields."""
    lines = (f'  "{name}": {fingerprint.canonical(change[name]).decode()}' for name in MEMBERS)
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _read_me(change: Mapping[str, Json], name: str, size: str) -> str:
    under = f" under {change['parent_key']}" if change["parent_key"] else ""
    after = change["observed_after"]
    when = f"between {after} and {change['observed_at']}" if after else f"before {change['observed_at']}"
    is_erased = change["salt"] is None
    return _TEXT.format(
        seq=change["seq"],
        record=f"{change['resource']} {change['key']}{under} of {change['source']}, version {change['version']}",
        kind=change["kind"],
        when=when,
        name=name,
        size=size,
        content=_ERASED if is_erased else _CONTENT,
    )


_CONTENT = "The content is in change.json: `document` is the record afterwards, `previous` has the old values."
_ERASED = (
    "The content of this entry was erased. What it was cannot be told any more; that there was this entry, when,\n"
    "and that its digest is in the log, is proved all the same. Whoever kept the content and the salt elsewhere can\n"
    "put them back into change.json, and check.py says whether they are the ones."
)
_TEXT = """\
ENTRY {seq} OF THE LOG {name}

What: {record}
Kind: {kind}
When: {when}

{content}


WHAT THIS FOLDER PROVES

- The entry in change.json is, letter for letter, entry {seq} of the {size} entries that the log had when the
  checkpoint was signed.
- The checkpoint was signed with the key in verifier.txt. Whoever holds a later checkpoint of the same log can ask for
  a proof that this one is its beginning: then nothing before it was changed since.

WHAT IT DOES NOT PROVE

- Whose key that is. Compare verifier.txt with the verifier key that you were given at another time, by another way,
  or give check.py that key yourself:  python check.py 'NAME+HASH+KEY'
- That what the entry says is true. The program that wrote it has read this from another system, and says what it was
  answered. It saw the change between the two moments above; when in between it happened, nobody knows.
- When the checkpoint was signed, unless the checkpoint was kept or stamped elsewhere.
- Anything about other entries. This folder holds nothing of them.

HOW TO CHECK IT

You need Python (3.9 or later) and its package "cryptography":

    pip install cryptography
    python check.py

It prints a line for each step, then OK or NOT OK; its exit code is 0 or 1. It is a page of program, and reads nothing
but this folder. Other programs can check the same files:

    proof.tlog-proof   c2sp.org/tlog-proof    the leaf's data are the 64 characters of `digest` in change.json
    checkpoint         c2sp.org/tlog-checkpoint, a signed note (c2sp.org/signed-note) with Ed25519
    verifier.txt       the verifier keys of those who signed it, a line each

How the digests are made: `digest` is SHA-256 over the JSON array [seq, id, source, resource, parent_key, key, version,
kind, changed, previous_digest, document_digest, observed_after, observed_at, scan_id] without white space;
`document_digest` and `previous_digest` are SHA-256 over the 16 bytes of `salt` and the canonical JSON of the value.
"""
