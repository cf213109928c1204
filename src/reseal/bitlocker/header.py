"""The first sector of a volume that BitLocker encrypts: where its metadata lies.

Layout: documented by libbde ("BitLocker Drive Encryption (BDE) format"). Windows looks for an
identifier anywhere in the sector; the identifiers and what follows them are also in dissect.fve and
dislocker (seen in volumes of Windows 7 to 11).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from reseal.bitlocker.errors import MetadataError

if TYPE_CHECKING:
    from reseal.disk.device import Device

SECTOR = 512
SIGNATURE = b"-FVE-FS-"
_OEM_NAME = slice(3, 11)

#: Windows 7 and later; three offsets of the metadata follow.
_PLAIN = UUID("4967d63b-2e29-4ad8-8399-f6a339e3d001").bytes_le
#: "Encrypt on write", Windows 8 and later: two offsets of its own metadata follow those.
_ENCRYPT_ON_WRITE = UUID("92a84d3b-dd80-4d0e-9e4e-b1e3284eaed8").bytes_le
#: Where the identifier stands: in a fixed drive, and in the FAT that BitLocker To Go shows.
_PLACES = (160, 424)

SECTOR_SIZES = (512, 1024, 2048, 4096)
COPIES = 3


@dataclass(frozen=True, slots=True)
class Header:
    """What the first sector says.

    Attributes:
        sector_size: bytes; the unit of encryption.
        metadata: byte offsets of the three copies of the metadata.
        encrypt_on_write: byte offsets of the copies of what "encrypt on write" keeps; empty for a
            volume without it.
        to_go: whether the volume looks like FAT to a system without BitLocker.
    """

    sector_size: int
    metadata: tuple[int, ...]
    encrypt_on_write: tuple[int, ...]
    to_go: bool


def is_encrypted(sector: bytes) -> bool:
    """Tell whether a volume that begins with this sector is encrypted, by whatever version."""
    return sector[_OEM_NAME] == SIGNATURE or _identifier(sector) is not None


def encrypted(device: Device) -> bool:
    """Tell whether a device holds a volume that BitLocker encrypts."""
    return device.size >= SECTOR and is_encrypted(device.read(0, SECTOR))


def parse(sector: bytes, name: str) -> Header:
    """Decode the first sector of an encrypted volume.

    Args:
        sector: its first 512 bytes.
        name: of the volume, for messages.

    Raises:
        MetadataError: Windows Vista encrypted it, or the sector is damaged.
    """
    place = _identifier(sector)
    if place is None:
        raise MetadataError(
            f"{name} was encrypted by Windows Vista, and reseal can't read that version of BitLocker.",
            "Decrypt it in Windows (manage-bde -off), wait for the end, and try again.",
        )
    (sector_size,) = struct.unpack_from("<H", sector, 11)
    if sector_size not in SECTOR_SIZES:
        raise MetadataError(
            f"The first sector of {name} is damaged: it names sectors of {sector_size} bytes."
        )
    offsets = struct.unpack_from("<5Q", sector, place + 16)
    on_write = sector[place : place + 16] == _ENCRYPT_ON_WRITE
    return Header(
        sector_size=sector_size,
        metadata=offsets[:COPIES],
        encrypt_on_write=offsets[COPIES:] if on_write else (),
        to_go=sector[_OEM_NAME] != SIGNATURE,
    )


def _identifier(sector: bytes) -> int | None:
    """Return where the identifier stands in the sector, None if nowhere."""
    for place in _PLACES:
        if sector[place : place + 16] in {_PLAIN, _ENCRYPT_ON_WRITE}:
            return place
    return None
