"""Asks a witness to cosign a checkpoint (C2SP tlog-witness, `add-checkpoint`), and says what its answer means.

What is asked and answered are texts here: who calls (tasks/record) makes the one and reads the other.
"""

from __future__ import annotations

from typing import NamedTuple

from webhooks.exchange import Answer, Asker

_SIZE_TYPE = "text/x.tlog.size"
#: Sizes have at most so many digits.
_DIGITS = 19


class WitnessError(Exception):
    """The witness does not cosign; the text says why, for people."""

    def __init__(self, text: str, *, is_contradiction: bool = False) -> None:
        super().__init__(text)
        self.is_contradiction = is_contradiction  #: it knows another history of this log


class Cosigned(NamedTuple):
    """It has cosigned: the lines of its signatures."""

    lines: str


class Conflict(NamedTuple):
    """It has last cosigned another size than the one that the proof begins with."""

    size: int


def add_checkpoint(asker: Asker, url: str, body: str) -> Cosigned | Conflict:
    """Post the checkpoint; WitnessError where it is refused, UnansweredError where no answer came."""
    answer = asker.ask(
        "POST", f"{url.rstrip('/')}/add-checkpoint", content=body.encode(), content_type="text/plain; charset=utf-8"
    )
    if answer.status == 200:
        try:
            return Cosigned(answer.body.decode())
        except UnicodeDecodeError:
            raise WitnessError("its answer is no text") from None
    if answer.status == 409:
        return Conflict(_size(answer))
    if answer.status == 422:
        raise WitnessError(f"it has cosigned other rows than are here now ({answer.refusal})", is_contradiction=True)
    if answer.status == 403:
        raise WitnessError(f"it does not accept the signature: give it our verifier key ({answer.refusal})")
    if answer.status == 404:
        raise WitnessError(
            f"it does not know this log: give it our origin and verifier key, or correct its address ({answer.refusal})"
        )
    raise WitnessError(answer.refusal)


def _size(answer: Answer) -> int:
    text = answer.body.removesuffix(b"\n")
    is_size = answer.content_type.partition(";")[0].strip().lower() == _SIZE_TYPE
    if not is_size or not text.isdigit() or len(text) > _DIGITS or (text.startswith(b"0") and text != b"0"):
        raise WitnessError(f"it answers 409 and does not say which size it knows: {answer.said}")
    return int(text)
