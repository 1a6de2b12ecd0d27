"""What the tables of a catalogue and of the configuration are made of: their base, and fields that both have.

What does not fit is told by changes/explain.py, in the same words for both.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from changes import schedules
from changes.problems import Misfit, did_you_mean

#: What a schedule that is written as a table may hold.
_PARTS = ("full", "head")


class Table(BaseModel):
    """A table of a file; a key that is no field of it is refused."""

    # Built with the file whose table it is, and not once more by itself: a start-up counts.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)


def _one_text(value: object) -> object:
    """A schedule that is written as a table, `{ head = "30s", full = "4h" }`, in its form as a text."""
    if not isinstance(value, dict):
        return value
    for name, part in value.items():
        if name not in _PARTS:
            raise Misfit("this key is not known", did_you_mean(str(name), _PARTS), at=str(name))
        if not isinstance(part, str):
            raise Misfit("a text is expected", f'write it in quotes: {name} = "30s"', at=name)
        if schedules.HEAD in part:
            raise Misfit(f"{part!r} is two schedules", 'write one of them in "head", one in "full"', at=name)
    if not value:
        raise Misfit("nothing is said of when", 'write head = "30s" or full = "4h", or both')
    return schedules.in_words(value.get("full", "auto"), value.get("head"))


def _schedule(value: str) -> str:
    try:
        read = schedules.timing(value)
    except ValueError as error:
        message, _, cure = str(error).partition(": ")
        raise Misfit(message, cure or 'write "5m" or "off"') from None
    return "off" if isinstance(read.full, schedules.Off) else value


Text = Annotated[str, Field(pattern=r"\S")]
#: Not the words for it, nor 0 and 1.
Flag = Annotated[bool, Field(strict=True)]
#: A text, or a table of the two parts; read as the text.
Schedule = Annotated[str, BeforeValidator(_one_text), AfterValidator(_schedule)]
HeaderName = Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
