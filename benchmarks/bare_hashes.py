"""A bare loop over the change log of a mirror on SQLite: reads the rows and computes their digests and the tree's root.

`python -m benchmarks.bare_hashes FILE`: prints the seconds that it took. Nothing is compared.
"""

from __future__ import annotations

import hashlib
import sqlite3
import sys
import time

import orjson

_TEXT = (
    "SELECT seq, id, source, resource, parent_key, key, version, kind, changed, previous, document, observed_after,"
    " observed_at, scan_id, salt FROM mirrorpoint_change ORDER BY seq"
)
_AT_A_TIME = 1000


def main(file: str) -> None:
    database = sqlite3.connect(file)
    began = time.perf_counter()
    rows, stack, number = database.execute(_TEXT), list[bytes](), 0
    sha256 = hashlib.sha256
    while part := rows.fetchmany(_AT_A_TIME):
        for *identity, changed, previous, document, after, at, scan_id, salt in part:
            grains = bytes.fromhex(salt)
            of_previous = sha256(grains + previous.encode()).hexdigest()
            of_document = None if document is None else sha256(grains + document.encode()).hexdigest()
            values = [*identity, orjson.loads(changed), of_previous, of_document, _stamp(after), _stamp(at), scan_id]
            digest = sha256(orjson.dumps(values)).hexdigest()
            found = sha256(b"\x00" + digest.encode()).digest()
            number += 1
            height = number
            while not height & 1:
                found = sha256(b"\x01" + stack.pop() + found).digest()
                height >>= 1
            stack.append(found)
    print(time.perf_counter() - began)
    database.close()


def _stamp(text: str | None) -> str | None:
    return None if text is None else f"{text[:10]}T{text[11:]}Z"


if __name__ == "__main__":
    main(*sys.argv[1:])
