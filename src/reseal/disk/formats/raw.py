"""Raw images: the disk's own bytes, without any header."""

from __future__ import annotations

from reseal.disk.formats.header import SECTOR, ContainerFile, Header

#: What other files begin with (or have at an offset), for a better message than "no partitions".
_OTHER_FILES = (
    (0, b"\x1f\x8b", "a gzip file"),
    (0, b"\xfd7zXZ\0", "an xz file"),
    (0, b"\x28\xb5\x2f\xfd", "a zstd file"),
    (0, b"BZh", "a bzip2 file"),
    (0, b"PK\3\4", "a zip file"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z file"),
    (0, b"MSWIM\0\0\0", "a WIM image, not a disk image"),
    (0, b"EVF\x09\x0d\x0a\xff\0", "an Expert Witness (E01) image"),
    (0, b"QED\0", "a QED image"),
    (0, b"WithoutFreeSpace", "a Parallels image"),
    (0, b"WithouFreSpacExt", "a Parallels image"),
    (0, b"LUKS\xba\xbe", "a LUKS-encrypted volume"),
    (257, b"ustar", "a tar archive"),
    (32769, b"CD001", "an ISO image, which reseal deploy, apply and inspect read"),
    (32769, b"BEA01", "an ISO image, which reseal deploy, apply and inspect read"),
)

_BOOT_SIGNATURE = b"\x55\xaa"
_VOLUMES = (b"NTFS    ", b"-FVE-FS-")
_GPT = b"EFI PART"
#: The first volume descriptor of ISO 9660, or of UDF with a bridge (ECMA-119, documented).
_ISO, _ISO_AT = b"\x01CD001", 16 * 2048


def has_boot_sector(file: ContainerFile) -> bool:
    """Tell whether the first sector ends as a boot sector does."""
    return file.starts_with(_BOOT_SIGNATURE, SECTOR - 2)


def parse(file: ContainerFile) -> Header:
    """Look at a raw image, which has no header to read.

    Raises:
        DiskError: nothing in it looks like a disk.
    """
    disk = (
        has_boot_sector(file)
        or any(file.starts_with(magic, 3) for magic in _VOLUMES)
        or any(file.starts_with(_GPT, offset) for offset in (SECTOR, 4096))
        or any(file.starts_with(_GPT, file.size - sector) for sector in (SECTOR, 4096))
    )
    if not disk:
        for offset, magic, what in _OTHER_FILES:
            if file.starts_with(magic, offset):
                raise file.refused(f"it is {what}", hint="Convert or unpack it first.")
        if file.starts_with(_ISO, _ISO_AT):
            raise file.refused(
                "it is the ISO image of a CD or DVD, not a disk image",
                hint="Take sources/install.wim (or install.esd) out of it, and name that.",
            )
        raise file.refused(
            "it is not a disk image: it has no partition table and no volume",
            hint="`qemu-img info` tells what other programs take it for.",
        )
    if file.size % SECTOR:
        raise file.damaged(
            f"its {file.size} bytes are not a whole number of sectors, so it is truncated"
        )
    return Header(format="raw", size=file.size, options={"driver": "raw"})


def require_whole(file: ContainerFile) -> None:
    """Do nothing: only the partition table can tell where a raw disk should end."""
