"""The configuration that `init` writes: what everybody needs first, the rest commented out with its default."""

from __future__ import annotations

#: Prose begins with "# ", a setting that is commented out with "#" alone: a test parses it with those switched on.
#: Stands in TEXT for the name of the record; `init` writes a proposal in its place.
NAME = "backoffice.example.com/mirrorpoint"
TEXT = """\
# Mirrorpoint. Fill in the three lines under [sources.backoffice], then run `mirrorpoint check`.
#
# A secret is written "env:NAME" (an environment variable) or "file:PATH" (relative to this file).
# Each field can be overridden by an environment variable, for instance MIRRORPOINT_STORAGE__URL.
# Times are "30s", "5m", "6h", "1d", "1w"; a schedule is such a time, a cron line ("0 3 * * *"), "auto" or "off".

[storage]
url = "sqlite:///mirrorpoint.db"          # or "postgresql+psycopg://user:password@host/name"
seal_key = "file:mirrorpoint.key"         # keep a copy of that file: what it has encrypted is lost without it

[sources.backoffice]
catalogue = "backoffice"
base_url = "https://backoffice.example.com"
auth = { method = "sign-in", email = "mirror@example.com", password = "env:BACKOFFICE_PASSWORD" }
# other ways to be let in:
#   auth = { method = "bearer", token = "env:BACKOFFICE_TOKEN" }
#   auth = { method = "basic", username = "mirror", password = "env:BACKOFFICE_PASSWORD" }
#   auth = { method = "header", name = "X-Token", value = "env:BACKOFFICE_TOKEN" }
#   auth = { method = "none" }
#language = "en"
#timeout = "30s"
# "auto": the plan chooses how often each list is scanned, so that the promises of `budget` are kept; `mirrorpoint
# check` prints it. Names or globs of `mirrorpoint resources` may have times of their own, the most specific wins:
#   schedule = { default = "auto", products = "1m", clients = { head = "30s", full = "4h" }, "client_*" = "off" }
schedule = { default = "auto" }
#limits = { requests_per_second = 20, concurrency = 4, page_size = 100 }
# the share of these requests that is planned with, and how late a change may be seen in small and in large lists
#budget = { share = 0.5, promise = { set-up = "5m", traffic = "4h" } }

# The record: with a name and a key of its own its checkpoints are signed, and outsiders can verify them.
[record]
name = "backoffice.example.com/mirrorpoint"
signing_key = "file:mirrorpoint.sign"     # keep a copy; file away the verifier key that `init` printed
# where checkpoints are kept outside the database: only against these a cut or rewritten log is found out
#keep = ["file:/mnt/worm/heads.log", "point:AUDIT", "witness:https://witness.example.com"]
#keep_every = "1d"
#verify = "1d"
# or "400d": the content of older versions is erased after that, digests stay
#retention = "forever"

# Where changes are sent: a point, and the route that leads to it. Without any, changes are only kept.
#[[points]]
#code = "AUDIT"
#url = "https://audit.example.com/hook"
#token_remote = "env:AUDIT_TOKEN"
#secret = "env:AUDIT_SECRET"

#[[routes]]
#points = ["AUDIT"]
#resources = ["products", "product_*"]
# "snapshot" sends the first scan too
#kinds = ["created", "updated", "deleted", "restored"]
# only updates that touch one of these
#fields = ["/status", "/permissions"]

# A platform whose integration points are mirrored and can be named in routes.
#[sources.platform]
#catalogue = "integration-platform"
#base_url = "https://platform.example.com"
#auth = { method = "basic", username = "mirror", password = "env:PLATFORM_PASSWORD" }

#[delivery]
#timeout = "15s"
# pauses before the next attempt; after the last one the delivery is dead
#retries = ["5s", "5m", "30m", "2h", "5h", "10h", "14h", "20h", "24h"]
#concurrency = 8
# signs for points without a secret of their own
#secret = "env:MIRRORPOINT_WEBHOOK_SECRET"
# private and loopback addresses are refused unless listed
#allow_networks = ["10.1.2.0/24"]

#[broker]
# a private server, started by `mirrorpoint run`; several machines share one: "redis://host:6379/0"
#url = "embedded"
"""
