"""What a broker's URL leaves out and its two readers, kombu and redis-py, would fill in differently.

kombu takes `rediss://` without more for a server whose certificate nobody looks at; redis-py verifies it. Both are
given the URL with it written down, so that workers, the clock, the health check and `check` do the same: verify, unless
the URL says otherwise.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

#: What `ssl_cert_reqs` may say, in the words of both libraries.
CERTIFICATES = {
    "required": "required",
    "optional": "optional",
    "none": "none",
    "CERT_REQUIRED": "required",
    "CERT_OPTIONAL": "optional",
    "CERT_NONE": "none",
}


def verified(url: str) -> str:
    """The URL, with `ssl_cert_reqs=required` in its query where it is `rediss://` and says nothing else."""
    parts = urlsplit(url)
    if parts.scheme != "rediss":
        return url
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    said = query.get("ssl_cert_reqs", "required")
    query["ssl_cert_reqs"] = CERTIFICATES.get(said, said)
    return urlunsplit(parts._replace(query=urlencode(query)))
