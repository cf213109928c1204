"""Find, write and read back the boot stores of a disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from reseal.bcd.devices import Device as BootDevice
from reseal.bcd.devices import GptPartition, MbrPartition
from reseal.disk import Device, Slice
from reseal.disk.partitions import VolumeRange, volumes
from reseal.errors import ImageError
from reseal.fat import FatVolume, NotFatError
from reseal.ntfs import BitLockerError, NotNtfsError, Volume
from reseal.session.boot_store import BIOS_STORE, UEFI_STORE, BootStore, FileSystem

#: EFI system partitions: the GPT type (documented by Microsoft) and the MBR type (UEFI specification).
EFI_SYSTEM = frozenset({"c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "ef"})


def find(device: Device, subject: str) -> list[BootStore]:
    """Find the stores that a disk can boot from, usually one or none.

    Args:
        device: the disk.
        subject: name of the image in messages.

    Raises:
        ImageError: no store was found, and a volume that should hold one is damaged.
    """
    ranges = volumes(device)
    places = {named: one.number for one in ranges if (named := _named(one))}
    expected = [one for one in ranges if one.type in EFI_SYSTEM or one.active]
    for group in (expected, [one for one in ranges if one not in expected]):
        found: list[BootStore] = []
        broken: list[ImageError] = []
        for one in group:
            try:
                found += _stores(device, one, subject, places)
            except ImageError as error:
                broken.append(error)
        if found:
            return found
        if broken and group is expected:
            raise broken[0]
    return []


@contextmanager
def opened(
    device: Device,
    place: VolumeRange,
    subject: str,
    *,
    read_only: bool = True,
    discard_hibernation: bool = False,
) -> Iterator[FileSystem | None]:
    """Open the volume of a partition; yield None if it is not a readable FAT or NTFS volume.

    Args:
        device: the disk.
        place: the partition.
        subject: name of the image in messages.
        read_only: whether writing is refused.
        discard_hibernation: whether a hibernated NTFS volume is opened for writing.
    """
    name = f"volume {place.number} of {subject}"
    part = Slice(device, place.offset, place.size)
    volume: FileSystem | None
    try:
        volume = FatVolume.open(part, read_only=read_only, name=name)
    except NotFatError:
        try:
            volume = Volume.open(
                part, read_only=read_only, name=name, discard_hibernation=discard_hibernation
            )
        except (BitLockerError, NotNtfsError):
            volume = None
    try:
        yield volume
    finally:
        if volume:
            volume.close()


def write_back(
    device: Device, store: BootStore, subject: str, *, discard_hibernation: bool = False
) -> int:
    """Write a store to its volume; return the number of bytes.

    Args:
        device: the disk.
        store: the store.
        subject: name of the image in messages.
        discard_hibernation: whether a hibernated Windows on its volume is discarded.
    """
    with opened(
        device,
        store.place,
        subject,
        read_only=False,
        discard_hibernation=discard_hibernation,
    ) as volume:
        assert volume
        return store.write(volume)


def read_back(device: Device, store: BootStore, subject: str) -> None:
    """Read back a written store.

    Args:
        device: the disk.
        store: the store that was written.
        subject: name of the image in messages.

    Raises:
        ImageError: the store differs from the staged one.
    """
    with opened(device, store.place, subject) as volume:
        if volume is None or not store.written_as_staged(volume):
            msg = f"The boot store {store.name} of {subject} reads back differently than written."
            raise ImageError(msg, "The image was not changed. Please report this.")


def _stores(
    device: Device, place: VolumeRange, subject: str, places: dict[BootDevice, int]
) -> list[BootStore]:
    if place.unsupported:
        return []
    found = []
    with opened(device, place, subject) as volume:
        for path in (UEFI_STORE, BIOS_STORE):
            stat = volume.stat(path) if volume else None
            if volume and stat and not stat.is_directory and not stat.reparse_tag:
                found.append(BootStore(place, path, volume, places))
    return found


def _named(place: VolumeRange) -> BootDevice | None:
    """The device of a store for a partition."""
    if place.scheme == "gpt":
        return GptPartition(UUID(place.id), UUID(place.disk))
    if place.scheme == "mbr":
        return MbrPartition(place.on_disk, int(place.disk, 16))
    return None
