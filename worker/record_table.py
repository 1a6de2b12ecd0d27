"""What of the configuration is about the record: its name, its keys, where heads are kept; for worker/settings.py."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from changes.tables import Table
from worker.field_types import Duration
from worker.secret import Secret

#: Kinds of places where heads are kept.
PLACES = ("file", "point", "witness", "timestamp")


def _name(value: str) -> str:
    if not value or "+" in value or any(character.isspace() or not character.isprintable() for character in value):
        raise ValueError('must not be empty, nor hold spaces or "+"')
    return value


def _place(value: str) -> str:
    kind, _, rest = value.partition(":")
    if kind not in PLACES or not rest.strip():
        raise ValueError("must be file:PATH, point:CODE, witness:URL[#VERIFIERKEY] or timestamp:URL")
    if kind in {"witness", "timestamp"}:
        _check_address(kind, rest)
    return value


def _check_address(kind: str, text: str) -> None:
    from urllib.parse import urlsplit

    try:
        url = urlsplit(text)
        is_address = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise ValueError(f"must name an address: {kind}:https://host.name")
    if url.username is not None:
        raise ValueError(f"must name an address without credentials: {kind}:https://host.name")
    if kind == "timestamp" and url.fragment:
        raise ValueError("must name an address without a #fragment; the authority's certificate is in each stamp")
    if kind == "witness" and url.query:
        raise ValueError("must name an address without a ?query; what follows # is the witness's verifier key")
    if kind == "witness" and url.fragment:
        from record import witnessing

        witnessing.WitnessKey.parse(text.partition("#")[2])


class Record(Table):
    """The proof that nobody edited what Mirrorpoint has written."""

    name: Annotated[str, AfterValidator(_name)] | None = Field(
        default=None,
        description="The first line of checkpoints, and the name of their keys; without it roots are not signed.",
    )
    signing_key: Secret | tuple[Secret, ...] | None = Field(
        default=None,
        description="An Ed25519 private key (PKCS#8 PEM), as `init` writes one; several: all sign, while keys change.",
    )
    keep: tuple[Annotated[str, AfterValidator(_place)], ...] = Field(
        default=(),
        description="Where heads are kept outside the database: `file:PATH`, `point:CODE`, "
        "`witness:URL#VERIFIERKEY`, `timestamp:URL`.",
    )
    keep_every: Duration = Field(default=86_400.0, description="How often a head is kept.")
    verify: Duration | Literal["off"] = Field(
        default=86_400.0, description='How often the whole record is verified by itself; `"off"`: never.'
    )
    retention: Literal["forever"] | Duration = Field(
        default="forever",
        description="How long the content of older versions stays; the last version of a living record always does.",
    )

    @property
    def signing_keys(self) -> tuple[Secret, ...]:
        """One or several, in their order."""
        if self.signing_key is None:
            return ()
        return self.signing_key if isinstance(self.signing_key, tuple) else (self.signing_key,)
