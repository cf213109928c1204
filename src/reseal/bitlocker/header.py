"""The first sector of a BitLocker volume, with the offsets of its metadata.

Layout: documented by libbde ("BitLocker Drive Encryption (BDE) format"). Windows looks for an
identifier anywhere in the sector; the identifiers and what follows them are also in dissect.fve and
dislocker (seen in volumes of Windows 7 to 11).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from uuid import UUID

from reseal.bitlocker.errors import MetadataError
from reseal.disk.device import Device

SECTOR = 512
SIGNATURE = b"-FVE-FS-"
_OEM_NAME = slice(3, 11)

#: Windows 7 and later; three offsets of the metadata follow it.
_PLAIN = UUID("4967d63b-2e29-4ad8-8399-f6a339e3d001").bytes_le
#: "Encrypt on write", Windows 8 and later: two offsets of its own metadata follow those.
_ENCRYPT_ON_WRITE = UUID("92a84d3b-dd80-4d0e-9e4e-b1e3284eaed8").bytes_le
#: Offsets of the identifier: in a fixed drive, and in the FAT that BitLocker To Go shows.
_PLACES = (160, 424)

SECTOR_SIZES = (512, 1024, 2048, 4096)
COPIES = 3


@dataclass(frozen=True, slots=True)
class Header:
    """The decoded first sector.

    Attributes:
        sector_size: bytes; the unit of encryption.
        metadata: byte offsets of the three copies of the metadata.
        encrypt_on_write: byte offsets of the copies of the "encrypt on write" data; empty for a
            volume without it.
        to_go: whether the volume looks like FAT to a system without BitLocker.
    """

    sector_size: int
    metadata: tuple[int, ...]
    encrypt_on_write: tuple[int, ...]
    to_go: bool


def is_encrypted(sector: bytes) -> bool:
    """Whether a volume that begins with this sector is encrypted, by any version."""
    return sector[_OEM_NAME] == SIGNATURE or _identifier(sector) is not None


def encrypted(device: Device) -> bool:
    """Whether a device holds a BitLocker volume."""
    return device.size >= SECTOR and is_encrypted(device.read(0, SECTOR))


def parse(sector: bytes, name: str) -> Header:
    """Decode the first sector of an encrypted volume.

    Args:
        sector: its first 512 bytes.
        name: the volume's name in messages.

    Raises:
        MetadataError: Windows Vista encrypted it, or the sector is damaged.
    """
    place = _identifier(sector)
    if place is None:
        raise MetadataError(
            f"{name} was encrypted by Windows Vista, and reseal can't read that version of BitLocker. "
            "Nothing was changed.",
            "Decrypt it in Windows (manage-bde -off), wait until it has finished, and try again.",
        )
    (sector_size,) = struct.unpack_from("<H", sector, 11)
    if sector_size not in SECTOR_SIZES:
        raise MetadataError(
            f"The first sector of {name} is damaged: it names sectors of {sector_size} bytes. "
            "Nothing was changed.",
            "Copy the image again from its source, or repair the volume with repair-bde in Windows.",
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
    """Return the offset of the identifier in the sector; None if absent."""
    for place in _PLACES:
        if sector[place : place + 16] in {_PLAIN, _ENCRYPT_ON_WRITE}:
            return place
    return None
