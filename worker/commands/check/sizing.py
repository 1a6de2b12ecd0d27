"""How large each resource of a source is, as far as the mirror knows, else as its first answers let one guess.

Used by `check` for its plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from changes.cadence.costs import Size

if TYPE_CHECKING:
    from changes.resources import Resource
    from upstream.catalogue import Catalogue
    from worker.commands.check.probing import Probed


class Sizes:
    """Of one source."""

    def __init__(
        self, source: str, catalogue: Catalogue, probed: Probed, mirrored: Mapping[tuple[str, str], int]
    ) -> None:
        """`mirrored`: rows in the mirror, by source and resource."""
        self._source = source
        self._catalogue = catalogue
        self._probes = probed.probes
        self._mirrored = mirrored

    def of(self, resource: Resource) -> Size:
        """Before the first scan one list of a nested resource stands for all of them."""
        probe = self._probes.get(resource.name)
        total = probe.total if probe is not None else None
        if resource.parent is None:
            rows = self._known(resource) if total is None else total
            return Size(rows=rows, has_total=total is not None, is_paged=resource.paged)
        lists, is_guess = self._records(self._catalogue.resources[resource.parent])
        rows = self._known(resource)
        is_estimate = is_guess or rows is None
        if rows is None and total is not None:
            rows = total * lists
        return Size(
            rows=rows, lists=lists, has_total=total is not None, is_paged=resource.paged, is_estimate=is_estimate
        )

    def _records(self, resource: Resource) -> tuple[int, bool]:
        """How many there are, at least one, and whether that is a guess."""
        known = self._known(resource)
        if known is not None:
            return known, False
        probe = self._probes.get(resource.name)
        lists, is_guess = (1, False)
        if resource.parent is not None:
            lists, is_guess = self._records(self._catalogue.resources[resource.parent])[0], True
        if probe is None:
            return max(1, lists), True
        if probe.total is not None:
            return max(1, probe.total * lists), is_guess
        return max(1, (probe.page_rows or 1) * lists), True

    def _known(self, resource: Resource) -> int | None:
        return self._mirrored[self._source, resource.name] or None
