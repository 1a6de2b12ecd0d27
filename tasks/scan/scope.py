"""What one scan is about; made with its lease, and handed to every step of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from changes.resources import Resource, Shape
from storage.row_cache import Compared
from tasks.scan.head_state import LastHead
from tasks.services import Services


@dataclass(frozen=True, slots=True)
class Scope:
    """What the transactions of one scan have in common."""

    services: Services
    source: str
    resource: Resource
    scan_id: str
    fence: int
    has_baseline: bool  #: False: the resource has had no complete scan yet, so what is new is a snapshot
    last_complete_started_at: datetime | None
    all_read_at: datetime | None = None  #: the same of the last one that had all living records
    started_at: datetime | None = None  #: of the scan
    last_head: LastHead | None = None  #: of a head scan: the one before it
    compared: Compared | None = None  #: of a flat list: what its last complete scan has left
    is_log_empty: bool = False  #: but for what this scan has written
    are_points_anew: bool = False  #: the mapping of points has changed, so unchanged records are read for it too

    @property
    def parent(self) -> Resource | None:
        """The resource whose records the scanned lists belong to."""
        name = self.resource.parent
        return self.services.sources[self.source].catalogue.resources[name] if name else None

    @property
    def is_sliced(self) -> bool:
        """Whether rows are recognised by their bytes: those of flat lists that need nothing else from a row."""
        resource = self.resource
        return resource.parent is None and resource.shape is Shape.LIST and resource.points is None

    @property
    def descendants(self) -> list[Resource]:
        """The resources whose records are deleted with this one's, children first."""
        resources = self.services.sources[self.source].catalogue.resources.values()
        return [resource for resource in resources if self.resource.name in resource.ancestors]
