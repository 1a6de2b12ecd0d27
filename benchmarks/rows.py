"""The rows of the source that is measured: products of a Back Office, encoded once, all of one length.

Since all have one length, a page is a slice of one buffer, and a change is written into its place.
"""

from __future__ import annotations

import json

#: The first key; all keys have seven digits.
FIRST_KEY = 1_000_001
_STATUSES = ("enabled_", "disabled")
#: Where a row's revision stands, between its marks: changed by `Rows.change`.
_MARK = b'"revision":"'
_DIGITS = 6


def product(key: int) -> bytes:
    """One row, about 0.93 KB of JSON with all 26 columns of the built-in catalogue, as long as every other."""
    number = key - FIRST_KEY
    name = f"{number % 10_000_000:07d}"
    row = {
        "id": key,
        "name": f"product-{name}",
        "caption": f"Trading account {name}, individual and corporate clients",
        "type": "personal",
        "status": _STATUSES[number % 2],
        "groupId": 10 + number % 90,
        "platformId": 1 + number % 9,
        "factory": 100,
        "platformGroup": [f"real\\forex-{number % 90:02d}", "real\\metals"],
        "permissions": ["deposit", "withdraw", "transfer", "exchange", "internal_transfer"],
        "defaultAccountPermissions": ["deposit", "withdraw", "transfer"],
        "defaultLeverage": 100,
        "leverages": [1, 50, 100, 200, 500],
        "maxAccounts": 1 + number % 9,
        "minDepositAmount": 100 + number % 900 + 0.5,
        "startAmounts": [100, 200, 1000.5],
        "requestRequired": False,
        "autoCreateOnLogin": True,
        "sendMailSetting": "default",
        "mailTemplate": "accountCreated",
        "agreementLink": f"https://terms.example.com/agreements/{name}",
        "linkInfo": f"https://www.example.com/products/{name}",
        "options": {"server": f"live-{number % 9}", "swapFree": True, "revision": "0" * _DIGITS},
        "priority": 10_000 + number % 90_000,
        "resources": [{"locale": "en", "caption": f"Account {name}", "description": "No negative balance"}],
        "createTime": f"2024-{1 + number % 12:02d}-{1 + number % 28:02d}T{number % 24:02d}:{number % 60:02d}:00+00:00",
    }
    return json.dumps(row, separators=(",", ":")).encode()


class Rows:
    """So many products."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.width = len(product(FIRST_KEY)) + 1  # a comma behind each
        self._revision_at = product(FIRST_KEY).index(_MARK) + len(_MARK)
        self._revision = 0
        self._buffer = bytearray(b",".join(product(FIRST_KEY + place) for place in range(number)) + b",")
        if len(self._buffer) != max(number * self.width, 1):
            raise ValueError("the rows are not all of one length")

    def slice(self, offset: int, limit: int) -> memoryview:
        """The rows of a page, parted by commas."""
        first, last = min(offset, self.number), min(offset + limit, self.number)
        return memoryview(self._buffer)[first * self.width : max(last * self.width - 1, first * self.width)]

    def change(self, every: int) -> int:
        """Give each `every`th row another revision, spread evenly; how many."""
        self._revision += 1
        places = range(self._revision % every, self.number, every)
        for place in places:
            self._write_revision(place)
        return len(places)

    def touch(self, key: int) -> int:
        """Give this row another revision, and say which."""
        self._revision += 1
        self._write_revision(key - FIRST_KEY)
        return self._revision

    def _write_revision(self, place: int) -> None:
        start = place * self.width + self._revision_at
        self._buffer[start : start + _DIGITS] = f"{self._revision:0{_DIGITS}d}".encode()
