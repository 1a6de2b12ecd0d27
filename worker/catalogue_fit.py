"""Whether what the settings say of a source fits its catalogue; called when catalogues are loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.problems import SettingsError, did_you_mean
from worker.settings import Settings
from worker.source_tables import SignIn, Source

if TYPE_CHECKING:
    from upstream.catalogue import Catalogue


def check_schedule(settings: Settings, name: str, source: Source, catalogue: Catalogue) -> None:
    """A name that is no glob is one of the catalogue's; else a typing error would leave a resource at its default."""
    for line in source.schedule:
        is_glob = any(mark in line for mark in "*?[")
        if line != "default" and not is_glob and line not in catalogue.resources:
            hint = did_you_mean(line, catalogue.resources)
            raise SettingsError(
                str(settings.file), f"sources.{name}.schedule.{line}", f"{catalogue.name} has no such resource", hint
            )


def check_sign_in(settings: Settings, name: str, source: Source, catalogue: Catalogue) -> None:
    """What a sign-in is given is what its catalogue asks for, no more and no less."""
    if not isinstance(source.auth, SignIn):
        return
    field = f"sources.{name}.auth"
    if catalogue.sign_in is None:
        raise SettingsError(
            str(settings.file), f"{field}.method", f"{catalogue.name} does not say how to sign in", "use another method"
        )
    from upstream import tokens

    asked = tokens.asked(catalogue.sign_in)
    given = {member for member, value in source.auth if member != "method" and value is not None}
    given |= set(source.auth.__pydantic_extra__ or {})
    for member in sorted(given - asked):
        raise SettingsError(
            str(settings.file), f"{field}.{member}", f"the sign-in of {catalogue.name} does not ask for it",
            did_you_mean(member, asked - given or asked),
        )  # fmt: skip
    for member in sorted(asked - given):
        raise SettingsError(str(settings.file), f"{field}.{member}", "is missing")
