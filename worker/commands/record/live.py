"""What `verify --live` does: draws records, reads them again from their sources, and says what may differ in all."""

from __future__ import annotations

import random
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from worker import output
from worker.commands import selecting
from worker.problems import UsageError

if TYPE_CHECKING:
    from storage.random_rows import Draw
    from storage.reports import Named
    from tasks.record.live import Compared
    from tasks.services import Services
    from worker.commands.calling import Call
    from worker.settings import Settings

_DRIFT, _REFUSED, _OUT_OF_REACH = 3, 4, 5
#: So many records of each kind are named to people; `--json` has all.
_NAMED = 20
_COLOURS = {"changed since": "yellow", "differs": "red", "gone": "red", "unreadable": "dim"}


def verify_live(call: Call, number: int, *, seed: int | None, source_name: str | None, wants_json: bool) -> int:
    """0; 3 where the mirror has drifted; 4 or 5 where no source could be asked."""
    from contextlib import closing

    settings = call.settings()
    only = [source_name] if source_name in settings.sources else None
    with closing(call.services(settings, only_sources=only)) as services:
        seed = secrets.randbelow(2**32) if seed is None else seed
        found, drawn = _look(services, settings, number, seed=seed, source_name=source_name, is_quiet=wants_json)
        due = _make_due(services, found)
    code = _code(found)
    if wants_json:
        output.document(_json(found, drawn, due, seed=seed))
    else:
        _tell(found, drawn, due, number=number, seed=seed)
    return code


def _look(
    services: Services, settings: Settings, number: int, *, seed: int, source_name: str | None, is_quiet: bool
) -> tuple[list[Compared], Draw]:
    from storage import random_rows
    from tasks.record import live
    from worker import bootstrap, planned

    catalogues = bootstrap.load_catalogues(settings)
    named = _named(services, source_name)
    with services.database.read() as session:
        drawn = random_rows.draw(session, named, number, rng=random.Random(seed))  # noqa: S311  # it is told
        plans = planned.read(session, settings, catalogues, now=services.now())
    if not drawn.records:
        raise UsageError("there is no record yet that could be compared", "`mirrorpoint sync` reads them")
    promises = {place: plan.promises for place, plan in plans.items()}
    found = []
    with output.progress(is_shown=not is_quiet) as progress:
        bar = None if progress is None else progress.add_task("records", total=len(drawn.records))
        for each in live.compare(services, drawn.records, promises=promises):
            found.append(each)
            if progress is not None and bar is not None:
                progress.advance(bar)
    return found, drawn


def _named(services: Services, source_name: str | None) -> list[Named]:
    """All that is not off."""
    from changes import schedules

    catalogues = {name: source.catalogue for name, source in services.sources.items()}
    return [
        (name, each)
        for name, each in selecting.resources(catalogues, (), source_name=source_name)
        if schedules.resolve(each, services.sources[name].schedule).strip() != "off"
    ]


def _make_due(services: Services, found: Sequence[Compared]) -> list[str]:
    from tasks.record import live

    return [f"{source}:{resource}" for source, resource in live.make_due(services, found)]


def _code(found: Sequence[Compared]) -> int:
    if any(each.is_drift for each in found):
        return _DRIFT
    if any(each.is_refused for each in found):
        return _REFUSED
    read = {each.drawn.source for each in found if each.verdict != "unreadable"}
    if any(each.is_silent and each.drawn.source not in read for each in found):
        return _OUT_OF_REACH
    return 0 if read else _DRIFT  # nothing was compared, which must not look as if all were well


def _bound(found: Sequence[Compared]) -> tuple[int, int, float]:
    """How many differ, of how many that could be read; and the largest share of all that may."""
    from record import sampling

    read = [each for each in found if each.verdict != "unreadable"]
    wrong = sum(each.is_drift for each in read)
    return wrong, len(read), sampling.largest_share(wrong, len(read))


def _tell(found: Sequence[Compared], drawn: Draw, due: Sequence[str], *, number: int, seed: int) -> None:
    counts = Counter(each.verdict.value for each in found)
    if len(found) == drawn.population:
        output.say(f"{len(found):,} records, which are all that there are")
    else:
        output.say(
            f"{len(found):,} records drawn from {drawn.population:,}; --live {number} --seed {seed} draws the same"
        )
    for verdict, colour in _COLOURS.items():
        shown = [each for each in found if each.verdict == verdict]
        for each in shown[:_NAMED] if verdict != "unreadable" else ():
            output.say(f"  {_line(each)}", style=colour)
        if verdict != "unreadable" and len(shown) > _NAMED:
            output.say(f"  and {len(shown) - _NAMED:,} more {verdict}; --json names all", style=colour)
    reasons = Counter((each.drawn.source, each.problem) for each in found if each.verdict == "unreadable")
    for (source, problem), times_ in reasons.most_common():
        output.say(f"  {times_:,} of {source} unreadable: {problem}", style="dim")
    output.say(", ".join(f"{counts[name]:,} {name}" for name in ("same", *_COLOURS)))
    wrong, read, share = _bound(found)
    if not read:
        output.say("none could be read, so nothing can be said", style="bold red")
    else:
        of = f"{read:,}" if read == len(found) else f"{read:,} that could be read"
        verb = "differs" if wrong == 1 else "differ"
        sentence = f"{wrong:,} of {of} {verb}: with 95 % confidence fewer than {_percent(share)} do"
        output.say(sentence, style="bold red" if wrong else "bold green")
    excused = sum(each.verdict in ("changed since", "gone") and not each.is_drift for each in found)
    if excused:
        output.note(f"not counted: {excused:,} that changed or went so lately that the mirror need not know yet")
    if due:
        names = " ".join(due)
        output.note(f"due for a scan now, which tells what has changed; at once by `mirrorpoint sync {names}`")


def _line(each: Compared) -> str:
    from changes import events

    source, resource, id_ = each.drawn
    name = f"{each.verdict.value}: {source}:{events.subject(resource.name, id_)}"
    fields = f" ({', '.join(field or 'the whole record' for field in each.fields)})" if each.fields else ""
    late = ", which is later than promised" if each.is_drift and not each.problem else ""
    seen = f"; seen last at {output.moment(each.seen_at)}{late}" if each.seen_at else ""
    return f"{name}{fields}{seen}" + (f"; {each.problem}" if each.problem else "")


def _percent(share: float) -> str:
    percent = 100 * share
    return f"{percent:.1f} %" if percent >= 0.1 else f"{percent:.2g} %"


def _json(found: Sequence[Compared], drawn: Draw, due: Sequence[str], *, seed: int) -> dict[str, Any]:
    counts = Counter(each.verdict.value for each in found)
    wrong, read, share = _bound(found)
    return {
        "seed": seed,
        "population": drawn.population,
        "drawn": len(found),
        "read": read,
        **{name.replace(" ", "_"): counts[name] for name in ("same", *_COLOURS)},
        "drift": wrong,
        "confidence": 0.95,
        "largest_share": round(share, 6) if read else None,
        "records": [_record(each) for each in found if each.verdict != "same"],
        "due": list(due),
    }


def _record(each: Compared) -> Mapping[str, Any]:
    source, resource, id_ = each.drawn
    return {
        "source": source,
        "resource": resource.name,
        "parent_key": id_.parent_key,
        "key": id_.key,
        "verdict": each.verdict.value,
        "drift": each.is_drift,
        "fields": list(each.fields),
        "seen_at": each.seen_at,
        "problem": each.problem or None,
    }
