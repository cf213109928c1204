"""What a machine's firmware trusts (db) and has revoked (dbx), from files.

| form | what |
|---|---|
| signature lists | as the firmware keeps them, also with the header of an authenticated update (documented: UEFI specification, Secure Boot and Driver Signing) |
| a certificate | DER or PEM |

The file that UEFI and Microsoft publish as dbxupdate.bin is an authenticated update.
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

import base64
import binascii
import struct
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from reseal.errors import UsageError

_MAX_SIZE = 4 << 20
#: Type, bytes of the list, of its header, and of each entry (documented, EFI_SIGNATURE_LIST).
_LIST = struct.Struct("<16sIII")
_OWNER = 16
#: Bytes of a timestamp, and size, revision and kind of the signature after it (documented,
#: EFI_VARIABLE_AUTHENTICATION_2); the kind says that a GUID follows.
_TIME = 16
_WIN_CERTIFICATE = struct.Struct("<IHH")
_KIND_GUID = 0x0EF1
#: Types of lists (documented): certificates, digests of images, digests of certificates with a time.
_X509 = UUID("a5c059a1-94e4-4aa7-87b5-ab155c2bf072")
_DIGESTS = {
    UUID("826ca512-cf10-4ac9-b187-be01496631bd"): 20,
    UUID("c1c41626-504c-4092-aca9-41f936934328"): 32,
    UUID("ff3e5307-9fd0-48c9-85f1-8ad56c701e01"): 48,
    UUID("093e0fae-a6c4-4f50-9f1b-d41e2b89c19a"): 64,
}
_CERTIFICATE_DIGESTS = {
    UUID("3bd2a492-96c0-4079-b420-fcf98ef103ed"): 32,
    UUID("7076876e-80c2-4ee6-aad2-28b349a6865b"): 48,
    UUID("446dbf63-2502-4cda-bcfa-2465d2b0fe9d"): 64,
}
#: Owner of entries that are not digests: minimum security versions (SVN) of boot managers (reported,
#: cjee21/Check-UEFISecureBootVariables).
_VERSIONS = UUID("9d132b6c-59d5-4388-ab1c-185cfcb2eb92")
_PEM = b"-----BEGIN CERTIFICATE-----"
_SEQUENCE = 0x30


@dataclass(frozen=True, slots=True)
class Lists:
    """Certificates and digests.

    Attributes:
        certificates: certificates, as DER.
        images: digests of executables.
        certificate_digests: digests of the signed part of certificates.
        versions: whether minimum security versions of boot managers are set.
    """

    certificates: tuple[bytes, ...] = ()
    images: frozenset[bytes] = frozenset()
    certificate_digests: frozenset[bytes] = frozenset()
    versions: bool = False


def read(path: Path) -> Lists:
    """Read a file.

    Args:
        path: the file.

    Raises:
        UsageError: it can't be read, or has neither form.
    """
    hint = "Use signature lists such as dbxupdate.bin, or a certificate (PEM or DER)."
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_SIZE + 1)
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}.", hint) from error
    try:
        if len(data) > _MAX_SIZE:
            raise ValueError("it is too large")
        return parse(data)
    except ValueError as error:
        raise UsageError(f"{path} has no signature lists: {error}.", hint) from error


def parse(data: bytes) -> Lists:
    """Parse the content of a file.

    Raises:
        ValueError: it has neither form.
    """
    if data.startswith(_PEM):
        text = data.removeprefix(_PEM).partition(b"-----END")[0]
        try:
            return Lists((base64.b64decode(text),))
        except binascii.Error as error:
            raise ValueError("its certificate can't be decoded") from error
    if data[:1] == bytes([_SEQUENCE]) and data[1:2] == b"\x82":
        return Lists((data,))
    return _lists(_without_header(data))


def _without_header(data: bytes) -> bytes:
    """Remove the header of an authenticated update."""
    if len(data) < _TIME + _WIN_CERTIFICATE.size:
        return data
    size, _, kind = _WIN_CERTIFICATE.unpack_from(data, _TIME)
    return data[_TIME + size :] if kind == _KIND_GUID and _TIME + size <= len(data) else data


def _lists(data: bytes) -> Lists:
    certificates: list[bytes] = []
    images: set[bytes] = set()
    digests: set[bytes] = set()
    versions = False
    position = 0
    if not data:
        raise ValueError("it is empty")
    while position < len(data):
        if position + _LIST.size > len(data):
            raise ValueError(f"the list at {position} is cut off")
        kind, size, header, each = _LIST.unpack_from(data, position)
        end = position + size
        start = position + _LIST.size + header
        if size < _LIST.size or end > len(data) or each <= _OWNER or (end - start) % each:
            raise ValueError(f"the list at {position} is damaged")
        for place in range(start, end, each):
            owner = UUID(bytes_le=data[place : place + _OWNER])
            content = data[place + _OWNER : place + each]
            number = UUID(bytes_le=kind)
            if owner == _VERSIONS:
                versions = True
            elif number == _X509:
                certificates.append(content)
            elif number in _DIGESTS:
                images.add(content[: _DIGESTS[number]])
            elif number in _CERTIFICATE_DIGESTS:
                digests.add(content[: _CERTIFICATE_DIGESTS[number]])
        position = end
    return Lists(tuple(certificates), frozenset(images), frozenset(digests), versions)
