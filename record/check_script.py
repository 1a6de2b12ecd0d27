"""python check.py [VERIFIER KEY]: says whether the entry in this folder is what was signed; needs `cryptography`."""

import base64
import json
import sys
from collections.abc import Iterator
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FIELDS = ["seq", "id", "source", "resource", "parent_key", "key", "version", "kind", "changed"]
FIELDS += ["previous_digest", "document_digest", "observed_after", "observed_at", "scan_id"]
CONTENT, FILES = ["digest", "salt", "document", "previous"], ["change.json", "checkpoint", "proof.tlog-proof"]
EXACT = Context(prec=10**6, Emin=-(10**6), Emax=10**6, traps=[Inexact, InvalidOperation, Overflow])


class Number(str): ...  # a number as it is written


def canonical(value: object) -> str:  # the form that is hashed: no white space, members sorted, numbers in one form
    if isinstance(value, Number):
        exact, double = EXACT.create_decimal(value), repr(float(value))
        if exact == (whole := exact.to_integral_value()) or exact != Decimal(double):  # or no double holds it
            return format(whole or Decimal(), "f") if exact == whole else format(exact, "f").rstrip("0")
        digits, _, power = double.partition("e")
        return f"{digits}e{int(power)}" if power and int(power) < -5 else format(Decimal(double), "f")
    if isinstance(value, dict):
        return "{" + ",".join(f"{canonical(name)}:{canonical(value[name])}" for name in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def steps(folder: Path, keys: list[str]) -> Iterator[tuple[str, bool]]:
    once = lambda each: dict(each) if len(dict(each)) == len(each) else Number("a member is there twice")  # noqa: E731
    written, note, proof = ((folder / name).read_text("utf-8") for name in FILES)
    change = json.loads(written, parse_int=Number, parse_float=Number, object_pairs_hook=once)
    for name in ("document", "previous"):
        value, salt, digest = change[name], change["salt"], change[f"{name}_digest"]
        form = None if value is None else sha256(bytes.fromhex(salt or "") + canonical(value).encode()).hexdigest()
        yield (f"{name} fits its digest", form == digest) if salt else (f"{name} was erased", value in (None, {}))
    entry = sha256(canonical([change[name] for name in FIELDS]).encode()).hexdigest()
    yield "the entry fits its digest", entry == change["digest"] and set(change) == {*FIELDS, *CONTENT}
    (origin, size, top), (_, place, *hashes) = note.split("\n")[:3], proof.removesuffix(f"\n\n{note}").split("\n")
    index, last, found = int(place[6:]), int(size) - 1, sha256(b"\0" + entry.encode()).digest()
    yield f"it is entry {index + 1} of {size}", str(index + 1) == change["seq"] and index <= last
    for each in map(base64.b64decode, hashes):  # RFC 9162, section 2.1.3.2
        is_right = index % 2 == 1 or index == last
        found = sha256(b"\1" + each + found if is_right else b"\1" + found + each).digest()
        while is_right and index and index % 2 == 0:
            index, last = index // 2, last // 2
        index, last = index // 2, last // 2
    yield "its digest leads to the root of the checkpoint", last == 0 and found == base64.b64decode(top)
    text, _, lines = note.rpartition("\n\n")  # C2SP signed-note
    for name, key_id, key in (each.split("+", 2) for each in keys):
        made = [line.split(" ")[-1] for line in lines.splitlines() if line.startswith(f"\u2014 {name} ")]
        values = [value[4:] for value in map(base64.b64decode, made) if value[:4].hex() == key_id]
        try:
            Ed25519PublicKey.from_public_bytes(base64.b64decode(key)[1:]).verify(values[0], f"{text}\n".encode())
            yield f"the checkpoint is signed with {name}+{key_id}", name == origin
        except (IndexError, InvalidSignature):
            yield f"the checkpoint is signed with {name}+{key_id}", False
    yield "a verifier key is at hand", bool(keys)


if __name__ == "__main__":
    here, failed = Path(__file__).parent, 0
    try:
        for what, is_right in steps(here, sys.argv[1:] or (here / "verifier.txt").read_text("utf-8").split()):
            print("ok    " if is_right else "NOT OK", what)
            failed += not is_right
    except (ArithmeticError, AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError) as problem:
        print("NOT OK", repr(problem))
        failed += 1
    print("NOT OK" if failed else "OK")
    sys.exit(failed > 0)
