r"""The boot code that leads BIOS from the disk to `bootmgr`.

An image holds bootmgr, but not the two programs before it: bootsect and Setup carry them inside (seen: no
file of a Windows folder holds them). A volume that Windows formatted has its NTFS code in `$Boot`, and a
copied image keeps it. Without such code, as in a WIM, and always for the MBR, reseal installs its own, whose
sources are in this folder (`mbr.S`, `ntfs.S`); the record of the run says which code is used.
`bootsect /nt60 SYS /mbr` in Windows replaces both with Microsoft's.
"""

from __future__ import annotations

from importlib.resources import files

from reseal.disk import Device
from reseal.disk.tables import write_boot_code
from reseal.errors import ImageError

#: Size of $Boot in bytes; its first sector begins with the jump and the volume's parameters (documented).
BOOT_SIZE = 16 * 512
_PARAMETERS = slice(3, 0x54)
#: The start of the second sector of Windows' own code (Vista and later; seen): a length and a name.
_NAMES_BOOTMGR = b"\7\0" + "BOOTMGR".encode("utf-16-le")


def mbr() -> bytes:
    """Return the code of an MBR, which starts the active partition."""
    return _read("mbr.bin")


def ntfs() -> bytes:
    """Return the code of an NTFS volume, which starts bootmgr; the volume's parameters are empty."""
    return _read("ntfs.bin")


def of_volume(device: Device) -> bytes | None:
    """Return the code that Windows wrote when it formatted an NTFS volume; None if there is none."""
    code = device.read(0, BOOT_SIZE)
    return code if code[512:].startswith(_NAMES_BOOTMGR) else None


def starts_bootmgr(code: bytes) -> bool:
    """Whether the first sectors of a volume are boot code that starts bootmgr: Windows' or reseal's own.

    Args:
        code: the first 16 sectors.
    """
    if len(code) < 512 or code[510:512] != b"\x55\xaa":
        return False
    own = code[0x54:] == ntfs()[0x54 : len(code)]
    return own or "BOOTMGR".encode("utf-16-le") in code or b"BOOTMGR" in code


def install(device: Device, code: bytes) -> None:
    """Write code to an NTFS volume with sectors of 512 bytes; the volume's parameters stay.

    Raises:
        ImageError: the code does not have the size and signature of NTFS boot code.
    """
    if len(code) != BOOT_SIZE or code[510:512] != b"\x55\xaa":
        msg = f"boot code of {len(code)} bytes does not fit into an NTFS volume."
        raise ImageError(msg)
    old = device.read(0, BOOT_SIZE)
    new = bytearray(code)
    new[_PARAMETERS] = old[_PARAMETERS]
    device.write(0, bytes(new))
    # The last sector has a copy of the first.
    device.write(device.size - 512, bytes(new[:512]))


def install_mbr(device: Device) -> None:
    """Write reseal's code before the partition table of a disk."""
    write_boot_code(device, mbr())


def _read(name: str) -> bytes:
    return files(__package__).joinpath(name).read_bytes()
