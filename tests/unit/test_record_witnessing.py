"""What is said to a witness and by it (C2SP tlog-witness and tlog-cosignature)."""

from __future__ import annotations

import base64
import hashlib
import struct

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from record import notes, witnessing
from record.checkpoints import Checkpoint
from record.notes import Note, NoteError
from record.witnessing import WitnessKey
from tests.unit.signing import (
    CHECKPOINT_TEXT,
    LOG_LINE,
    NAME,
    ORIGIN,
    SECOND_LOG_LINE,
    WITNESS,
    WITNESS_LINE,
    WITNESS_NAME,
    WITNESS_PRIVATE,
    cosignature,
    key,
    line,
)

#: tlog-witness: the example of what is sent.
REQUEST_HASHES = """PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=
"""
REQUEST = f"old 20852014\n{REQUEST_HASHES}\n{CHECKPOINT_TEXT}\n{LOG_LINE}{SECOND_LOG_LINE}"
#: tlog-witness: the example of what is answered.
ANSWER = (
    "— witness.example/w1 "
    "CMp+6LWBU0anHGH5aNDTJkH/gj79sG+T6+iP2ThYN5krrDJbR1HDnucjL39QsZTSvVjyQLrdk3DXDqI5G2HgLatVs0pWh6Up69HVOw==\n"
    "— witness.example/w1 "
    "I7rEps0pvK2UqkS2gSpVUDhrhVtQV9lgF6pRrWAvjJHjyWpW7VcE3SiOlVlbQNt64vWhO+DlkL0+UfzuOBMh9ChdMkP1vi/lCAsmlw==\n"
    "— witness.example/w2 "
    "AWui8Sk55XjYLOijihBjhqEH6nS1ndDymE0a+6idX7pLcnoB+dhnz0854aLZgrrKbYKA7nC3HNJhm/kWl7oJlqU3rXXvpysAdyP3wQ==\n"
)
NOTE = notes.signed(str(Checkpoint(NAME, 3, bytes(32))), [key()])
AT = 1_700_000_000


def cosigned(*lines: str) -> Note:
    """The checkpoint with these lines under it."""
    return notes.parse(str(NOTE) + "".join(lines))


def test_what_is_sent_is_the_example_of_the_specification() -> None:
    note = notes.parse(f"{CHECKPOINT_TEXT}\n{LOG_LINE}{SECOND_LOG_LINE}")
    proof = [base64.b64decode(each) for each in REQUEST_HASHES.split()]

    assert witnessing.request(old_size=20_852_014, proof=proof, checkpoint=note) == REQUEST


def test_a_witness_that_knows_nothing_yet_is_sent_no_proof() -> None:
    assert witnessing.request(old_size=0, proof=[], checkpoint=NOTE) == f"old 0\n\n{NOTE}"


def test_the_example_of_an_answer_is_read() -> None:
    found = witnessing.answered(ANSWER)

    assert [each.name for each in found] == ["witness.example/w1", "witness.example/w1", "witness.example/w2"]
    assert {len(each.value) for each in found} == {8 + 64}
    assert "".join(each.line for each in found) == ANSWER


def test_the_example_of_a_cosignature_has_its_time_and_its_text() -> None:
    (found,) = witnessing.answered(WITNESS_LINE)

    assert int.from_bytes(found.value[:8]) == 1_679_315_147
    assert (
        witnessing.cosigned_text(CHECKPOINT_TEXT, 1_679_315_147)
        == f"cosignature/v1\ntime 1679315147\n{ORIGIN}\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    )


@pytest.mark.parametrize(
    "body",
    [
        "",
        "\n",
        ANSWER[:-1],
        ANSWER + "\n",
        "\n" + ANSWER,
        "ok\n",
        ANSWER.replace("—", "-"),
        ANSWER.replace("CMp+", "CMp "),
        ANSWER.replace("\n", "\r\n"),
    ],
)
def test_what_is_no_answer_is_refused(body: str) -> None:
    with pytest.raises(NoteError):
        witnessing.answered(body)


def test_a_cosignature_is_verified_with_its_time() -> None:
    note = cosigned(cosignature(NOTE.text, AT))

    assert WITNESS.cosigned_at(note) == AT
    assert WITNESS.cosigned_at(NOTE) is None
    assert WITNESS.cosigned_at(notes.parse(str(note).replace("\n3\n", "\n4\n"))) is None
    assert key().verifier.has_signed(note), "the log's own signature stays what it was"


def test_every_bit_of_a_cosignature_matters() -> None:
    value = witnessing.answered(cosignature(NOTE.text, AT))[0]
    whole = value.key_id + value.value
    for place, bit in ((place, bit) for place in range(len(whole)) for bit in range(8)):
        changed = bytearray(whole)
        changed[place] ^= 1 << bit
        assert WITNESS.cosigned_at(cosigned(line(WITNESS_NAME, bytes(changed)))) is None


@pytest.mark.parametrize("at", [0, 2**63, 2**64 - 1])
def test_a_time_that_is_none_is_no_cosignature(at: int) -> None:
    assert WITNESS.cosigned_at(cosigned(cosignature(NOTE.text, at))) is None


@pytest.mark.parametrize("size", [1, 8, 9, 71, 73])
def test_a_cosignature_of_another_length_is_none(size: int) -> None:
    value = (AT.to_bytes(8) + WITNESS_PRIVATE.sign(witnessing.cosigned_text(NOTE.text, AT).encode()) + b"x")[:size]
    assert WITNESS.cosigned_at(cosigned(line(WITNESS_NAME, WITNESS.key_id + value))) is None


def test_of_several_cosignatures_the_first_time_counts_and_all_must_be_right() -> None:
    later, earlier = cosignature(NOTE.text, AT + 60), cosignature(NOTE.text, AT)
    wrong = cosignature(NOTE.text.replace("\n3\n", "\n4\n"), AT)

    assert WITNESS.cosigned_at(cosigned(later, earlier)) == AT
    assert WITNESS.cosigned_at(cosigned(earlier, wrong)) is None


def test_the_cosignature_of_another_witness_says_nothing() -> None:
    other = WitnessKey("witness.example.com/w2", WITNESS.public_key)

    assert WITNESS.cosigned_at(cosigned(cosignature(NOTE.text, AT, name=other.name))) is None
    assert other.cosigned_at(cosigned(cosignature(NOTE.text, AT))) is None
    assert WITNESS.cosigned_at(cosigned(cosignature(NOTE.text, AT), line(other.name, other.key_id + bytes(72)))) == AT


def test_a_signature_of_a_log_is_no_cosignature_by_the_same_key() -> None:
    signing = key()
    log = signing.verifier
    witness = WitnessKey(log.name, log.public_key)

    assert witness.key_id != log.key_id
    assert witness.cosigned_at(NOTE) is None
    forged = line(witness.name, witness.key_id + signing.sign(NOTE.text).value)
    assert witness.cosigned_at(cosigned(forged)) is None


def test_a_witness_key_is_read_as_it_was_written() -> None:
    assert WitnessKey.parse(f" {WITNESS}\n") == WITNESS


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "NAME.HASH.KEY"),
        (str(key().verifier), "of a witness"),
        (str(WITNESS)[:-4], "of a witness|not base64"),
        (str(WITNESS).replace("w1+", "w2+"), "hash does not fit"),
        (str(WITNESS).replace("w1+", "w 1+"), "cannot be the name"),
        (str(WITNESS) + "!", "not base64"),
    ],
    ids=["nothing", "key of a log", "cut off", "another name", "a space", "a mark"],
)
def test_what_is_no_witness_key_is_refused(text: str, why: str) -> None:
    with pytest.raises(NoteError, match=why):
        WitnessKey.parse(text)


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
