"""The authorities that issued the signature of an executable.

The signature is a PKCS #7 message at the place that the header names (documented: Microsoft, Windows
Authenticode Portable Executable Signature Format); the library cryptography reads its certificates. Whether
the chain leads to a root that a machine trusts is not looked at.
"""

from __future__ import annotations

import struct

from reseal.drivers.signature import hashes, signature_of
from reseal.errors import ImageError

#: Size and kind of a signature before its message; the kind is PKCS #7 (documented, WIN_CERTIFICATE).
_HEADER = struct.Struct("<IHH")
_PKCS7 = 2
_MAX_CERTIFICATES = 50


class SignatureError(ImageError):
    """A signature can't be read."""


class ChangedError(SignatureError):
    """A file was changed after it was signed."""


def issuers(data: bytes) -> list[str] | None:
    """Return the common names of the authorities in a signature; None without the library.

    The list is empty for a file without a signature. The names are those of the issuers of all certificates.

    Args:
        data: the whole executable.

    Raises:
        ChangedError: the file was changed after it was signed.
        SignatureError: the signature is damaged.
    """
    try:
        from cryptography.hazmat.primitives.serialization import pkcs7  # noqa: PLC0415  optional
        from cryptography.x509.oid import NameOID  # noqa: PLC0415  optional
    except ImportError:
        return None
    place = signature_of(data)
    if place is None:
        return []
    offset, length = place
    message = data[offset + _HEADER.size : offset + length]
    if length < _HEADER.size or _HEADER.unpack_from(data, offset)[2] != _PKCS7:
        raise SignatureError("it is not a PKCS #7 signature.")
    if not any(digest in message for digest in hashes(data)):
        raise ChangedError("the file was changed after it was signed.")
    try:
        certificates = pkcs7.load_der_pkcs7_certificates(message)
        names = [
            str(name.value)
            for one in certificates[:_MAX_CERTIFICATES]
            for name in one.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)
        ]
    except (ValueError, TypeError) as error:
        raise SignatureError("its certificates can't be decoded.") from error
    return list(dict.fromkeys(names))
