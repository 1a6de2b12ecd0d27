"""A secret of the configuration: where it is, and its value only when it is used; made by worker/settings.py."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from worker.problems import SettingsError

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

_PLACES = ("env:", "file:")
_VARIABLE = re.compile(r"[A-Za-z0-9_.-]+")


def _is_reference(word: str) -> bool:
    place, _, name = word.partition(":")
    return place == "file" or (place == "env" and _VARIABLE.fullmatch(name) is not None)


def expanded(path: str) -> Path:
    """With `~` as the home folder; `~nobody` of somebody who is not known stays as it is, and is not found."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


class Secret:
    """`env:NAME`, `file:PATH` (relative to the configuration's folder) or the value itself.

    Several references, parted by spaces, stand for their values in that order: a signing secret and the one before it.
    Its text appears neither in repr and str nor in an error, so that no log line can give it away.
    """

    __slots__ = ("_environ", "_folder", "_text", "field", "file")

    def __init__(self, text: str) -> None:
        self._text = text
        self._environ: Mapping[str, str] = {}
        self._folder = Path()
        self.file = ""
        self.field = ""

    def bind(self, *, file: str, field: str, folder: Path, environ: Mapping[str, str]) -> None:
        """Say where it stands; done once, by `settings.load`."""
        self.file, self.field, self._folder, self._environ = file, field, folder, environ

    @property
    def is_literal(self) -> bool:
        """Whether the value itself is written in the configuration."""
        return not self._text.startswith(_PLACES)

    @property
    def reference(self) -> str:
        """Where the value is, fit for showing."""
        return "written in the configuration" if self.is_literal else self._text

    def reveal(self) -> str:
        """The value; SettingsError when the variable or the file is not there or empty."""
        if self.is_literal:
            return self._text
        words = self._text.split()
        references = words if all(word.startswith(_PLACES) for word in words) else [self._text]
        return " ".join(self._value_at(reference) for reference in references)

    def _value_at(self, reference: str) -> str:
        place, _, name = reference.partition(":")
        value = self._from_environment(name) if place == "env" else self._from_file(name)
        value = value.rstrip("\r\n")  # that of the last line; any other space may belong to it
        if not value.strip():
            raise SettingsError(
                self.file, self.field, f"{reference} is empty", "put the secret there, or remove the field"
            )
        return value

    def _from_environment(self, name: str) -> str:
        if not _VARIABLE.fullmatch(name):  # it is not repeated: it may be the secret
            raise SettingsError(
                self.file, self.field, "env: is not followed by the name of a variable", "write env:NAME"
            )
        value = self._environ.get(name)
        if value is None:
            raise SettingsError(
                self.file,
                self.field,
                f"the environment variable {name} is not set",
                f"export {name}=…, or write file:PATH instead",
            )
        return value

    def _from_file(self, name: str) -> str:
        path = self._folder / expanded(name)
        try:
            text = path.read_text("utf-8-sig")
            if "\0" not in text:  # UTF-16 without its mark has many
                return text
            problem, hint = f"the file {path} is not UTF-8 text", "save it as UTF-8"
        except UnicodeDecodeError:
            problem, hint = f"the file {path} is not UTF-8 text", "save it as UTF-8"
        except FileNotFoundError:
            problem, hint = f"the file {path} does not exist", "create it, or write env:NAME instead"
            if self.field.startswith("record.signing_key"):
                hint = "put the key back that `mirrorpoint init` wrote; another key is another signer"
            if self.field == "storage.seal_key":
                hint = "restore the key the database was sealed with; for a new database `mirrorpoint init` writes one"
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "no file has such a name"
            problem, hint = f"the file {path} cannot be read: {reason}", "it must be text that this user may read"
        raise SettingsError(self.file, self.field, problem, hint)

    def __repr__(self) -> str:
        words = ["…"] if self.is_literal else self._text.split()
        return f"Secret({' '.join(word if _is_reference(word) else '…' for word in words)})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(
            cls,
            core_schema.str_schema(min_length=1, strict=True),
            serialization=core_schema.to_string_ser_schema(),
        )
