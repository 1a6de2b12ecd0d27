"""Which Mirrorpoint this is; told by `--version` and by exports."""

from __future__ import annotations


def version() -> str:
    """As the installed package says it."""
    from importlib import metadata

    try:
        return metadata.version("mirrorpoint")
    except metadata.PackageNotFoundError:
        return "(a checkout that is not installed)"
