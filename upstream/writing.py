"""Creates, changes and deletes records at a source; for people who import it, and for `points` with `--source`.

    from upstream import writing

    with writing.connect(
        base_url="https://host.name",
        auth={"method": "sign-in", "email": "me@example.com", "password": "…"},
    ) as writer:
        group = writer.create("product_groups", {"caption": "Gold", "description": "For some", "status": "disabled"})
        writer.update("product_groups", group["id"], {"status": "enabled"})
        writer.delete("product_groups", group["id"])

A creation or PATCH is sent again by itself only where the source cannot have acted on it; after another trouble one has
to look whether it did.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Literal

import orjson

from changes import fingerprint, normalise, pointers, sealing
from changes.records import Id, Json
from changes.resources import Resource
from upstream import addresses
from upstream import auth as authentication
from upstream import catalogue as catalogues
from upstream.answers import Answer
from upstream.auth import AuthSettings
from upstream.client import GONE, SourceClient
from upstream.errors import NotAvailable
from upstream.limit_store import LocalLimitStore
from upstream.throttle import Budget
from upstream.token_store import LocalTokenStore

#: What an integration platform answers, with status 404, where a LOOKUP finds nothing.
LOOKUP_FAILED = 1404


class Writer:
    """The write verbs of one source. Resources are given by name, ids by key or as `Id`; errors are UpstreamErrors."""

    def __init__(self, client: SourceClient) -> None:
        self.client = client

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self.client.close()

    def create(self, resource: str | Resource, document: Json, *, parent_key: str = "") -> Json | None:
        """The record as the source answers it; None where it says nothing, or only that it has accepted it."""
        found = self._resource(resource)
        return self._send("POST", addresses.of_list(found, parent_key), found, document, is_repeatable=False)

    def update(
        self,
        resource: str | Resource,
        id: Id | str | int,  # noqa: A002
        changes: Json,
        *,
        method: Literal["PATCH", "PUT"] = "PATCH",
    ) -> Json | None:
        """The record as the source answers it, or None."""
        found = self._resource(resource)
        return self._send(method, self._item(found, id), found, changes, is_repeatable=method == "PUT")

    def replace(self, resource: str | Resource, id: Id | str | int, document: Json) -> Json | None:  # noqa: A002
        """The same by PUT, which is sent again by itself like a reading request."""
        return self.update(resource, id, document, method="PUT")

    def delete(self, resource: str | Resource, id: Id | str | int) -> bool:  # noqa: A002
        """False where it was not there (any more)."""
        found = self._resource(resource)
        return self.client.ask(
            "DELETE", self._item(found, id), resource=found, accept=GONE, read=lambda answer: answer.status not in GONE
        )

    def lookup(self, resource: str | Resource, value: str) -> list[str]:
        """The ids of the records that `value` names: by id, code or local token."""
        found = self._resource(resource)
        path = addresses.of_list(found, "")

        def read(answer: Answer) -> list[str]:
            body = normalise.parse(answer.body) if answer.body.strip() or answer.status != 404 else None
            if answer.status == 404:
                if isinstance(body, dict) and body.get("error_code") == LOOKUP_FAILED:
                    return []
                hint = "LOOKUP is a verb of integration platforms; check the catalogue and base_url"
                raise NotAvailable(self.client.source, found.name, "answered 404 to LOOKUP", hint, 404)
            if not isinstance(body, list) or not all(isinstance(each, (str, int)) for each in body):
                raise ValueError("the answer to LOOKUP is no list of ids")
            return [str(each) for each in body]

        return self.client.ask(
            "LOOKUP", path, resource=found, content=orjson.dumps(value), accept={404}, read=read, hide={value}
        )

    def _send(self, method: str, path: str, resource: Resource, document: Json, *, is_repeatable: bool) -> Json | None:
        _refuse_seals(resource, document)
        return self.client.ask(
            method,
            path,
            resource=resource,
            content=fingerprint.compact(document),
            is_repeatable=is_repeatable,
            read=lambda answer: normalise.parse(answer.body) if answer.body.strip() else None,
            hide=_secret_texts(resource, document),
        )

    def _item(self, resource: Resource, id: Id | str | int) -> str:  # noqa: A002
        return addresses.of_record(self.client.source, resource, id if isinstance(id, Id) else Id("", str(id)))

    def _resource(self, resource: str | Resource) -> Resource:
        if isinstance(resource, Resource):
            return resource
        known = self.client.catalogue.resources
        if resource not in known:
            import difflib

            near = difflib.get_close_matches(resource, known, n=1)
            raise ValueError(f'there is no resource "{resource}"' + (f', "{near[0]}" perhaps' if near else ""))
        return known[resource]


def connect(
    *,
    base_url: str,
    auth: Mapping[str, str],
    catalogue: str = "backoffice",
    language: str = "en",
    timeout_seconds: float = 30.0,
    requests_per_second: float = 20.0,
    base: Path | None = None,
    texts: Mapping[str, str] = addresses.NO_TEXTS,
) -> Writer:
    """A writer on its own: `auth` and `catalogue` are written as in the configuration, secrets in clear.

    `texts`: what headers and parameters that the catalogue writes as `env:NAME` or `file:PATH` are, by what it writes.
    Its budget and tokens are not shared with other processes. Close it, or use it in a `with`.
    """
    loaded = catalogues.load(catalogue, base=base)
    budget = Budget(loaded.name, LocalLimitStore(), requests_per_second=requests_per_second, concurrency=1)
    settings = AuthSettings(auth.get("method", "none"), {name: auth[name] for name in auth if name != "method"})
    method = authentication.build(
        settings,
        source=loaded.name,
        base_url=base_url,
        sign_in=loaded.sign_in,
        store=LocalTokenStore(),
        budget=budget,
    )
    client = SourceClient(
        loaded.name,
        loaded,
        base_url=base_url,
        auth=method,
        budget=budget,
        language=language,
        timeout_seconds=timeout_seconds,
        texts=texts,
    )
    return Writer(client)


def _refuse_seals(resource: Resource, document: Json) -> None:
    """A document of the mirror has seals in place of secrets; sent back, they would overwrite the secrets."""
    _, taken = pointers.parted(document, pointers.compiled(resource.secrets))
    for pointer, value in taken.items():
        if any(sealing.is_sealed(text) for text in _texts(value)):
            raise ValueError(f"{resource.name}: the value at {pointer} is a seal, not the secret: leave it out")


def _secret_texts(resource: Resource, document: Json) -> Collection[str]:
    """Every text below the resource's secrets, since a refusal may quote what was sent."""
    _, taken = pointers.parted(document, pointers.compiled(resource.secrets))
    return {text for value in taken.values() for text in _texts(value)}


def _texts(value: Json) -> list[str]:
    if isinstance(value, dict):
        return [text for member in value.values() for text in _texts(member)]
    if isinstance(value, list):
        return [text for element in value for text in _texts(element)]
    return [value] if isinstance(value, str) else [str(value)] if isinstance(value, int) and value > 999 else []
