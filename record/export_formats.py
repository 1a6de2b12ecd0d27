"""The formats of an export: what writes each, and what must be installed for it; used by the command."""

from __future__ import annotations

import importlib
import shlex
import sys
from enum import StrEnum

from record.export_table import ExportRefused, Writer


class Format(StrEnum):
    """Its value is the ending of the files, too."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"
    XLSX = "xlsx"


#: The extra of the same name brings these.
_LIBRARIES = {Format.PARQUET: ("arro3.core", "arro3.io"), Format.XLSX: ("xlsxwriter",)}


def writer(format: Format) -> Writer:  # noqa: A002  # the field's word
    """What writes files of this format; `ExportRefused` names the command that brings what is missing for it."""
    for library in _LIBRARIES.get(format, ()):
        try:
            importlib.import_module(library)
        except ModuleNotFoundError:
            raise ExportRefused(
                f"--format {format} needs the library {library.partition('.')[0]}, which is not installed",
                f"{shlex.quote(sys.executable)} -m pip install 'mirrorpoint[{format}]'",
            ) from None
    found: Writer = importlib.import_module(f"record.export_{format}").write
    return found
