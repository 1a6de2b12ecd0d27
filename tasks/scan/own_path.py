"""What the own path of a resource's records proves, and what it says of one record; used where absences are confirmed.

A 404 proves something only if the path still answers for a record that is there: a path may stop working, or the right
to it may go. An answer with a record proves something only if the path does not answer so for every key: some paths
echo whatever key they are asked for.
"""

from __future__ import annotations

import random
import re
import string
from collections.abc import Callable, Iterable
from enum import Enum
from itertools import islice

from changes.records import Id, Json
from changes.resources import Resource
from upstream.client import SourceClient
from upstream.errors import GiveUp, TryLater
from upstream.single_record import LookedUp

#: After so many answers that prove nothing the path is not asked any more: further ones would prove no more.
EMPTY_ANSWERS = 20
#: Records that are there, of which the path must answer for one.
WITNESSES = 2
#: To invent a key that nobody has, so many of the last letters and digits of a real one are replaced.
INVENTED_CHARACTERS = 12
#: Numbers of at most so many digits are replaced by one just below 2^31: servers refuse larger ones as no key at all.
LONGEST_COUNTED_KEY = 10
_LAST_NUMBERS = (2_147_483_000, 2_147_483_647)


class Told(Enum):
    """What the own path says of a record."""

    THERE = "there"
    GONE = "gone"  #: 404 or 410, from a path that is proven
    NOTHING = "nothing"  #: an answer that proves nothing, neither that the record is there nor that it is gone
    FAILED = "failed"  #: no answer, or a refusal


class OwnPath:
    """The own path of one resource, for one slice of a scan.

    `listed` gives records that have just been listed. `is_proven`: in an earlier slice the path has answered for such a
    record, and denied one that nobody has. Before a denial is believed in this slice, it must answer for one again.
    """

    def __init__(
        self,
        client: SourceClient,
        resource: Resource,
        listed: Callable[[], Iterable[Id]],
        *,
        is_proven: bool,
        rng: random.Random,
    ) -> None:
        self.is_proven = is_proven
        self.requests = 0
        self._client, self._resource, self._listed, self._rng = client, resource, listed, rng
        self._answers = is_proven  #: it answers for records that are there
        self._is_tried = False  #: it was tried in this slice, with a record that is there
        self._empty_answers = 0
        self._is_echo: bool | None = None  #: it gives a record for a key that nobody has; None: not tried yet

    @property
    def is_asked(self) -> bool:
        """Whether asking it is of any use."""
        return self._answers and not self._is_echo and self._empty_answers < EMPTY_ANSWERS

    def prove(self) -> bool:
        """Whether it answers for a record that is there, and denies, or has once denied, one that nobody has."""
        return self._denial() is Told.GONE

    def _denial(self) -> Told:
        """What it means if the path denies a record."""
        if not self._is_tried:
            try:
                answering = self._witness()
            except TryLater:
                return Told.FAILED
            self._is_tried, self._answers = True, answering is not None
            self.is_proven = answering is not None and (self.is_proven or self._denies(answering))
        return Told.GONE if self.is_proven else Told.NOTHING

    def _witness(self) -> Id | None:
        """A record that is there and that the path answers for."""
        for id_ in islice(self._listed(), WITNESSES):
            try:
                if self._look_up(id_).row is not None:
                    return id_
            except GiveUp:
                pass  # a refusal is no answer
        return None

    def ask(self, id_: Id) -> tuple[Told, Json | None]:
        """What the path says of the record, and its row if it is there."""
        try:
            found = self._look_up(id_)
        except (GiveUp, TryLater):
            return Told.FAILED, None
        if found.is_denied:
            return self._denial(), None
        if found.row is not None and self._is_echo is None:
            self._denies(id_)
        if found.row is None or self._is_echo:
            self.is_proven = False
            self._empty_answers += 1
            return Told.NOTHING, None
        return Told.THERE, found.row

    def _denies(self, id_: Id) -> bool:
        """Whether the path denies, in whatever words, a record like this one that nobody has."""
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
            break  # only the last part of a composite key is replaced
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
