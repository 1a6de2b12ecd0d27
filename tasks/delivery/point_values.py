"""Whether what a point is given could be used for a delivery; asked by the points API before it is kept."""

from __future__ import annotations

from collections.abc import Sequence

from webhooks import address_guard, signature, target


def url_refusal(url: str, *, allow_networks: Sequence[str]) -> str | None:
    """Why nothing would be delivered there. A name that nobody knows just now is no reason."""
    problems = address_guard.url_problems(url)
    if problems:
        return problems[0]
    found = address_guard.check_url(url, allow=address_guard.networks(allow_networks))
    return next((each.text for each in found if each.is_refusal), None)


def token_refusal(token: str) -> str | None:
    """Why no header can carry it; it is not quoted."""
    return None if target.is_sendable(token) and token == token.strip() else "has characters that no header can carry"


def secret_refusal(secret: str) -> str | None:
    """Why nothing can be signed with it."""
    try:
        signature.check_secret(secret)
    except ValueError as error:
        return str(error)
    return None
