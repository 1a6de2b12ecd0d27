"""What can go wrong, as the rest of the program raises it; each has `message` (what, where) and `hint` (the cure).

    Problem               of how it is set up or called
     |-- SettingsError    the configuration, at which field
     |-- CatalogueError   a catalogue file, at which field
     '-- UsageError       a name that does not exist, a time without a zone
    StorageError          the database: never filled, unreachable, locked, full, of another version
    UpstreamError         a source, when one writes to it

`except mirrorpoint.errors.ALL as error` takes them together. Those of webhooks are in `mirrorpoint.webhooks`.
"""

from __future__ import annotations

from changes.problems import CatalogueError
from storage.errors import StorageError
from upstream.errors import UpstreamError
from worker.problems import Problem, SettingsError, UsageError

__all__ = ["ALL", "CatalogueError", "Problem", "SettingsError", "StorageError", "UpstreamError", "UsageError"]

ALL = (Problem, StorageError, UpstreamError)
