"""Writes the generated pages below docs/, and those parts that are generated; `make docs` calls it."""

from __future__ import annotations

from pathlib import Path

from worker import reference

DOCS = Path(__file__).parents[2] / "docs"


def main() -> None:
    for name, text in reference.pages().items():
        (DOCS / name).write_text(text, "utf-8")
    for name, part in reference.parts().items():
        file = DOCS / name
        file.write_text(reference.placed(file.read_text("utf-8"), part), "utf-8")


if __name__ == "__main__":
    main()
