"""Signed notes and their keys, in the form of the specification (C2SP signed-note)."""

from __future__ import annotations

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from record import notes
from record.notes import Note, NoteError, SigningKey, VerifierKey
from tests.unit.signing import NAME, NOTE, NOTE_KEY, NOTE_TEXT, POEM, POEM_TEXT, key, line

#: The example of Go's package `note`, whose form the specification is.
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
GO_NOTE = (
    GO_TEXT
    + "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
VALUE = bytes(4 + 64)
fixed = settings(max_examples=40, database=None, derandomize=True, deadline=None)
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
note_texts = st.lists(texts, min_size=1, max_size=4).map(lambda lines: "".join(f"{each}\n" for each in lines))
names = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("verifier_key", "text", "written"), [(NOTE_KEY, NOTE_TEXT, NOTE), (GO_KEY, GO_TEXT, GO_NOTE)], ids=["c2sp", "go"]
)
def test_an_example_of_the_form_is_verified_and_written_again(verifier_key: str, text: str, written: str) -> None:
    verifier, note = VerifierKey.parse(verifier_key), notes.parse(written)

    assert (note.text, str(note), str(verifier)) == (text, written, verifier_key)
    assert verifier.has_signed(note)
    assert notes.signed_by(note, [verifier]) == [verifier]
    assert not verifier.has_signed(Note(text.replace("i", "I", 1), note.signatures))


def test_a_text_may_have_empty_lines() -> None:
    note = notes.parse(POEM)

    assert (note.text, str(note)) == (POEM_TEXT, POEM)
    assert note.signatures[0].name == "quasimodo.example/salvatore"


def test_every_bit_of_a_note_matters() -> None:
    """But for the name's: under another name it is the signature of a key that nobody knows, and says nothing."""
    verifier = VerifierKey.parse(NOTE_KEY)
    written = NOTE.encode()
    for place, bit in ((place, bit) for place in range(len(written)) for bit in range(8)):
        changed = bytearray(written)
        changed[place] ^= 1 << bit
        try:
            note = notes.parse(changed.decode())
        except (NoteError, UnicodeDecodeError):
            continue
        assert not verifier.has_signed(note), changed


@fixed
@given(note_texts, names)
def test_what_was_signed_is_read_again_as_it_was_written(text: str, name: str) -> None:
    keys = [key("one", name=name), key("two")]
    note = notes.signed(text, keys)

    assert notes.parse(str(note)) == note
    assert notes.signed_by(note, [each.verifier for each in keys]) == [each.verifier for each in keys]


def test_a_signature_that_nobody_knows_says_nothing() -> None:
    note = notes.parse(str(notes.signed("text\n", [key()])) + line("example.com/other", VALUE))
    known = key().verifier

    assert notes.signed_by(note, [known, key("two").verifier]) == [known]
    assert not key("two").verifier.has_signed(note)
    assert not key(name="example.com/other").verifier.has_signed(note)


def test_a_wrong_signature_of_a_known_key_spoils_the_note() -> None:
    one, two = key("one").verifier, key("two").verifier
    note = notes.signed("text\n", [key("one"), key("two")])
    wrong = notes.parse(str(note) + line(NAME, two.key_id + bytes(64)))

    assert one.has_signed(wrong)
    assert not two.has_signed(wrong)
    with pytest.raises(NoteError, match=f"a wrong signature of {NAME}"):
        notes.signed_by(wrong, [one, two])
    assert notes.signed_by(wrong, [one]) == [one]


def test_a_key_has_another_id_under_another_name() -> None:
    one, other = key(), key().under(f"{NAME}/actions")

    assert one.verifier.key_id != other.verifier.key_id
    assert one.verifier.key_id == hashlib.sha256(NAME.encode() + b"\n\x01" + one.verifier.public_key).digest()[:4]
    assert VerifierKey.parse(str(other.verifier)) == other.verifier
    assert not other.verifier.has_signed(notes.signed("text\n", [one]))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "NAME.HASH.KEY"),
        ("name", "NAME.HASH.KEY"),
        ("name+00000000", "NAME.HASH.KEY"),
        ("name+00000000+AAAA", "of a log"),
        (NOTE_KEY.replace("530d903a", "530d903b"), "hash does not fit"),
        (NOTE_KEY.replace("530d903a", "530d903"), "hash does not fit"),
        (NOTE_KEY.replace("example", "Example"), "hash does not fit"),
        (NOTE_KEY.replace("example", "exam ple"), "cannot be the name"),
        (NOTE_KEY.removeprefix("example.com/foo"), "cannot be the name"),
        (NOTE_KEY[:-4], "of a log"),
        (NOTE_KEY + "AAAA", "of a log"),
        (NOTE_KEY.replace("+Aek", "+Bek"), "of a log"),  # the key of a witness
        (NOTE_KEY + "!", "not base64"),
        (NOTE_KEY[:-1], "not base64"),
        ("n\ud800+00000000+AAAA", "cannot be the name"),
    ],
)
def test_what_is_no_verifier_key_is_refused(text: str, why: str) -> None:
    with pytest.raises(NoteError, match=why):
        VerifierKey.parse(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no empty line"),
        ("text\n", "no empty line"),
        (NOTE_TEXT + "\n", "no empty line"),
        (NOTE[:-1], "no empty line"),
        (NOTE.replace("\n\n", "\n"), "no empty line"),
        ("\n" + line("a", VALUE), "no empty line"),
        (NOTE + "\n", "no empty line"),
        (NOTE.replace("\n\n", "\n\n\n") + "x\n", "no signature"),
        (NOTE.replace("— ", "- "), "no signature"),
        (NOTE.replace("— ", "—"), "no signature"),
        (NOTE.replace("— ", "—  "), "no signature"),
        (NOTE.replace("— example.com/foo ", "— "), "no signature"),
        (NOTE + " \n", "no signature"),
        (NOTE.replace("com/foo", "com/+foo"), "cannot be the name"),
        (NOTE.replace("com/foo", "com/\u00a0foo"), "cannot be the name"),
        (NOTE.replace("com/foo", "com/\u2028foo"), "cannot be the name"),
        (NOTE.replace("Uw2Q", "!w2Q"), "not base64"),
        (NOTE.replace("Uw2Q", "Uw2Q "), "not base64"),
        (NOTE.replace("aQM=\n", "aQM\n"), "not base64"),
        (NOTE.replace("aQM=\n", "aQM==\n"), "not base64"),
        (NOTE.replace("aQM=\n", "aQN=\n"), "not base64"),  # the same bytes for a reader who does not look at all bits
        (NOTE.replace("Uw2Q", "Uw\uff12Q"), "not base64"),
        (NOTE_TEXT + "\n— a AAAA\n", "too short"),
        (NOTE_TEXT + "\n— a AAAAAA==\n", "too short"),
        (NOTE_TEXT + "\n" + line("a", VALUE) * 101, "too many"),
        (NOTE.replace("\n", "\r\n"), "control characters"),
        (NOTE.replace("example message", "example\tmessage"), "control characters"),
        (NOTE.replace("example message", "example\x00message"), "control characters"),
        (NOTE.replace("example message", "\udcff message"), "halves of characters"),
        ("x" * 2_000_000 + NOTE, "too long"),
    ],
)  # fmt: skip
def test_what_is_no_note_is_refused(text: str, why: str) -> None:
    with pytest.raises(NoteError, match=why):
        notes.parse(text)


def test_sixteen_large_signatures_are_read() -> None:
    """Readers must take as many, and those that come after Ed25519 have almost 5 kB."""
    lines = "".join(line(f"example.com/{number}", bytes(5_000)) for number in range(16))

    assert len(notes.parse(f"text\n\n{lines}").signatures) == 16
    assert len(notes.parse("text\n\n" + line("a", VALUE) * 100).signatures) == 100


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("text", "line's end"),
        ("", "line's end"),
        ("a\tb\n", "control characters"),
        ("a\r\n", "control characters"),
        ("\ud800\n", "halves of characters"),
        ("x" * 1_000_001 + "\n", "too long"),
        ("x" * 999_990 + "\n", "too long"),
    ],
)
def test_what_nobody_could_read_is_not_signed(text: str, why: str) -> None:
    with pytest.raises(NoteError, match=why):
        notes.signed(text, [key()])


def test_a_note_without_a_key_is_not_made() -> None:
    with pytest.raises(NoteError, match="signed by somebody"):
        notes.signed("text\n", [])


def pem(private: Ed25519PrivateKey | EllipticCurvePrivateKey, *, password: bytes = b"") -> str:
    lock = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock).decode()


def pem_of(der: str) -> str:
    return f"-----BEGIN PRIVATE KEY-----\n{base64.b64encode(bytes.fromhex(der)).decode()}\n-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (pem(generate_private_key(SECP256R1())), "no Ed25519 one"),
        (pem(Ed25519PrivateKey.generate(), password=b"x"), "locked with a password"),
        (pem_of("300c020100300506032b65630400"), "no private key"),  # of an algorithm that nobody knows
        (pem_of("302e020100300506032b657004220420" + "00" * 31), "no private key"),  # cut off
        ("nonsense", "no private key"),
        ("", "no private key"),
        ("\ud800", "no private key"),
    ],
)
def test_only_an_ed25519_key_without_a_password_signs(text: str, why: str) -> None:
    with pytest.raises(NoteError, match=why):
        SigningKey.from_pem(text, name=NAME)


@pytest.mark.parametrize("name", ["", "two words", "a+b", "a\nb", "a\u2003b", "a\x1fb", "\ud800"])
def test_a_key_is_not_called_what_no_note_can_hold(name: str) -> None:
    with pytest.raises(NoteError, match="cannot be the name"):
        key(name=name)
    with pytest.raises(NoteError, match="cannot be the name"):
        key().under(name)


def test_a_key_is_read_as_it_was_written_and_does_not_show_itself() -> None:
    text = notes.new_pem()
    one = SigningKey.from_pem(text, name=NAME)

    assert SigningKey.from_pem(text, name=NAME).verifier == one.verifier
    assert SigningKey.from_pem(notes.new_pem(), name=NAME).verifier != one.verifier
    assert "PRIVATE" not in repr(one)
