"""A sample Windows as a disk image."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from reseal.bcd.devices import GptPartition, MbrPartition
from reseal.deploy import boot_code
from reseal.disk import FileDevice
from reseal.ntfs import Volume
from reseal.testing import disks
from reseal.testing.boot import boot_store
from reseal.testing.core import architecture_of, loaders
from reseal.testing.disks import BASIC_DATA, convert, gpt_disk, mbr_disk
from reseal.testing.drivers import executable
from reseal.testing.fat import fat_volume
from reseal.testing.machine import Machine, laid, tree
from reseal.testing.volumes import ntfs_volume, populate

MEBIBYTE = 1 << 20
#: Sizes of the other partitions. Windows Setup creates an EFI system partition of at least 100 MiB
#: (documented); this is the smallest size for FAT32.
EFI_SIZE = 36 * MEBIBYTE
RESERVED_SIZE = 16 * MEBIBYTE
SYSTEM_SIZE = 12 * MEBIBYTE

#: qemu's format names by suffix.
FORMATS = {
    ".qcow2": "qcow2",
    ".vhdx": "vhdx",
    ".vhd": "vpc",
    ".vmdk": "vmdk",
    ".vdi": "vdi",
    ".raw": "raw",
}


def windows(
    path: Path,
    machine: Machine | None = None,
    *,
    size: int = 96 * MEBIBYTE,
    partitioned: bool = True,
    firmware: Literal["uefi", "bios"] | None = None,
    system_partition: bool = True,
    boot: bytes | None = None,
    sector: int = 512,
) -> Machine:
    """Build an image of a sample Windows; the suffix of the path determines the format.

    Args:
        path: path of the image: .qcow2, .vhdx, .vhd, .vmdk, .vdi or .raw.
        machine: the machine; None for a Windows 11 Pro.
        size: bytes of its volume.
        partitioned: whether the image is a partitioned disk, rather than only a volume.
        firmware: the firmware that the disk can boot from. `uefi`: GPT with an EFI system partition (1), a
            Microsoft reserved partition (2) and Windows (3). `bios`: MBR with an active system partition
            (1) and Windows (2). None: GPT with only the volume, without a boot store.
        system_partition: with `bios`, whether to create a system partition; otherwise the Windows
            partition (1) is active.
        boot: the boot store; None for one that starts this Windows.
        sector: bytes of a logical sector, without `firmware`: 512 or 4096.
    """
    machine = machine or Machine()
    with TemporaryDirectory(dir=path.parent) as folder:
        disk = Path(folder) / "disk"
        volume = Path(folder) / "volume"
        place = MEBIBYTE + (SYSTEM_SIZE if system_partition else 0)
        files = tree(_mounted(machine, _drive_of(firmware, place) if partitioned else None))
        if firmware == "uefi":
            efi = Path(folder) / "efi"
            fat_volume(
                efi,
                EFI_SIZE,
                efi_files(boot or _uefi_store(disk), architecture_of(machine.architecture)),
            )
            make_ntfs(volume, size, files)
            gpt_disk(disk, [
                (efi, disks.EFI_SYSTEM, "EFI system partition"),
                (RESERVED_SIZE, disks.MICROSOFT_RESERVED, "Microsoft reserved partition"),
                (volume, BASIC_DATA, "Basic data partition"),
            ])  # fmt: skip
        elif firmware == "bios":
            store = with_logs(boot or _bios_store(place))
            system = Path(folder) / "system"
            if system_partition:
                make_ntfs(system, SYSTEM_SIZE, {"bootmgr": b"BOOTMGR", "Boot": store})
                install_boot_code(system)
            else:
                files = files | {"bootmgr": b"BOOTMGR", "Boot": store}
            make_ntfs(volume, size, files)
            if not system_partition:
                install_boot_code(volume)
            rows = [(system, disks.MBR_NTFS)] if system_partition else []
            mbr_disk(disk, [*rows, (volume, disks.MBR_NTFS)])
        else:
            make_ntfs(volume, size, files, sector=sector)
            if partitioned:
                gpt_disk(disk, [(volume, BASIC_DATA, "Basic data partition")], sector=sector)
            else:
                disk = volume
        convert(disk, path, FORMATS[path.suffix])
    return machine


def install_boot_code(volume: Path) -> None:
    """Write boot code that starts bootmgr to an NTFS volume."""
    boot_code.install(FileDevice(volume, read_only=False), boot_code.ntfs())


def _drive_of(firmware: str | None, place: int) -> bytes:
    """Return what MountedDevices has for the partition of Windows.

    Args:
        firmware: as in `windows`.
        place: the offset of the partition on an MBR disk.
    """
    if firmware == "bios":
        return struct.pack("<IQ", disks.SIGNATURE, place)
    number = 3 if firmware == "uefi" else 1
    return b"DMIO:ID:" + disks.partition_id(number, "Basic data partition").bytes_le


def _mounted(machine: Machine, data: bytes | None) -> Machine:
    """Return a machine with loaders, and with the drive letter of its own partition unless it has another."""
    if data is None:
        return machine
    drive = {"MountedDevices": {rf"\DosDevices\{machine.drive}": data}}
    files = laid({"Windows": loaders(machine.architecture)}, machine.files)
    return replace(machine, system=laid(drive, machine.system), files=files)


def uefi_partitions(disk: Path) -> tuple[GptPartition, GptPartition]:
    """The EFI system partition and the Windows partition, as devices in the store of a disk."""
    names = {1: "EFI system partition", 3: "Basic data partition"}
    system, own = (
        GptPartition(disks.partition_id(number, name), disks.disk_id(disk))
        for number, name in names.items()
    )
    return system, own


def make_ntfs(
    path: Path, size: int, files: dict[str, Any], label: str = "", *, sector: int = 512
) -> None:
    """Create an NTFS volume with files in a file.

    Args:
        path: the file to create or replace.
        size: bytes of the volume.
        files: content by name, as for `populate`.
        label: the volume label.
        sector: bytes of a sector.
    """
    ntfs_volume(path, size, label=label, sector_size=sector)
    opened = Volume.open(FileDevice(path, read_only=False), read_only=False, name="sample")
    populate(opened, files)
    opened.close()


def with_logs(store: bytes) -> dict[str, bytes]:
    """Return the files of a boot store: the hive and its logs."""
    return {"BCD": store, "BCD.LOG": b"", "BCD.LOG1": b"", "BCD.LOG2": b""}


def efi_files(store: bytes, architecture: str = "amd64") -> dict[str, Any]:
    """Return the files of an EFI system partition."""
    manager = executable(architecture).ljust(9002, b"\0")
    boot = {"bootmgfw.efi": manager, "memtest.efi": b"MZ", **with_logs(store)}
    name = {"x86": "bootia32.efi", "arm64": "bootaa64.efi"}.get(architecture, "bootx64.efi")
    return {"EFI": {"Microsoft": {"Boot": boot}, "Boot": {name: manager}}}


def _uefi_store(disk: Path) -> bytes:
    return boot_store(*uefi_partitions(disk), uefi=True)


def _bios_store(place: int) -> bytes:
    system, own = (MbrPartition(offset, disks.SIGNATURE) for offset in (MEBIBYTE, place))
    return boot_store(system, own, uefi=False)


#: Former names of three builders, which scripts outside the repository import.
_ntfs, _efi_files, _with_logs = make_ntfs, efi_files, with_logs
