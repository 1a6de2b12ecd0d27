"""A time stamping authority (RFC 3161) with a certificate authority of its own; over HTTP, and wrong in ways to order.

    with TimestampAuthority() as authority:
        ... f"timestamp:{authority.url}" ...

Written from the RFCs, with `asn1crypto` for the encoding and `cryptography` for the signature.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_POLICY = "1.3.6.1.4.1.99999.1"
#: What the authority makes of the digest and the nonce that it was asked for.
Twisting = Callable[[bytes, int | None], tuple[bytes, int | None]]


class _Issued:
    """A root and the certificate that stamps."""

    def __init__(self) -> None:
        now = datetime.now(UTC)
        root_key, self.key = (rsa.generate_private_key(65537, 2048) for _ in range(2))
        root_name, name = (
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in ("Test root", "Test stamps")
        )

        def begun(subject: x509.Name, key: rsa.RSAPublicKey) -> x509.CertificateBuilder:
            return (
                x509.CertificateBuilder()
                .subject_name(subject)
                .issuer_name(root_name)
                .public_key(key)
                .serial_number(x509.random_serial_number())
                .not_valid_before(now - timedelta(days=1))
                .not_valid_after(now + timedelta(days=1))
                .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            )

        usage = dict.fromkeys(
            (
                *("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
                *("encipher_only", "decipher_only"),
            ),
            False,
        )
        of_root = x509.KeyUsage(digital_signature=False, key_cert_sign=True, crl_sign=True, **usage)
        of_stamps = x509.KeyUsage(digital_signature=True, key_cert_sign=False, crl_sign=False, **usage)
        self.root = (
            begun(root_name, root_key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(of_root, critical=True)
            .sign(root_key, hashes.SHA256())
        )
        self.certificate = (
            begun(name, self.key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(of_stamps, critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
            .sign(root_key, hashes.SHA256())
        )


class _Rejected(core.Sequence):
    """An answer without a stamp."""

    _fields: ClassVar = [("status", tsp.PKIStatusInfo)]


class TimestampAuthority:
    """Listens on a free port of 127.0.0.1 for the life of the `with`."""

    def __init__(self) -> None:
        self.issued = _Issued()
        self.reset()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def reset(self) -> None:
        """It was asked nothing, and does as it should."""
        self.requests: list[tsp.TimeStampReq] = []
        self.twist: Twisting = lambda digest, nonce: (digest, nonce)
        self.rejection: str | None = None  #: it refuses, and says this
        self.answer: tuple[int, bytes] | None = None  #: given in place of a stamp

    def __enter__(self) -> TimestampAuthority:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/tsr"

    @property
    def root_pem(self) -> bytes:
        """What a verifier must trust."""
        return self.issued.root.public_bytes(serialization.Encoding.PEM)

    def reply(self, body: bytes) -> bytes:
        """The answer to a request, as DER."""
        request = tsp.TimeStampReq.load(body)
        self.requests.append(request)
        if self.rejection is not None:
            status = tsp.PKIStatusInfo(
                {"status": "rejection", "status_string": [self.rejection], "fail_info": {"unaccepted_policy"}}
            )
            return _Rejected({"status": status}).dump()
        imprint = request["message_imprint"]
        nonce = request["nonce"].native
        digest, nonce = self.twist(imprint["hashed_message"].native, nonce)
        info = {
            "version": "v1",
            "policy": _POLICY,
            "message_imprint": {"hash_algorithm": imprint["hash_algorithm"], "hashed_message": digest},
            "serial_number": int.from_bytes(secrets.token_bytes(8)),
            "gen_time": datetime.now(UTC).replace(microsecond=0),
        }
        if nonce is not None:
            info["nonce"] = nonce
        token = self._signed(tsp.TSTInfo(info), has_certificates=bool(request["cert_req"].native))
        return tsp.TimeStampResp({"status": {"status": "granted"}, "time_stamp_token": token}).dump()

    @staticmethod
    def around(token: bytes) -> bytes:
        """The answer that the token was in."""
        inner = cms.ContentInfo.load(token)
        return bytes(tsp.TimeStampResp({"status": {"status": "granted"}, "time_stamp_token": inner}).dump())

    def _signed(self, info: tsp.TSTInfo, *, has_certificates: bool) -> cms.ContentInfo:
        """A token: CMS signed data over the info, with the attributes that RFC 3161 wants."""
        content = info.dump()
        der = self.issued.certificate.public_bytes(serialization.Encoding.DER)
        ours = asn1_x509.Certificate.load(der)
        sha256 = algos.DigestAlgorithm({"algorithm": "sha256"})
        certificate_id = tsp.SigningCertificateV2({"certs": [{"cert_hash": hashlib.sha256(der).digest()}]})
        attributes = cms.CMSAttributes(
            [
                cms.CMSAttribute({"type": "content_type", "values": ["tst_info"]}),
                cms.CMSAttribute({"type": "signing_time", "values": [cms.Time({"utc_time": datetime.now(UTC)})]}),
                cms.CMSAttribute({"type": "message_digest", "values": [hashlib.sha256(content).digest()]}),
                cms.CMSAttribute({"type": "signing_certificate_v2", "values": [certificate_id]}),
            ]
        )
        signature = self.issued.key.sign(attributes.dump(), padding.PKCS1v15(), hashes.SHA256())
        signer = cms.SignerInfo(
            {
                "version": "v1",
                "sid": cms.SignerIdentifier(
                    {"issuer_and_serial_number": {"issuer": ours.issuer, "serial_number": ours.serial_number}}
                ),
                "digest_algorithm": sha256,
                "signed_attrs": attributes,
                "signature_algorithm": {"algorithm": "sha256_rsa"},
                "signature": signature,
            }
        )
        signed = {
            "version": "v3",
            "digest_algorithms": [sha256],
            "encap_content_info": {"content_type": "tst_info", "content": core.ParsableOctetString(content)},
            "signer_infos": [signer],
        }
        if has_certificates:
            signed["certificates"] = [ours]
        return cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(signed)})


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Callers that hang up are part of the tests."""


def _handler(authority: TimestampAuthority) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if authority.answer is not None:
                self._say(*authority.answer, "text/plain")
            elif self.headers.get("Content-Type") != "application/timestamp-query":
                self._say(400, b"this is no query", "text/plain")
            else:
                self._say(200, authority.reply(body), "application/timestamp-reply")

        def do_GET(self) -> None:
            self._say(405, b"queries are posted", "text/plain")

        def _say(self, status: int, body: bytes, content_type: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    return Handler
