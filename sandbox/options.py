"""What can be set about the sandbox's APIs, at start or while it runs; read by the APIs, set by the control API."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Options:
    """Who may sign in, and where the limits lie."""

    email: str = "mirror@example.com"
    password: str = "sandbox"  # noqa: S105 - told to everybody
    two_factor_email: str = "second-factor@example.com"  #: same password; must confirm with the code
    two_factor_code: str = "123456"
    token_seconds: float = 3600  #: how long an access token is good
    told_token_seconds: float | None = None  #: what `expiresAt` says instead, for an answer that lies
    refresh_seconds: float = 86400
    sign_ins_per_minute: int = 5
    block_seconds: float = 600  #: how long sign-in is refused after too many
    clock_skew_seconds: float = 0  #: by how much the Back Office's clock is ahead
    default_limit: int = 10
    max_limit: int = 500  #: of the Back Office; a larger `limit` is cut to it silently
    has_live_balances: bool = False  #: each reading of an account shows another balance
    platform_user: str = "mirror"  #: basic authentication of the integration platform
    platform_password: str = "sandbox"  # noqa: S105
    client_id: str = "mirror"  #: of the foreign API
    api_key: str = "sandbox-key"  #: of its second version, in the query, instead of a token
    client_token_seconds: float = 86400  #: how long a token of its second version is good
    api_version: str = "2"  #: the header X-Api-Version that its second version demands
    receiver_url: str = ""  #: integration points are seeded with urls below it
    client_secret: str = "sandbox"  # noqa: S105
