"""What the own path of a resource's records is worth, and what it says of one; used by whoever confirms absences.

A 404 means something only where the path answers for a record that is there. And that it answers with a record means
something only where it does not do so for everybody: some paths echo whatever key they are asked for.
"""

from __future__ import annotations

import random
import re
import string
from collections.abc import Iterable
from enum import Enum

from changes.records import Id, Json
from changes.resources import Resource
from upstream.client import SourceClient
from upstream.errors import GiveUp, TryLater
from upstream.single_record import LookedUp

#: Answers that prove nothing until the rest is not asked for: more of them would prove no more.
EMPTY_ANSWERS = 20
#: Of a key, so many of its last letters and digits are made up for one that nobody has.
INVENTED_CHARACTERS = 12
#: Shorter numbers are replaced by one of the last below 2^31: servers refuse what is larger as no key at all.
LONGEST_COUNTED_KEY = 10
_LAST_NUMBERS = (2_147_483_000, 2_147_483_647)


class Told(Enum):
    """What the own path says of a record."""

    THERE = "there"
    GONE = "gone"  #: 404 or 410, from a path that is proven
    NOTHING = "nothing"  #: an answer that proves nothing: whoever believes it would delete by guessing, or never
    FAILED = "failed"  #: no answer, or a refusal


class OwnPath:
    """One resource's, for as long as one scan confirms."""

    def __init__(self, client: SourceClient, resource: Resource, *, is_proven: bool, rng: random.Random) -> None:
        self.is_proven = is_proven
        self.requests = 0
        self._client, self._resource, self._rng = client, resource, rng
        self._answers = is_proven  #: for records that are there
        self._empty_answers = 0
        self._is_echo: bool | None = None  #: it has a record for a key that nobody has; None: not tried yet

    @property
    def is_asked(self) -> bool:
        """Whether there is any use in asking it."""
        return self._answers and not self._is_echo and self._empty_answers < EMPTY_ANSWERS

    def prove(self, living: Iterable[Id]) -> bool:
        """True where it answers for one of these, which are there, and denies a record that nobody has."""
        for id_ in living:
            try:
                self._answers = self._look_up(id_).row is not None
            except (GiveUp, TryLater):
                return False
            if self._answers:
                self.is_proven = self._denies(id_)
                return self.is_proven
        return False

    def ask(self, id_: Id) -> tuple[Told, Json | None]:
        """What it says of the record, and the row where it is there."""
        try:
            found = self._look_up(id_)
        except (GiveUp, TryLater):
            return Told.FAILED, None
        if found.is_denied:
            return (Told.GONE if self.is_proven else Told.NOTHING), None
        if found.row is not None and self._is_echo is None:
            self._denies(id_)
        if found.row is None or self._is_echo:
            self.is_proven = False
            self._empty_answers += 1
            return Told.NOTHING, None
        return Told.THERE, found.row

    def _denies(self, id_: Id) -> bool:
        """Whether a record like this one that nobody has is refused, in whatever words."""
        try:
            found = self._look_up(Id(id_.parent_key, invented(id_.key, self._rng)))
        except GiveUp:
            self._is_echo = False
            return True
        except TryLater:
            return False
        self._is_echo = found.row is not None
        return found.is_denied

    def _look_up(self, id_: Id) -> LookedUp:
        self.requests += 1
        return self._client.look_up(self._resource, id_)


def invented(key: str, rng: random.Random) -> str:
    """A key of the same kind that no record has: a number for a number, hexadecimal for hexadecimal."""
    if key.isdecimal() and key.isascii() and len(key) <= LONGEST_COUNTED_KEY:
        return str(rng.choice([number for number in range(*_LAST_NUMBERS) if str(number) != key]))
    is_hex = re.fullmatch(r"[0-9a-fA-F-]+", key) is not None
    left, characters = INVENTED_CHARACTERS, []
    for character in reversed(key):
        if character == "/":
            break  # of a key of several parts, the last
        if left and character.isalnum() and character.isascii():
            character, left = _like(character, is_hex=is_hex, rng=rng), left - 1  # noqa: PLW2901
        characters.append(character)
    tail = "".join(reversed(characters))
    made = key[: len(key) - len(tail)] + tail
    return made if left <= INVENTED_CHARACTERS // 2 else made + "".join(rng.choices(string.ascii_lowercase, k=left))


def _like(character: str, *, is_hex: bool, rng: random.Random) -> str:
    if character.isdigit():
        return rng.choice(string.digits)
    if is_hex:
        return rng.choice("abcdef" if character.islower() else "ABCDEF")
    return rng.choice(string.ascii_lowercase if character.islower() else string.ascii_uppercase)
