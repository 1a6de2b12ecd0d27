"""Makes a table fit a terminal, so that a row is one line and no name is broken in its middle; used by output.table.

Pure: what gives way, and in which order, is handed in.
"""

from __future__ import annotations

from collections.abc import Sequence

#: Between two columns.
GAP = 2
#: No column is made narrower than this.
LEAST = 12

Cell = tuple[str, str]  #: text, style


def fit(
    columns: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    *,
    width: int,
    gives_way: Sequence[str] = (),
    shortens: Sequence[str] = (),
) -> tuple[list[str], list[list[Cell]]]:
    """The columns that stay and their cells, the long ones cut with an ellipsis.

    While a row is too long: the next of `gives_way` goes; when none is left, those of `shortens` are cut, in their
    order; at the very end the widest.
    """
    staying = list(range(len(columns)))
    widths = [max([len(name), *(_longest(row[at][0]) for row in rows)]) for at, name in enumerate(columns)]
    for name in gives_way:
        if _total(widths, staying) <= width:
            break
        staying = [at for at in staying if columns[at] != name]
    for at in (at for name in shortens for at in staying if columns[at] == name):
        excess = _total(widths, staying) - width
        if excess > 0:
            widths[at] = max(min(LEAST, widths[at]), widths[at] - excess)
    while _total(widths, staying) > width and any(widths[at] > LEAST for at in staying):
        widths[max(staying, key=lambda at: widths[at])] -= 1
    cells = [[(shortened(row[at][0], widths[at]), row[at][1]) for at in staying] for row in rows]
    return [columns[at] for at in staying], cells


def shortened(text: str, width: int) -> str:
    """Each of its lines, no longer than `width`."""
    return "\n".join(line if len(line) <= width else line[: width - 1] + "…" for line in text.splitlines())


def _longest(text: str) -> int:
    return max(map(len, text.splitlines()), default=0)


def _total(widths: Sequence[int], staying: Sequence[int]) -> int:
    return sum(widths[at] for at in staying) + GAP * max(0, len(staying) - 1)
