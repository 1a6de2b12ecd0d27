"""What the tables of a catalogue and of the configuration are made of: their base, and fields that both have.

What does not fit is told by changes/explain.py, in the same words for both.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from changes import schedules
from changes.problems import Misfit


class Table(BaseModel):
    """A table of a file; a key that is no field of it is refused."""

    # Built with the file whose table it is, and not once more by itself: a start-up counts.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)


def _schedule(value: str) -> str:
    try:
        schedules.timing(value)
    except ValueError as error:
        message, _, cure = str(error).partition(": ")
        raise Misfit(message, cure or 'write "5m" or "off"') from None
    return value


Text = Annotated[str, Field(pattern=r"\S")]
#: Not the words for it, nor 0 and 1.
Flag = Annotated[bool, Field(strict=True)]
Schedule = Annotated[str, AfterValidator(_schedule)]
HeaderName = Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
