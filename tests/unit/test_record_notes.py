"""Signed notes, checkpoints, cosignatures and proofs, in the forms of their specifications."""

from __future__ import annotations

import base64
import hashlib
import struct

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from record import checkpoints, notes, proofs, tree, witnessing
from record.checkpoints import Checkpoint
from record.notes import NoteError, SigningKey, VerifierKey
from record.witnessing import WitnessKey

NAME = "example.com/mirrorpoint"
#: The example of Go's package `note`, whose form the specification is.
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
GO_NOTE = (
    GO_TEXT
    + "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def key(name: str = NAME) -> SigningKey:
    return SigningKey.from_pem(notes.new_pem(), name=name)


def test_the_example_of_the_form_is_verified_and_written_again() -> None:
    verifier = VerifierKey.parse(GO_KEY)
    note = notes.parse(GO_NOTE)
    assert (note.text, str(note), str(verifier)) == (GO_TEXT, GO_NOTE, GO_KEY)
    assert verifier.has_signed(note)
    assert not verifier.has_signed(notes.parse(GO_NOTE.replace("answer", "Answer")))


def test_a_note_is_signed_by_all_keys_and_each_of_them_verifies_it() -> None:
    keys = [key(), key()]
    note = notes.parse(str(notes.signed("text\n", keys)))
    assert notes.signed_by(note, [each.verifier for each in keys]) == [each.verifier for each in keys]
    assert not key().verifier.has_signed(note)


def test_a_key_has_another_id_under_another_name() -> None:
    one = key()
    other = one.under(f"{NAME}/actions")
    assert one.verifier.key_id != other.verifier.key_id
    assert one.verifier.key_id == hashlib.sha256(NAME.encode() + b"\n\x01" + one.verifier.public_key).digest()[:4]
    assert VerifierKey.parse(str(other.verifier)) == other.verifier


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+00000000+AAAA",
        GO_KEY.replace("c74f20a3", "c74f20a4"),
        GO_KEY.replace("Peter", "peter"),
        GO_KEY.replace("PeterNeumann", "Peter Neumann"),
        GO_KEY[:-4],
        GO_KEY + "!",
    ],
)
def test_what_is_no_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        VerifierKey.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "text\n",
        GO_TEXT,
        GO_NOTE[:-1],
        GO_NOTE.replace("\n\n", "\n"),
        GO_NOTE.replace("— ", "- "),
        GO_NOTE.replace("x08go/ZJ", "!08go/ZJ"),
        GO_NOTE.replace("cryptography", "crypto\rgraphy"),
        GO_TEXT + "\n— PeterNeumann AAAA\n",
        GO_TEXT + "\n" + "— a AAAAAAAA\n" * 200,
        "x" * 2_000_000 + GO_NOTE,
    ],
)
def test_what_is_no_note_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        notes.parse(text)


def test_only_an_ed25519_key_without_a_password_signs() -> None:
    other = generate_private_key(SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    locked = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
    )
    for pem, said in (
        (other.decode(), "no Ed25519"),
        ("nonsense", "no private key"),
        (locked.decode(), "no private key"),
    ):
        with pytest.raises(NoteError, match=said):
            SigningKey.from_pem(pem, name=NAME)
    with pytest.raises(NoteError, match="cannot be the name"):
        SigningKey.from_pem(notes.new_pem(), name="two words")


def test_a_checkpoint_is_three_lines() -> None:
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    found = checkpoints.parse(text)
    assert (found.origin, found.size, str(found)) == ("example.com/behind-the-sofa", 20852163, text)
    assert checkpoints.parse(text + "more\n").extensions == ("more",)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a\n1\n",
        "a\n01\n" + "A" * 43 + "=\n",
        "a\n-1\n" + "A" * 43 + "=\n",
        "a\n1\nAAAA\n",
        "a\n1\n!\n",
        "a\n1\n" + "A" * 43 + "=",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        checkpoints.parse(text)


def test_a_cosignature_is_verified_with_its_time() -> None:
    private = Ed25519PrivateKey.generate()
    raw = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    witness = WitnessKey("witness.example.com", raw)
    assert WitnessKey.parse(str(witness)) == witness
    note = notes.signed(str(Checkpoint(NAME, 3, tree.EMPTY_ROOT)), [key()])
    message = f"cosignature/v1\ntime 1700000000\n{note.text}"
    value = (1700000000).to_bytes(8) + private.sign(message.encode())
    line = f"— witness.example.com {base64.b64encode(witness.key_id + value).decode()}\n"
    cosigned = notes.Note(note.text, (*note.signatures, *witnessing.answered(line)))
    assert witness.cosigned_at(notes.parse(str(cosigned))) == 1700000000
    assert witness.cosigned_at(notes.parse(str(cosigned).replace("\n3\n", "\n4\n"))) is None
    assert witness.cosigned_at(note) is None


def test_a_witness_is_asked_with_the_old_size_the_proof_and_the_checkpoint() -> None:
    note = notes.signed(str(Checkpoint(NAME, 3, tree.EMPTY_ROOT)), [key()])
    body = witnessing.request(old_size=2, proof=[b"\x00" * 32, b"\x01" * 32], checkpoint=note)
    hashes = "".join(f"{base64.b64encode(each * 32).decode()}\n" for each in (b"\x00", b"\x01"))
    assert body == f"old 2\n{hashes}\n{note}"


def test_a_cosignature_by_ml_dsa_says_when_the_witness_saw_the_tree() -> None:
    """The message as tlog-cosignature lays it out, packed here by hand."""
    name, root = "witness.example/w2", bytes(range(32))
    private = MLDSA44PrivateKey.generate()
    kind_and_key = b"\x06" + private.public_key().public_bytes_raw()
    key_id = hashlib.sha256(name.encode() + b"\n" + kind_and_key).digest()[:4]
    witness = WitnessKey.parse(f"{name}+{key_id.hex()}+{base64.b64encode(kind_and_key).decode()}")
    assert WitnessKey.parse(str(witness)) == witness
    packed = struct.pack(
        f">12sB{len(name)}sQB{len(NAME)}sQQ32s",
        b"subtree/v1\n\0", len(name), name.encode(), 1_800_000_000, len(NAME), NAME.encode(), 0, 300, root,
    )  # fmt: skip
    signature = key_id + struct.pack(">Q", 1_800_000_000) + private.sign(packed)
    line = f"— {name} {base64.b64encode(signature).decode()}\n"
    note = f"{Checkpoint(NAME, 300, root)}\n{line}"
    assert witness.cosigned_at(notes.parse(note)) == 1_800_000_000
    for other in (Checkpoint(NAME, 301, root), Checkpoint(NAME, 300, bytes(32)), Checkpoint("x", 300, root)):
        assert witness.cosigned_at(notes.parse(f"{other}\n{line}")) is None
    later = key_id + struct.pack(">Q", 1_800_000_001) + signature[12:]
    assert (
        witness.cosigned_at(notes.parse(note.replace(line, f"— {name} {base64.b64encode(later).decode()}\n"))) is None
    )


def test_a_proof_says_that_its_row_is_in_the_tree() -> None:
    leaves = [tree.leaf_hash(str(number).encode()) for number in range(5)]
    growing = tree.Growing()
    growing.add(leaves)
    note = notes.signed(str(Checkpoint(NAME, 5, growing.root())), [key()])

    class Stored:
        def leaves(self, start: int, end: int) -> list[bytes]:
            return leaves[start:end]

        def roots(self, level: int, start: int, end: int) -> list[bytes]:
            raise AssertionError

    for index in range(5):
        proof = proofs.Proof(index, tree.inclusion(Stored(), index, 5), note)
        assert proofs.parse(str(proof)) == proof
        assert proofs.parse(str(proof).replace("\nindex", "\nextra AAAA\nindex")) == proof
        assert proof.holds_for(str(index).encode())
        assert not proof.holds_for(b"other")


@pytest.mark.parametrize(
    "text", ["", "c2sp.org/tlog-proof@v1\n", "c2sp.org/tlog-proof@v1\nindex x\n\n" + GO_NOTE, GO_NOTE]
)
def test_what_is_no_proof_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        proofs.parse(text)
