"""The containers of disk images: which one a file is, and what its header says.

Everything that makes QEMU open another file (backing files, data files, extents) is read here
first, so that the header of a hostile image decides nothing. QEMU never guesses a format for us.
"""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

from reseal.disk.block import is_block, size_of
from reseal.disk.device import DiskError
from reseal.disk.formats import qcow2, raw, vdi, vhd, vhdx, vmdk
from reseal.disk.formats.header import SECTOR, ContainerFile, Header, Reference

__all__ = [
    "EXTENSIONS",
    "QEMU_NAMES",
    "ContainerFile",
    "Header",
    "Reference",
    "read_header",
    "require_whole",
]

#: The container that a file name promises.
EXTENSIONS = {
    ".qcow2": "qcow2",
    ".vhdx": "vhdx",
    ".vhd": "vhd",
    ".vmdk": "vmdk",
    ".vdi": "vdi",
    ".raw": "raw",
    ".dd": "raw",
    ".img": "raw",
}
#: QEMU's names of the containers.
QEMU_NAMES = {
    "qcow2": "qcow2",
    "vhdx": "vhdx",
    "vhd": "vpc",
    "vmdk": "vmdk",
    "vdi": "vdi",
    "raw": "raw",
}

_PARSERS: dict[str, Callable[[ContainerFile], Header]] = {
    "qcow2": qcow2.parse,
    "vhdx": vhdx.parse,
    "vhd": vhd.parse,
    "vmdk": vmdk.parse,
    "vdi": vdi.parse,
    "raw": raw.parse,
}
_WHOLE: dict[str, Callable[[ContainerFile], None]] = {
    "qcow2": qcow2.require_whole,
    "vhdx": vhdx.require_whole,
    "vhd": vhd.require_whole,
    "vmdk": vmdk.require_whole,
    "vdi": vdi.require_whole,
    "raw": raw.require_whole,
}


def read_header(
    path: Path, qemu_format: str | None = None, inside: tuple[str, int, int] | None = None
) -> Header:
    """Read the header of an image.

    Args:
        path: the image.
        qemu_format: the format that another image's header claims for it, in QEMU's words; None
            to decide from the file itself.
        inside: name, first byte and bytes of the image, if the file is an archive.

    Raises:
        DiskError: it is not an image, is damaged, or is of a kind that reseal does not open.
    """
    require_disk(path)
    with ContainerFile(path, inside) as file:
        name = _detect(file) if qemu_format is None else _claimed(file, qemu_format)
        header = _PARSERS[name](file)
        if header.size <= 0:
            raise file.damaged("it claims a disk of no size")
        return header


def is_container(path: Path) -> bool:
    """Whether a file has the magic of a container format, however small it is."""
    with ContainerFile(path) as file:
        return _magic(file) is not None


def require_whole(path: Path, name: str, inside: tuple[str, int, int] | None = None) -> None:
    """Check that nothing of what an image's tables promise is missing from the file.

    Args:
        path: the image.
        name: its format.
        inside: name, first byte and bytes of the image, if the file is an archive.

    Raises:
        DiskError: the file is truncated, or was not closed cleanly.
    """
    with ContainerFile(path, inside) as file:
        _WHOLE[name](file)


def require_extent(path: Path, size: int | None, *, whole: bool) -> None:
    """Check an extent of a VMDK: a flat one of `size` bytes, or a sparse one (None).

    Args:
        path: the extent.
        size: the least bytes of a flat extent; None for a sparse one.
        whole: whether the extent must not be truncated.

    Raises:
        DiskError: it is not an extent, or `whole` is set and it is truncated.
    """
    require_regular(path)
    with ContainerFile(path) as file:
        if size is None:
            vmdk.require_sparse(file)
            if whole:
                vmdk.require_whole(file)
        elif whole:
            file.require(0, size, "data")


def require_disk(path: Path) -> None:
    """Raise DiskError unless `path` is a block device, or a regular file that is not empty."""
    if not is_block(path):
        require_regular(path)
    elif size_of(path) == 0:
        raise DiskError(f"{path} is empty: the device has no medium, or its volume is gone.")


def require_regular(path: Path) -> None:
    """Raise DiskError unless `path` is a regular file that is not empty."""
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        raise DiskError(f"{path} can't be opened: {getattr(error, 'strerror', error)}.") from error
    if stat.S_ISDIR(status.st_mode):
        raise DiskError(f"{path} is a folder, not a disk image.")
    if not stat.S_ISREG(status.st_mode):
        raise DiskError(
            f"{path} is not a regular file.", hint="Name a disk image or a block device."
        )
    if status.st_size == 0:
        raise DiskError(f"{path} is empty.")


def _detect(file: ContainerFile) -> str:
    """Decide the container from the file's own magic, and never against its name.

    A guest can write any header into its raw disk: where a disk's boot sector and a container's
    magic stand in the same file, its name has to say which it is.
    """
    found = _magic(file)
    if is_block(file.path):
        # A guest can write any header into its device, so nothing but a raw disk is taken from there.
        if found and found != "vhd" and not raw.has_boot_sector(file):
            raise file.refused(
                f"the device holds a {found} container, and reseal takes a device for a raw disk",
                hint=f"Serve it with `qemu-nbd --format {QEMU_NAMES[found]}`, and name that.",
            )
        return "raw"
    promised = EXTENSIONS.get(file.path.suffix.lower())
    if found is None:
        if promised not in {None, "raw"}:
            raise DiskError(
                f"{file.path} is not a {promised} image: its header is missing or damaged.",
                hint="If it is a raw image, rename it to .raw.",
            )
        return "raw"
    if found == "vhd" and not file.starts_with(vhd.MAGIC):
        return found  # a fixed VHD is a raw disk with a footer, and names no other file
    if promised != found and raw.has_boot_sector(file):
        if file.path.suffix.lower() in {".raw", ".dd"}:
            return "raw"
        raise DiskError(
            f"{file.path} has the header of a {found} image and the boot sector of a raw disk.",
            hint=f"Rename it to .{found} or .raw, whichever it is.",
        )
    if promised == "raw" and file.path.suffix.lower() != ".img":
        raise DiskError(
            f"{file.path} is named as a raw image and has the header of a {found} image.",
            hint=f"Rename it to .{found} if that is what it is.",
        )
    return found


def _claimed(file: ContainerFile, qemu_format: str) -> str:
    """Return our name of a format that another header claims, which is never guessed against."""
    name = {theirs: ours for ours, theirs in QEMU_NAMES.items()}.get(qemu_format)
    if name is None:
        raise file.refused(f"{qemu_format[:40]} images are not supported")
    if name not in {"raw", _magic(file)}:
        raise file.damaged(f"it should be a {name} image and lacks its header")
    return name


def _magic(file: ContainerFile) -> str | None:
    magics = (
        (qcow2.MAGIC, 0, "qcow2"),
        (vhdx.MAGIC, 0, "vhdx"),
        (vhd.MAGIC, 0, "vhd"),
        (vmdk.MAGIC_SPARSE, 0, "vmdk"),
        (vmdk.MAGIC_ESX, 0, "vmdk"),
        (vmdk.MAGIC_TEXT, 0, "vmdk"),
        (vdi.MAGIC, vdi.MAGIC_OFFSET, "vdi"),
        (vhd.MAGIC, file.size - SECTOR, "vhd"),
    )
    return next((name for magic, at, name in magics if file.starts_with(magic, at)), None)
