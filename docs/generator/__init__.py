"""The pages of docs/ that follow from the code, made from it: pure functions that give texts.

`make docs` (`__main__.py`) writes them; a test compares them with the files.
"""

from __future__ import annotations

BEGIN = "<!-- generated: begin -->"
END = "<!-- generated: end -->"


def pages() -> dict[str, str]:
    """File name below docs/ -> its whole text."""
    from docs.generator import commands, configuration, resources

    return {
        "commands.md": commands.page(),
        "configuration.md": configuration.page(),
        "resources.md": resources.page(),
    }


def parts() -> dict[str, str]:
    """File name below docs/ -> what stands in it between the two marks; the rest is written by hand."""
    from docs.generator import events, tables

    return {"events.md": events.part(), "tables.md": tables.part()}


def placed(text: str, part: str) -> str:
    """The text of a page with its generated part in its place; ValueError where the page has no place for it."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page wants {BEGIN} and {END}, with the generated part between them")
    return f"{before}{BEGIN}\n\n{part.strip()}\n\n{END}{after}"
