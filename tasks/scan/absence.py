"""Records that were in no list: asks for each by its own path, and deletes only what is confirmed absent.

This is the second half of a scan whose walk proved complete; called by the scan step, page by page like the first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import islice

from changes import normalise
from changes.notices import Notice
from changes.records import Id
from changes.resources import Resource
from storage import generations, mirror, notices, scans, seen_ids, suspects
from storage.session import Session
from storage.states import SuspectState
from storage.suspects import Suspect
from tasks.scan import deletions, flagged, own_path, put_back
from tasks.scan.apply import Applied
from tasks.scan.own_path import OwnPath, Told
from tasks.scan.position import Position
from tasks.scan.scope import Scope
from tasks.services import Source
from upstream import addresses, path_words
from upstream.evidence import Outcome

#: Deletions are held when they are more than this many and more than this share of the resource's rows.
HELD_ABOVE_ROWS = 10
HELD_ABOVE_SHARE = 0.10
#: Suspects asked for, or deleted, in one transaction.
AT_A_TIME = 50
#: If a walk missed more records than this, the list hides them; asking for the rest would prove no more.
MISSED_ROWS = 20
#: After so many own paths in a row that give no answer, the rest is left for the next scan.
FAILING_PATHS = 5


def find_absent(
    session: Session, scope: Scope, position: Position, seen: seen_ids.Seen, *, live_rows: int, strange: int
) -> bool:
    """Write down as suspects the living records that the walk did not see. Those that it saw are suspects no more.

    `live_rows`: how many the mirror has; `strange`: how much others have written to it by then. Returns whether anybody
    of the resource is under suspicion now.
    """
    flagged.find(session, scope, position, seen, live_rows=live_rows)
    gone = frozenset(position.gone)
    absent = seen_ids.absent_ids(session, scope.resource, scope.source, seen, live_rows=live_rows, without_parents=gone)
    name = scope.resource.name
    while ids := list(islice(absent, 500)):
        ids = put_back.living(session, scope, ids)  # first, since their times may be somebody else's too
        if scope.started_at is not None:  # what a head scan has seen meanwhile is not absent
            seen_since = mirror.changed_since(session, scope.resource, scope.source, ids, since=scope.started_at)
            ids = [id_ for id_ in ids if id_ not in seen_since]
        suspects.note_suspects(session, scope.source, name, scan_id=scope.scan_id, ids=ids, since=scope.all_read_at)
    if seen.living != live_rows:  # else nobody was looked for since `strange` was read
        strange = generations.begin(session, scope.source, name).strange
    position.has_seen_all = strange == position.strange  # a row that somebody has taken meanwhile was not looked for
    return suspects.clear_seen_suspects(session, scope.source, name, scan_id=scope.scan_id) > 0


class Confirmer:
    """Settles the suspects of one scan, `AT_A_TIME` at a time."""

    def __init__(
        self, scope: Scope, source: Source, position: Position, *, listed_rows: int, start: Id | None = None
    ) -> None:
        """`start`: those behind it are asked for first, since the scan before came no further."""
        self.position = position
        self._start = start
        self._scope = scope
        self._source = source
        self._listed_rows = listed_rows
        self._failing = 0
        self._moved = set[Id]()  #: those of the suspects in question that are listed below another parent
        with scope.services.database.read() as session:
            self._live_rows = mirror.live_count(session, scope.resource, scope.source)
            state = scans.resource_state(session, scope.source, scope.resource.name)
            self._seen = seen_ids.Seen(session, scope.scan_id) if scope.resource.deleted else None
        self._was_proven = state.item_path_proven_at is not None
        self._path = OwnPath(
            source.client, scope.resource, self._listed, is_proven=self._was_proven, rng=scope.services.rng
        )

    @property
    def is_over_limit(self) -> bool:
        """Whether more records are confirmed absent than may be deleted without a person's word."""
        confirmed = self.position.confirmed
        return confirmed > HELD_ABOVE_ROWS and confirmed > HELD_ABOVE_SHARE * self._live_rows

    @property
    def must_be_held(self) -> bool:
        """An empty list with nothing but itself to prove it confirms no deletion, however few."""
        is_empty_list = self._listed_rows == 0 and not self._path.is_proven
        return self.position.confirmed > 0 and (self.is_over_limit or is_empty_list)

    @property
    def is_in_vain(self) -> bool:
        """Whether asking for the rest would change nothing, or only prove how wrong the list was."""
        return self.is_over_limit or self._failing >= FAILING_PATHS or self.position.missed > MISSED_ROWS

    def next_suspects(self) -> Sequence[Suspect]:
        """The next ones to settle. Those whose deletion a person has approved come first, also if he does so now."""
        position = self.position
        if found := self._suspects(SuspectState.APPROVED, after=None):
            return found
        if not position.is_approved_settled:
            position.is_approved_settled, position.asked_after = True, self._start
        if self.is_in_vain:
            return ()
        found = self._suspects(SuspectState.ABSENT, after=position.asked_after)
        if not found and self._start is not None:
            self._start = position.asked_after = None
            found = self._suspects(SuspectState.ABSENT, after=None)
        return found

    def _suspects(self, state: SuspectState, *, after: Id | None) -> Sequence[Suspect]:
        scope = self._scope
        with scope.services.database.read() as session:
            return suspects.suspects(
                session,
                scope.source,
                scope.resource.name,
                scan_id=scope.scan_id,
                state=state,
                after=after,
                limit=AT_A_TIME,
            )

    def settle(self, found_absent: Sequence[Suspect]) -> Callable[[Session, datetime], Applied]:
        """Ask for the suspects; returns the function that writes what came of it."""
        gone: list[Suspect] = []
        found: list[Id] = []
        self._moved = self._listed_elsewhere([suspect.id for suspect in found_absent])
        for suspect in found_absent:
            is_approved = suspect.state == SuspectState.APPROVED
            if not is_approved:
                self.position.asked_after = suspect.id
            if self._is_gone(suspect, found):
                gone.append(suspect)
                self.position.confirmed += not is_approved
            if self.is_in_vain and not is_approved:
                break
        if self.position.missed > MISSED_ROWS:
            self.position.note(Outcome.DRIFTED, _missed(self._scope.resource, self.position.missed))
        confirmed = [suspect.id for suspect in gone if suspect.state != SuspectState.APPROVED]
        approved = [suspect.id for suspect in gone if suspect.state == SuspectState.APPROVED]
        asked = {suspect.id for suspect in found_absent if suspect.state == SuspectState.APPROVED}
        unsettled = [id_ for id_ in asked if id_ not in {*approved, *found}]
        self.position.withdrawn += len(unsettled)

        def write(session: Session, now: datetime) -> Applied:
            scope, name = self._scope, self._scope.resource.name
            if self._was_proven and not self._path.is_proven:
                scans.note_path_proven(session, scope.source, name, at=None)
            suspects.confirm_suspects(session, scope.source, name, confirmed)
            suspects.withdraw_approval(session, scope.source, name, unsettled)
            deleted = deletions.delete_records(session, scope, approved, now=now)
            suspects.clear_suspects(session, scope.source, name, [*found, *approved])
            return deleted

        return write

    def _is_gone(self, suspect: Suspect, found: list[Id]) -> bool:
        """Whether its own path denies it, or where that proves nothing, two complete scans did not have it.

        A record that its own path still has was missed by the walk, and stays as it is: that path may show other values
        than the list. Where this scan has listed it below another parent, it tells of the one there.
        """
        scope, is_absent_twice = self._scope, suspect.absent_scans >= 2
        if self._seen is not None and self._seen.has_flagged(suspect.id):
            return True
        if not self._path.is_asked or not path_words.has_own_path(scope.resource, suspect.id):
            return is_absent_twice
        told, row = self._path.ask(suspect.id)
        self._failing = self._failing + 1 if told is Told.FAILED else 0
        if told is Told.NOTHING:
            return is_absent_twice
        if told is not Told.THERE:
            return told is Told.GONE
        if suspect.id in self._moved:
            return is_absent_twice
        seal = scope.services.vault.seal
        batch = normalise.read(scope.resource, [row], parent_key=suspect.id.parent_key, seal=seal)
        if batch.gone:  # it has a path, and says there that it is gone
            return True
        self.position.missed += 1
        found.append(suspect.id)
        return False

    def _listed_elsewhere(self, ids: Sequence[Id]) -> set[Id]:
        """Those of which this scan has seen a namesake below another parent that has the very same own path."""
        scope, resource = self._scope, self._scope.resource
        ids = [id_ for id_ in ids if path_words.has_own_path(resource, id_)]
        if scope.parent is None or not ids:
            return set()
        with scope.services.database.read() as session:
            namesakes = mirror.namesakes(session, resource, scope.source, [id_.key for id_ in ids])
            if set(namesakes) <= set(ids):
                return set()
            seen = self._seen or seen_ids.Seen(session, scope.scan_id)
        paths = {self._own_path(id_) for id_ in namesakes if id_ in seen}
        return {id_ for id_ in ids if self._own_path(id_) in paths}

    def _own_path(self, id_: Id) -> str:
        return addresses.of_record(self._scope.source, self._scope.resource, id_)

    def prove_path(self) -> bool:
        """Ask for a record that is known to be there, and for one that nobody has: only then does a 404 prove anything.

        A path that is only inferred may not exist on this installation. True: it has been proven just now.
        """
        scope = self._scope
        if self._path.is_proven or scope.resource.item_path is None:
            return False
        with scope.services.database.read() as session:
            absent = suspects.suspects(session, scope.source, scope.resource.name, limit=1)
            if scope.has_baseline and not absent:
                return False  # no record to ask for
        self._was_proven = self._path.prove()
        return self._was_proven

    def note_path(self, session: Session, now: datetime) -> Applied:
        """Its proof, for the scans to come."""
        scans.note_path_proven(session, self._scope.source, self._scope.resource.name, at=now)
        return Applied()

    def hold(self, session: Session, now: datetime) -> Applied:
        """Decide: where it must be, all of it is held; else only what was held before and could not be settled.

        The notice says so once: not at every scan that finds the same records absent.
        """
        source, name, scan_id = self._scope.source, self._scope.resource.name, self._scope.scan_id
        is_news = self.position.withdrawn > 0
        if self.must_be_held:
            held = suspects.hold_suspects(session, source, name, scan_id=scan_id)
            is_news = is_news or suspects.first_held(session, source, name, scan_id=scan_id) > 0
        else:
            held = suspects.settle_held(session, source, name, scan_id=scan_id)
        return Applied(held=held, owed=self._tell_held(session, held, now) if is_news else 0)

    def _tell_held(self, session: Session, held: int, now: datetime) -> int:
        """A notice; returns how many points are owed it."""
        scope, name = self._scope, self._scope.resource.name
        asking = notices.asking(session, scope.services.routes, Notice.DELETIONS_HELD)
        data = {"source": scope.source, "resource": name, "scan_id": scope.scan_id, "held": held}
        subject = f"{scope.source}/{name}"
        notices.add(session, type=Notice.DELETIONS_HELD, subject=subject, data=data, now=now, points=asking)
        return len(asking)

    def _listed(self) -> list[Id]:
        """A few living records that this scan has seen listed."""
        scope = self._scope
        with scope.services.database.read() as session:
            seen = self._seen or seen_ids.Seen(session, scope.scan_id)
            if not seen.living:
                return []
            living = mirror.walk_live(session, scope.resource, scope.source)
            there = (id_ for id_ in living if id_ in seen and path_words.has_own_path(scope.resource, id_))
            return list(islice(there, own_path.WITNESSES))

    def take_requests(self) -> int:
        """Requests since the last call."""
        made, self._path.requests = self._path.requests, 0
        return made


def _missed(resource: Resource, count: int) -> str:
    """What a person is told, and what he is to do in either case."""
    return (
        f"{count} records or more are missing from the list, but their own paths have them, so none is deleted. "
        "If the list hides them (a right, `params`), make it show them. If what leaves it is to be deleted, take this "
        f"line out of [resources.{resource.name}] in the catalogue: item_path = {json.dumps(resource.item_path)}"
    )


def deletion_of(scope: Scope, ids: Sequence[Id]) -> Callable[[Session, datetime], Applied]:
    """The function that writes their deletion."""
    return lambda session, now: deletions.delete_records(session, scope, ids, now=now)


def confirmed_ids(scope: Scope) -> list[Id]:
    """The next ones to delete."""
    with scope.services.database.read() as session:
        found = suspects.suspects(
            session,
            scope.source,
            scope.resource.name,
            scan_id=scope.scan_id,
            state=SuspectState.CONFIRMED,
            limit=AT_A_TIME,
        )
    return [suspect.id for suspect in found]
