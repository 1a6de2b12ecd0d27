"""What can go wrong with the database, told so that a person knows what to do; raised by this room only.

StorageError(message, hint)
+-- DatabaseTrouble   unreachable, locked, full, broken: try again later
+-- DatabaseNewer     made by a newer Mirrorpoint: upgrade the program
+-- ColumnMismatch    a mirror table is not what the catalogue says: change one of the two
"""

from __future__ import annotations


class StorageError(Exception):
    """What happened and where, and what to do about it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)  # all arguments, in order: else it does not survive pickling
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


class DatabaseRefused(StorageError):  # noqa: N818  # the word a person reads
    """`storage.url` names nothing that can be used."""


class DatabaseTrouble(StorageError):  # noqa: N818  # the word a person reads
    """The database is unreachable, locked, full or broken."""


class DatabaseNewer(StorageError):  # noqa: N818  # the word a person reads
    """The database was made by a newer Mirrorpoint."""


class ColumnMismatch(StorageError):  # noqa: N818  # the word a person reads
    """A mirror table has a column of another type than the catalogue says."""
