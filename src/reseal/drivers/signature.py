r"""Whether a driver is signed, and its processor architecture.

Windows for x64 and ARM64 loads no unsigned driver. A boot-start driver needs an embedded signature, since
the boot loader does not read catalogues (documented: Microsoft, Kernel-Mode Code Signing Requirements; the
form: Microsoft, PE Format). reseal does not check whether a signature is valid, or whether Windows trusts
the signer.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

#: Machine of the COFF header (documented).
_MACHINES = {0x14C: "x86", 0x8664: "amd64", 0xAA64: "arm64", 0x1C0: "arm", 0x1C4: "arm"}
#: The offset of the data directories in the optional header, by its magic (documented).
_DIRECTORIES = {0x10B: 96, 0x20B: 112}
#: Bytes of a section header, and flags of a section (documented).
_SECTION = 40
_DISCARDABLE, _EXECUTE, _WRITE = 0x02000000, 0x20000000, 0x80000000
#: Windows loads at most 96 sections (documented, PE Format).
_MAX_SECTIONS = 96
#: The directory of certificates (documented).
_CERTIFICATES = 4


@dataclass(frozen=True, slots=True)
class Executable:
    """Data from the headers of an executable.

    Attributes:
        architecture: `x86`, `amd64`, `arm64`; None for another.
        signed: whether it has an embedded signature.
    """

    architecture: str | None
    signed: bool

    @classmethod
    def read(cls, data: bytes, size: int | None = None) -> Executable | None:
        """Read the headers; return None if it is not an executable.

        Args:
            data: the file, or its first 4 KiB.
            size: bytes of the whole file, if `data` is only its beginning.
        """
        whole = len(data) if size is None else size
        try:
            (place,) = struct.unpack_from("<I", data, 0x3C)
            if data[:2] != b"MZ" or data[place : place + 4] != b"PE\0\0":
                return None
            machine, _, _, _, _, length = struct.unpack_from("<HHIIIH", data, place + 4)
            start = place + 24
            (magic,) = struct.unpack_from("<H", data, start)
            first = _DIRECTORIES[magic]
            (count,) = struct.unpack_from("<I", data, start + first - 4)
            signed = False
            if count > _CERTIFICATES and length >= first + 8 * (_CERTIFICATES + 1):
                entry = start + first + 8 * _CERTIFICATES
                offset, taken = struct.unpack_from("<II", data, entry)
                signed = bool(taken) and 0 < offset <= whole - taken
        except (struct.error, KeyError):
            return None
        return cls(_MACHINES.get(machine), signed)


def writable_code(data: bytes) -> str | None:
    """Return the name of a section that is kept in memory, writable and executable; None for none.

    Args:
        data: the file, or its first 4 KiB.
    """
    try:
        (place,) = struct.unpack_from("<I", data, 0x3C)
        count, length = struct.unpack_from("<2xH12xH", data, place + 4)
        start = place + 24 + length
        for number in range(min(count, _MAX_SECTIONS)):
            name, flags = struct.unpack_from("<8s28xI", data, start + _SECTION * number)
            if flags & _EXECUTE and flags & _WRITE and not flags & _DISCARDABLE:
                return str(name.rstrip(b"\0").decode("latin-1"))
    except struct.error:
        return None
    return None


def signature_of(data: bytes) -> tuple[int, int] | None:
    """Return offset and length of the embedded signature of a whole executable; None if it has none."""
    entry = _entry(data)
    if entry is None:
        return None
    offset, length = struct.unpack_from("<II", data, entry)
    return (offset, length) if length and 0 < offset <= len(data) - length else None


def hashes(data: bytes, names: tuple[str, ...] = ("sha256", "sha1")) -> list[bytes]:
    """Return the digests by which a signature or a catalogue names an executable.

    They leave out the checksum, the entry of the certificates, and the signature (documented: Windows
    Authenticode Portable Executable Signature Format). The list is empty if it is not an executable.

    Args:
        data: the whole executable.
        names: the algorithms; each with and without padding to 8 bytes.
    """
    entry = _entry(data)
    if entry is None:
        return []
    (place,) = struct.unpack_from("<I", data, 0x3C)
    checksum = place + 24 + 64
    end = (signature_of(data) or (len(data), 0))[0]
    kept = data[:checksum] + data[checksum + 4 : entry] + data[entry + 8 : end]
    padded = kept + bytes(-end % 8)
    return [hashlib.new(name, one).digest() for one in (kept, padded) for name in names]


def _entry(data: bytes) -> int | None:
    """Return the offset of the directory entry of the certificates; None if there is none."""
    try:
        (place,) = struct.unpack_from("<I", data, 0x3C)
        start = place + 24
        (magic,) = struct.unpack_from("<H", data, start)
        first = start + _DIRECTORIES[magic]
        (count,) = struct.unpack_from("<I", data, first - 4)
    except (struct.error, KeyError):
        return None
    entry = first + 8 * _CERTIFICATES
    return entry if count > _CERTIFICATES and entry + 8 <= len(data) else None
