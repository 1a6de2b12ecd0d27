"""Whether the database is fit to be worked with: read, written, of the right schema; called by health.py."""

from __future__ import annotations

import time
from collections.abc import Callable

from storage import prepare, writable
from storage.errors import StorageError
from web.health.checks import Check, Status
from web.services import Web


def checks(web: Web) -> list[Check]:
    """Each of them; where the first fails, the others would say the same and are left out."""
    resources = [each for of_source in web.resources.values() for each in of_source.values()]
    schema = _check(web, "database:schema", lambda: prepare.check_readable(web.reading, resources))
    if schema.status is Status.FAIL:
        return [schema]
    return [schema, _check(web, "database:write", lambda: writable.check(web.writing))]


def _check(web: Web, name: str, look: Callable[[], None]) -> Check:
    began = time.monotonic()
    try:
        look()
    except StorageError as error:
        return Check(name, "datastore", Status.FAIL, at=web.now(), output=f"{error.message}; {error.hint}")
    milliseconds = round((time.monotonic() - began) * 1000, 1)
    return Check(name, "datastore", Status.PASS, at=web.now(), observed=milliseconds, unit="ms")
