"""What a database knows of itself: which seal key its secrets were sealed with; compared by worker/bootstrap.py."""

from __future__ import annotations

from storage import sql
from storage.engine import Database
from storage.errors import SealKeyDiffers
from storage.session import Session, unfit

_SEAL_KEY = "seal_key"


def compare_seal_key(database: Database, check_value: str, *, cure: str) -> bool:
    """Whether the database knows its key, which then is this one; `SealKeyDiffers` with the cure where it is another.

    `check_value` is `sealing.check_value` of the key. A database without its tables knows none.
    """
    try:
        with database.read() as session:
            known = seal_key(session)
    except unfit():
        return False  # no such table: a new database
    if known is not None and known != check_value:
        raise SealKeyDiffers(
            f"storage.seal_key is not the key that the secrets in {database.name} were sealed with", cure
        )
    return known is not None


def seal_key(session: Session) -> str | None:
    """The check value of its key; None before the first start with one."""
    found = sql.first(session, "SELECT value FROM mirrorpoint_installation WHERE name = :name", name=_SEAL_KEY)
    return found[0] if found else None


def note_seal_key(session: Session, check_value: str, *, replaces: bool = False) -> None:
    """This is its key from now on, where it knows none yet, or `replaces` says that another one goes."""
    text = "INSERT INTO mirrorpoint_installation (name, value) VALUES (:name, :value) ON CONFLICT (name) DO "
    text += "UPDATE SET value = :value" if replaces else "NOTHING"
    sql.change(session, text, name=_SEAL_KEY, value=check_value)
