"""Writes the generated pages below docs/, and those parts that are generated; `make docs` calls it."""

from __future__ import annotations

from pathlib import Path

from docs import generator

DOCS = Path(__file__).parents[1]


def main() -> None:
    for name, text in generator.pages().items():
        (DOCS / name).write_text(text, "utf-8")
    for name, part in generator.parts().items():
        file = DOCS / name
        file.write_text(generator.placed(file.read_text("utf-8"), part), "utf-8")


if __name__ == "__main__":
    main()
