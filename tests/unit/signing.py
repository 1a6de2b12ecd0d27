"""Keys, and the examples of the C2SP specifications; imported by the tests beside it."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from record import notes
from record.notes import SigningKey
from record.witnessing import WitnessKey, cosigned_text

NAME = "example.com/mirrorpoint"
WITNESS_NAME = "witness.example.com/w1"

#: signed-note: a key, and a note that it has signed.
NOTE_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
NOTE_TEXT = "This is an example message.\n"
NOTE = (
    f"{NOTE_TEXT}\n— example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
#: signed-note: a text that has an empty line and characters beyond ASCII.
POEM_TEXT = "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n"
POEM = (
    f"{POEM_TEXT}\n— quasimodo.example/salvatore "
    "NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n"
)
#: tlog-cosignature and tlog-witness: a checkpoint; its log's two signatures; a cosignature from 1679315147.
ORIGIN = "example.com/behind-the-sofa"
SIZE = 20_852_163
ROOT = base64.b64decode("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=")
CHECKPOINT_TEXT = f"{ORIGIN}\n{SIZE}\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
LOG_LINE = f"— {ORIGIN} Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
SECOND_LOG_LINE = (
    f"— {ORIGIN} opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=\n"
)
WITNESS_LINE = (
    "— witness.example.com/w1 "
    "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
)

_PEM = {name: notes.new_pem() for name in ("one", "two")}
WITNESS_PRIVATE = Ed25519PrivateKey.generate()
WITNESS = WitnessKey(WITNESS_NAME, WITNESS_PRIVATE.public_key().public_bytes_raw())


def key(which: str = "one", *, name: str = NAME) -> SigningKey:
    """One of two keys, under a name."""
    return SigningKey.from_pem(_PEM[which], name=name)


def cosignature(text: str, at: int, *, name: str = WITNESS_NAME) -> str:
    """The line of the witness under a checkpoint."""
    signature = WITNESS_PRIVATE.sign(cosigned_text(text, at).encode())
    return line(name, WITNESS.key_id + at.to_bytes(8) + signature)


def line(name: str, value: bytes) -> str:
    """A line of a signature, whatever it holds."""
    return f"— {name} {base64.b64encode(value).decode()}\n"
