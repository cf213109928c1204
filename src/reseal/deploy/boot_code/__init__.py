r"""The code by which BIOS gets from the disk to `bootmgr`.

An image holds bootmgr, but neither of the two programs before it: bootsect and Setup carry them inside
(seen: no file of a Windows folder holds them). A volume that Windows itself formatted has its NTFS code
in `$Boot`, though, so that an image that is copied brings it along. Where there is none, as in a WIM, and
for the MBR always, reseal places code of its own, whose sources lie here (`mbr.S`, `ntfs.S`); the record
of the run says which. `bootsect /nt60 SYS /mbr` in Windows replaces both by Microsoft's.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from reseal.disk.tables import write_boot_code
from reseal.errors import ImageError

if TYPE_CHECKING:
    from reseal.disk import Device

#: Bytes of $Boot, whose first sector begins with the jump and the parameters of the volume (documented).
BOOT_SIZE = 16 * 512
_PARAMETERS = slice(3, 0x54)
#: How the second sector of Windows's own code begins (Vista and later; seen): a length and a name.
_NAMES_BOOTMGR = b"\7\0" + "BOOTMGR".encode("utf-16-le")


def mbr() -> bytes:
    """The code of an MBR, which starts the active partition."""
    return _read("mbr.bin")


def ntfs() -> bytes:
    """The code of an NTFS volume, which starts bootmgr; the volume's parameters are empty."""
    return _read("ntfs.bin")


def of_volume(device: Device) -> bytes | None:
    """The code that Windows put into an NTFS volume when it formatted it; None where there is none."""
    code = device.read(0, BOOT_SIZE)
    return code if code[512:].startswith(_NAMES_BOOTMGR) else None


def install(device: Device, code: bytes) -> None:
    """Put code into an NTFS volume with sectors of 512 bytes, whose parameters stay.

    Raises:
        ImageError: the volume's own code does not fit.
    """
    if len(code) != BOOT_SIZE or code[510:512] != b"\x55\xaa":
        msg = f"boot code of {len(code)} bytes is not what an NTFS volume takes."
        raise ImageError(msg)
    old = device.read(0, BOOT_SIZE)
    new = bytearray(code)
    new[_PARAMETERS] = old[_PARAMETERS]
    device.write(0, bytes(new))
    # The last sector has a copy of the first.
    device.write(device.size - 512, bytes(new[:512]))


def install_mbr(device: Device) -> None:
    """Put reseal's code in front of the partition table of a disk."""
    write_boot_code(device, mbr())


def _read(name: str) -> bytes:
    return files(__package__).joinpath(name).read_bytes()
