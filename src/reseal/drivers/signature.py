r"""Whether a driver is signed, and its processor architecture.

Windows for x64 and ARM64 loads no unsigned driver. A boot-start driver needs an embedded signature, since
the boot loader does not read catalogues (documented: Microsoft, Kernel-Mode Code Signing Requirements; the
form: Microsoft, PE Format). reseal does not check whether a signature is valid, or whether Windows trusts
the signer.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

#: Machine of the COFF header (documented).
_MACHINES = {0x14C: "x86", 0x8664: "amd64", 0xAA64: "arm64", 0x1C0: "arm", 0x1C4: "arm"}
#: The offset of the data directories in the optional header, by its magic (documented).
_DIRECTORIES = {0x10B: 96, 0x20B: 112}
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
    def read(cls, data: bytes) -> Executable | None:
        """Read the headers; return None if it is not an executable."""
        try:
            (place,) = struct.unpack_from("<I", data, 0x3C)
            if data[:2] != b"MZ" or data[place : place + 4] != b"PE\0\0":
                return None
            machine, _, _, _, _, size = struct.unpack_from("<HHIIIH", data, place + 4)
            start = place + 24
            (magic,) = struct.unpack_from("<H", data, start)
            first = _DIRECTORIES[magic]
            (count,) = struct.unpack_from("<I", data, start + first - 4)
            signed = False
            if count > _CERTIFICATES and size >= first + 8 * (_CERTIFICATES + 1):
                entry = start + first + 8 * _CERTIFICATES
                offset, length = struct.unpack_from("<II", data, entry)
                signed = bool(length) and 0 < offset <= len(data) - length
        except (struct.error, KeyError):
            return None
        return cls(_MACHINES.get(machine), signed)
