"""docs/benchmarks.md from what was kept of each group."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks import report
from benchmarks.processes import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"
_HEAD = """\
# Benchmarks

<!-- Written by `make bench`; a change made here is lost. -->

Mirrorpoint beside what one would use instead, measured on one machine in one go. A value is a ratio unless a unit
stands behind it: the median of the ratios of what was measured in pairs, one after the other. Times are those of whole
processes less what their start costs; memory is what a process had in use at most. Everything that Mirrorpoint promises
is switched on: documents, history, deletions, transactions.

`make bench` measures all of it again and writes this page; `make bench-quick` takes two minutes and writes nothing.
`make bench ONLY="sqlite startup"` measures some groups and leaves the others as they stand here.
"""
_TITLES = {
    "sqlite": "Scans on SQLite",
    "duckdb": "Scans beside dlt on DuckDB",
    "postgresql": "Scans on PostgreSQL",
    "pages": "A page from the socket",
    "latency": "A source that takes its time",
    "sizes": "Ten times the rows",
    "deliveries": "Deliveries",
    "promptness": "From a change to its arrival",
    "heads": "From a creation to its sight",
    "cadence": "The plan, in virtual time",
    "startup": "Start",
    "idle": "Doing nothing",
    "log": "A long change log",
    "many": "Many sources",
    "verify": "Verifying the record",
}
_EXPLAINED = """\
## What is missed, and why

The machine decides part of it. Python's share of the work is larger here than where these rows were measured before, on
an AMD EPYC with two cores that is about twice as fast: a first load was 0.59 of the hand-written lines, 3.23 of dlt on
SQLite and 0.72 of bare httpx at 50 ms; verifying compared 50,710 rows/s, doing nothing took 0.79 % of a core, and the
deliveries to 10 points and beside hanging ones were 1.83 and 1.01.

- **A first load** takes about 130 microseconds a row here. Of samples of the process a third are in reading: nearly
  half of that parses JSON, a quarter makes the canonical form and the fingerprint, the rest recognises rows and pages.
  A fifth converts the 26 typed columns. SQLite takes a fifth, for two rows with their indexes, and for the commits. A
  sixth is the entry of the log: three digests, id and salt are a third of that. What is left are some twenty small
  steps of a microsecond or two each. Python runs one step at a time, so reading one page while another is written
  brought nothing when it was tried. It happens once; through a network it waits for the source.
- **A first load on PostgreSQL** waits for the server in 61 % of its time, most of it for two documents as JSONB. As
  JSON they would be stored in three quarters of the time, and could not be searched by their members.
- **An unchanged scan** costs 3 ms for a page of 500 rows, of which the hash of its bytes is a third, finding the page
  in the database a fifth, the walk (where in the list are we, is a row lost?) an eighth, the request a tenth. No row
  is looked at.
- **1 % changed** means five rows on each page of 500, so that no page comes as it was: all rows of it are told apart by
  their hashes, and the five are read.
- **At 50 ms a request** a first load is bound by the same 130 microseconds; a re-scan is not.
- **Doing nothing** is mostly the scan worker, which looks every few seconds for wake-ups that were lost and for tables
  that somebody has damaged.

`mirrorpoint status` loads no SQLAlchemy. Most of its time are the command line, the settings and the catalogue: typer
and pydantic with what they make of our own tables of settings.

## What is not comparable

- **The hand-written lines** keep one table, in one transaction for the whole list. They keep no history, know no
  events, do not go on after a crash, and delete whatever a list that came back short did not have.
- **Reading alone** stores nothing and compares nothing: it is the bound, not a rival.
- **dlt** with scd2 keeps versions of rows and closes those that are absent. It writes them from a staging table, so
  its history is as fine as its runs; it does not tell which fields changed, confirms no deletion, and delivers nothing.
  Here its nested members stay JSON in their row, which is its faster way. Its rate on DuckDB stands beside that of
  Mirrorpoint on SQLite, which has no DuckDB.
  On PostgreSQL its unchanged run may wait minutes for a server that has not analysed its new tables yet: there the
  ratio by processor time says more.
- **Singer** taps and targets are not measured: a target does not see deletions at all.
- **A bare loop** of signed requests stores no outcome, keeps no order, and would lose what a crash interrupts.
- **A bare loop** of hashes compares nothing: it reads the rows of the log, computes their digests as they are written
  down in [the record](record.md#the-exact-form), and the root over them.
- Source, receiver and what is measured share the cores of one machine, over loopback. The source serves encoded
  pages several times faster than anybody here reads them. Through a network all of them wait more and differ less.
- Durability: SQLite in WAL mode with `synchronous = NORMAL`, for Mirrorpoint and the hand-written lines alike;
  PostgreSQL as it is installed, so that each commit is on disk.
- **By processor time** is the same ratio, made of the processor seconds of the processes instead of the clock: other
  work on the machine does not move it, but neither does it show what is done at the same time.
"""


def write(names: Iterable[str]) -> None:
    """The page, of all that was kept of these groups."""
    files = {name: report.KEPT / f"{name}.json" for name in names}
    groups = {name: json.loads(file.read_text("utf-8")) for name, file in files.items() if file.exists()}
    PAGE.write_text(text(groups), "utf-8")
    print(f"written: {PAGE.relative_to(ROOT)}")


def text(groups: Mapping[str, dict[str, Any]]) -> str:
    """The whole page; the groups in their order."""
    parts = [_HEAD, _where(groups)]
    for name, kept in groups.items():
        parts.append(f"## {_TITLES[name]}\n\n{_table(kept['rows'])}\n")
        parts += [textwrap.fill(f"- {note}", 120, subsequent_indent="  ") + "\n" for note in kept["notes"]]
    return "\n".join([*parts, _EXPLAINED])


def _where(groups: Mapping[str, dict[str, Any]]) -> str:
    """Where and when; a line for each combination."""
    seen: dict[tuple[str, str, str], list[str]] = {}
    for name, kept in groups.items():
        versions = ", ".join(f"{what} {version}" for what, version in kept["versions"].items())
        seen.setdefault((kept["date"], kept["machine"], versions), []).append(_TITLES[name].lower())
    lines = ["| date | machine | versions |", "| --- | --- | --- |"]
    if len(seen) > 1:
        lines = ["| date | machine | versions | what |", "| --- | --- | --- | --- |"]
    for (date, machine, versions), names in seen.items():
        what = f" {', '.join(names)} |" if len(seen) > 1 else ""
        lines.append(f"| {date} | {machine} | {versions} |{what}")
    return "\n".join(lines) + "\n"


def _table(rows: list[dict[str, Any]]) -> str:
    head = [*report.HEAD[:-1], "reached"]
    lines = [list(report.cells_of(row)) for row in rows]
    used = [at for at, _ in enumerate(head) if any(line[at] for line in lines)]
    table = [[head[at] for at in used], ["---"] * len(used), *([line[at] for at in used] for line in lines)]
    return "\n".join("| " + " | ".join(line) + " |" for line in table)
