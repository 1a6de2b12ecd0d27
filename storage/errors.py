"""What can go wrong with the database, told so that a person knows what to do; raised by this room only.

StorageError(message, hint)
+-- DatabaseTrouble   unreachable, locked, full, broken: try again later
|   +-- DatabaseEmpty nothing was mirrored yet: there is nothing to read
+-- DatabaseNewer     made by a newer Mirrorpoint: upgrade the program
+-- DatabaseOlder     not brought up to this Mirrorpoint, or to this configuration, yet: start it once
+-- SealKeyDiffers    its secrets were sealed with another key: put that one back
+-- BackupRefused     this file cannot be written, or cannot be restored here
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


class DatabaseEmpty(DatabaseTrouble):
    """There is no database yet, or nothing in it; `name` is how it is shown."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"nothing was mirrored yet: there is no database at {name}",
            "`mirrorpoint run` makes it, or `mirrorpoint sync`; if it should be there, look at storage.url",
        )
        self.args = (name,)  # what pickling calls the class with


class DatabaseNewer(StorageError):  # noqa: N818  # the word a person reads
    """The database was made by a newer Mirrorpoint."""


class ColumnMismatch(StorageError):  # noqa: N818  # the word a person reads
    """A mirror table has a column of another type than the catalogue says."""


class DatabaseOlder(StorageError):  # noqa: N818  # the word a person reads
    """The database does not have all the tables that are to be read."""


class SealKeyDiffers(StorageError):  # noqa: N818  # the word a person reads
    """The seal key is a valid one, but not this database's."""


class BackupRefused(StorageError):  # noqa: N818  # the word a person reads
    """A backup that cannot be made or restored as it was asked for."""
