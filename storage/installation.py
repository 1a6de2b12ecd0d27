"""What a database knows of itself: which seal key its secrets were sealed with; compared by worker/bootstrap.py."""

from __future__ import annotations

from sqlalchemy import select
from sqlmodel import col

from storage import sql
from storage.engine import Database
from storage.errors import SealKeyDiffers
from storage.session import Session, failures
from storage.tables import InstallationRow

_SEAL_KEY = "seal_key"


def compare_seal_key(database: Database, check_value: str, *, cure: str) -> bool:
    """Whether the database knows its key, which then is this one; `SealKeyDiffers` with the cure where it is another.

    `check_value` is `sealing.check_value` of the key. A database without its tables knows none.
    """
    try:
        with database.read() as session:
            known = seal_key(session)
    except failures():
        return False  # no such table: a new database
    if known is not None and known != check_value:
        raise SealKeyDiffers(
            f"storage.seal_key is not the key that the secrets in {database.name} were sealed with", cure
        )
    return known is not None


def seal_key(session: Session) -> str | None:
    """The check value of its key; None before the first start with one."""
    found: str | None = sql.run(
        session, select(col(InstallationRow.value)).where(col(InstallationRow.name) == _SEAL_KEY)
    ).scalar()
    return found


def note_seal_key(session: Session, check_value: str, *, replaces: bool = False) -> None:
    """This is its key from now on, where it knows none yet, or `replaces` says that another one goes."""
    row = sql.insert(session, InstallationRow).values(name=_SEAL_KEY, value=check_value)
    if replaces:
        row = row.on_conflict_do_update(index_elements=["name"], set_={"value": check_value})
    else:
        row = row.on_conflict_do_nothing(index_elements=["name"])
    sql.run(session, row)
