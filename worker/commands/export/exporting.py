"""What `export` does: one snapshot of the database, the files written beside their places, then all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

from worker import output, version
from worker.commands import times
from worker.commands.export import export_plan, telling
from worker.commands.export import wanted as wants
from worker.commands.export.export_plan import PlannedFile
from worker.commands.export.wanted import Wanted

if TYPE_CHECKING:
    from record.export_files import Parts
    from record.export_manifest import ExportedFile, Uncertain
    from record.export_table import Row, Writer
    from storage.session import Session
    from worker.settings import Settings

#: The newest checkpoint of the change log as text; None where there is none.
CheckpointOf = Callable[["Session"], str | None]
#: A text -> the signed note over it.
Sign = Callable[[str], str]
#: Is told how many more rows were read, and of which file.
Advance = Callable[[int, str], None]

#: Uncertain records that the manifest names; the others are counted.
_MOST_UNCERTAIN = 1_000
_ROWS_A_STEP = 500


def export(
    settings: Settings,
    wanted: Wanted,
    *,
    zone: tzinfo,
    wants_json: bool,
    checkpoint_of: CheckpointOf | None = None,
    sign: Sign | None = None,
) -> None:
    """Write the files, the manifest, and where there is `sign` the note over it."""
    from record import export_files, export_formats, export_manifest
    from record.export_manifest import Manifest
    from storage import history
    from worker import bootstrap

    write = export_formats.writer(wants.format_of(wanted))
    at = wants.moment_of(wanted, now=times.now(), zone=zone)
    folder = wanted.folder.expanduser().absolute()
    catalogues = bootstrap.load_catalogues(settings)
    database = bootstrap.open_reading(settings, catalogues=catalogues)
    try:
        with database.snapshot() as session:
            last_seq, now = history.last_seq(session), times.now()  # the first statement says what all others see
            plan = export_plan.plan(session, catalogues, wanted, at=at)
            own = [export_manifest.NAME, *([export_manifest.NOTE_NAME] if sign else [])]
            export_files.check(folder, [*plan.names, *own])
            with _bar(plan.files, wanted, is_shown=not wants_json) as advance:
                _refuse_what_does_not_fit(plan.files, wanted, advance)
                with export_files.together(folder) as parts:
                    manifest = Manifest(
                        mirrorpoint=version.version(),
                        command=wants.command_line(wanted, at=at),
                        moment=now if at is None else at,
                        exported_at=now,
                        last_seq=last_seq,
                        checkpoint=None if checkpoint_of is None else checkpoint_of(session),
                        files=[_write(session, file, parts, write, wanted, advance) for file in plan.files],
                        left_out=plan.left_out,
                        uncertain=_uncertain(session, plan.files, at),
                    )
                    _write_manifest(parts, manifest.text(), sign)
    finally:
        database.dispose()
    if wants_json:
        note = export_manifest.NOTE_NAME if sign else None
        output.document({"folder": str(folder), "note": note, **manifest.document()})
    else:
        telling.tell(wanted.folder, manifest, is_signed=sign is not None)


def _refuse_what_does_not_fit(files: Sequence[PlannedFile], wanted: Wanted, advance: Advance) -> None:
    """Only workbooks have limits; all rows are read once before the first file is begun."""
    if wanted.format != "xlsx":
        return
    from record import export_xlsx

    for file in files:
        with closing(file.rows()) as rows:
            export_xlsx.check(file.columns, _counted(rows, advance, f"checking {file.name}"), name=file.name)


def _write(
    session: Session, file: PlannedFile, parts: Parts, write: Writer, wanted: Wanted, advance: Advance
) -> ExportedFile:
    from record import export_files
    from record.export_manifest import ExportedFile
    from storage import moments

    part = parts.new(file.name)
    with closing(file.rows()) as rows:
        done = write(part, file.columns, _counted(rows, advance, file.name), is_raw=wanted.is_raw)
    return ExportedFile(
        name=file.name,
        resource=file.resource,
        holds=file.holds,
        sources={
            source: moments.last_complete_scan_began_at(session, source, file.resource) for source in file.sources
        },
        columns=[(name, kind.value) for name, kind in file.columns],
        rows=done.rows,
        bytes=part.stat().st_size,
        sha256=export_files.sha256(part),
        guarded_cells=done.guarded_cells,
    )


def _uncertain(session: Session, files: Sequence[PlannedFile], at: datetime | None) -> Uncertain:
    """How many records there are of which nobody knows what they were then, and the first of them."""
    from record.export_manifest import Uncertain, UncertainRecord
    from storage import moments

    count, found = 0, list[UncertainRecord]()
    if at is None:
        return Uncertain(count, found)
    for source, name in [(each, file.resource) for file in files if file.holds == "records" for each in file.sources]:
        count += moments.count_uncertain(session, source, name, at=at)
        some = moments.uncertain(session, source, name, at=at, limit=_MOST_UNCERTAIN - len(found))
        found += [UncertainRecord(**each._asdict()) for each in some]
    return Uncertain(count, found)


def _write_manifest(parts: Parts, text: str, sign: Sign | None) -> None:
    from record import export_manifest

    if sign is not None:
        note = sign(export_manifest.signed_text(text))
        parts.new(export_manifest.NOTE_NAME).write_text(note, encoding="utf-8", newline="")
    parts.new(export_manifest.NAME).write_text(text, encoding="utf-8", newline="")


def _counted(rows: Iterable[Row], advance: Advance, words: str) -> Iterator[Row]:
    count = 0
    advance(0, words)
    for count, row in enumerate(rows, 1):
        yield row
        if count % _ROWS_A_STEP == 0:
            advance(_ROWS_A_STEP, words)
    advance(count % _ROWS_A_STEP, words)


@contextmanager
def _bar(files: Sequence[PlannedFile], wanted: Wanted, *, is_shown: bool) -> Iterator[Advance]:
    total = sum(file.total for file in files) * (2 if wanted.format == "xlsx" else 1)
    with output.progress(is_shown=is_shown, units="rows") as progress:
        bar = None if progress is None else progress.add_task("export", total=total)

        def advance(number: int, words: str) -> None:
            if progress is not None and bar is not None:
                progress.update(bar, advance=number, description=words)

        yield advance
