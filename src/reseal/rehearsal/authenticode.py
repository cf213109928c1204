"""The signatures of an executable: who signed it, and whether certificates that a machine has lead to it.

A signature is a PKCS #7 message in the table that the header names (documented: Microsoft, Windows
Authenticode Portable Executable Signature Format). The libraries cryptography and pyasn1-modules read it.
Like UEFI firmware (UEFI specification, Secure Boot and Driver Signing), this looks neither at the dates of
certificates nor at their purposes, and a certificate in the middle of a chain can be the trusted one.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reseal.deploy.boot_files import AUTHORITIES
from reseal.drivers.signature import hashes, signature_of
from reseal.errors import ImageError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

#: Size, revision and kind of an entry before its message; this kind is PKCS #7 (documented,
#: WIN_CERTIFICATE).
_HEADER = struct.Struct("<IHH")
_PKCS7 = 2
_MAX_SIGNATURES, _MAX_CERTIFICATES, _MAX_CHAIN = 10, 50, 10
#: Object identifiers of digests (documented, RFC 5754 and RFC 3279).
_DIGESTS = {
    "1.3.14.3.2.26": "sha1",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
#: The signed attribute with the digest of the content (documented, RFC 2315).
_MESSAGE_DIGEST = "1.2.840.113549.1.9.4"


class SignatureError(ImageError):
    """A signature can't be read."""


class ChangedError(SignatureError):
    """A file was changed after it was signed, or its signature is not valid."""


def available() -> bool:
    """Return whether the libraries are installed."""
    try:
        import cryptography.x509  # noqa: F401, PLC0415  optional
        import pyasn1_modules.rfc2315  # noqa: F401, PLC0415  optional
    except ImportError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature of an executable, which holds for this file.

    Attributes:
        signer: the certificate of the signer.
        certificates: all certificates in the signature.
    """

    signer: Certificate
    certificates: tuple[Certificate, ...]

    @property
    def issuers(self) -> list[str]:
        """The common names of the authorities that issued its chain, the signer's own first."""
        from cryptography.x509.oid import NameOID  # noqa: PLC0415  optional

        names = [
            str(name.value)
            for one in self.chain()
            for name in one.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)
        ]
        return list(dict.fromkeys(names))

    def chain(self, known: Iterable[Certificate] = ()) -> list[Certificate]:
        """Return the certificates from the signer upwards, each of which issued the one before.

        Args:
            known: certificates that are not in the signature.
        """
        found = [self.signer]
        others = [*known, *self.certificates]
        while len(found) < _MAX_CHAIN:
            above = next(
                (one for one in others if one not in found and _issued(one, found[-1])), None
            )
            if above is None:
                break
            found.append(above)
        return found

    @property
    def years(self) -> list[str]:
        """The keys of `AUTHORITIES` that issued its chain."""
        return [year for year, name in AUTHORITIES.items() if name in self.issuers]

    def leads_to(self, encoded: bytes) -> bool:
        """Return whether a certificate (DER) is the signer's, or issued the chain to it."""
        from cryptography.x509 import load_der_x509_certificate  # noqa: PLC0415  optional

        try:
            certificate = load_der_x509_certificate(encoded)
        except ValueError:
            return False
        return certificate in self.chain([certificate])

    def signed_digests(self) -> set[bytes]:
        """Return the digests of the signed parts of the certificates of its chain."""
        return {
            hashlib.new(name, one.tbs_certificate_bytes).digest()
            for one in self.chain()
            for name in _DIGESTS.values()
        }


def signatures(data: bytes) -> list[Signature]:
    """Return the signatures of an executable that hold for it; empty for one without any.

    Args:
        data: the whole executable.

    Raises:
        ChangedError: no signature holds: the file was changed after it was signed.
        SignatureError: a signature is damaged.
    """
    own = hashes(data, tuple(_DIGESTS.values()))
    found = []
    damaged: SignatureError | None = None
    for message in _messages(data):
        try:
            found.append(_signature(message, own))
        except SignatureError as error:
            damaged = error
    if damaged and not found:
        raise damaged
    return found


def _messages(data: bytes) -> Iterator[bytes]:
    place = signature_of(data)
    if place is None:
        return
    position, length = place
    end = position + length
    for _ in range(_MAX_SIGNATURES):
        if position + _HEADER.size > end:
            return
        size, _, kind = _HEADER.unpack_from(data, position)
        if kind != _PKCS7 or not _HEADER.size < size <= end - position:
            raise SignatureError("it is not a PKCS #7 signature.")
        yield data[position + _HEADER.size : position + size]
        position += -(-size // 8) * 8


def _signature(message: bytes, own: list[bytes]) -> Signature:
    """Read a signature, and verify it with the certificate of its signer."""
    from cryptography.hazmat.primitives.serialization import pkcs7  # noqa: PLC0415  optional
    from pyasn1.codec.ber import decoder  # noqa: PLC0415  optional
    from pyasn1_modules import rfc2315  # noqa: PLC0415  optional

    if not any(digest in message for digest in own):
        raise ChangedError("the file was changed after it was signed.")
    try:
        listed = tuple(pkcs7.load_der_pkcs7_certificates(message)[:_MAX_CERTIFICATES])
        outer, _ = decoder.decode(message, asn1Spec=rfc2315.ContentInfo())
        signed, _ = decoder.decode(bytes(outer["content"]), asn1Spec=rfc2315.SignedData())
        info = signed["signerInfos"][0]
        serial = int(info["issuerAndSerialNumber"]["serialNumber"])
        signer = next(one for one in listed if one.serial_number == serial)
        inner = bytes(signed["contentInfo"]["content"])
    except Exception as error:  # the libraries raise their own errors, and those of Python
        raise SignatureError("its certificates can't be decoded.") from error
    if not any(digest in inner for digest in own):
        raise ChangedError("the file was changed after it was signed.")
    _require_valid(info, _contents(inner), signer)
    return Signature(signer, listed)


def _contents(encoded: bytes) -> bytes:
    """Return the contents of an encoded value, without its tag and length (documented, X.690)."""
    if len(encoded) < 2:
        return b""
    length = encoded[1]
    return encoded[2 + (length & 0x7F if length & 0x80 else 0) :]


def _require_valid(info: Any, content: bytes, signer: Certificate) -> None:
    """Raise ChangedError unless the signer signed this content."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415  optional
    from cryptography.hazmat.primitives import hashes as digests  # noqa: PLC0415  optional
    from cryptography.hazmat.primitives.asymmetric import padding, rsa  # noqa: PLC0415  optional
    from pyasn1.codec.ber import encoder  # noqa: PLC0415  optional
    from pyasn1.type import univ  # noqa: PLC0415  optional

    name = _DIGESTS.get(str(info["digestAlgorithm"]["algorithm"]))
    key = signer.public_key()
    if name is None or not isinstance(key, rsa.RSAPublicKey):
        raise SignatureError("it uses an algorithm that reseal does not know.")
    attributes = info["authenticatedAttributes"]
    digest = next(
        (bytes(one["values"][0]) for one in attributes if str(one["type"]) == _MESSAGE_DIGEST), b""
    )
    if not digest.endswith(hashlib.new(name, content).digest()):
        raise ChangedError("the content of its signature was changed.")
    # The signature is of the attributes as a set of their own (documented, RFC 2315, 9.3).
    own = univ.SetOf()
    own.extend(one for one in attributes)
    algorithm: digests.HashAlgorithm = {
        "sha1": digests.SHA1(),  # noqa: S303  signatures of Windows 7 have it
        "sha256": digests.SHA256(),
        "sha384": digests.SHA384(),
        "sha512": digests.SHA512(),
    }[name]
    try:
        key.verify(
            bytes(info["encryptedDigest"]), encoder.encode(own), padding.PKCS1v15(), algorithm
        )
    except InvalidSignature as error:
        raise ChangedError("its signature does not fit the certificate of the signer.") from error


def _issued(issuer: Certificate, certificate: Certificate) -> bool:
    """Return whether a certificate was signed by the key of another one."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415  optional

    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True
