r"""The boot configuration data of a disk: where it lies, what is staged for it, how it is written.

Where Windows keeps its store (documented: Microsoft, BCD System Store Settings for UEFI; Boot and UEFI
deployment guides): `\EFI\Microsoft\Boot\BCD` on the EFI system partition, which is FAT, or `\Boot\BCD`
on the active partition of an MBR disk, NTFS or FAT, which may be the one that holds Windows. Other
volumes are searched only where neither has one: what lies there is left over from another time.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias
from uuid import UUID

from reseal.bcd import BcdObject, Notation, Store
from reseal.bcd.devices import Device as BootDevice
from reseal.bcd.devices import GptPartition, MbrPartition
from reseal.disk import Slice
from reseal.disk.partitions import VolumeRange, volumes
from reseal.errors import ImageError
from reseal.fat import FatVolume, NotFatError
from reseal.ntfs import BitLockerError, NotNtfsError, Volume
from reseal.regf import Hive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.bcd import Element
    from reseal.bcd.values import Value
    from reseal.disk import Device

UEFI_STORE = r"EFI\Microsoft\Boot\BCD"
BIOS_STORE = r"Boot\BCD"
#: EFI system partitions: the GPT type (documented by Microsoft) and the MBR type (UEFI specification).
EFI_SYSTEM = frozenset({"c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "ef"})
LOG_SUFFIXES = ("LOG1", "LOG2", "LOG")
#: Real stores have 28 to 64 KiB (seen). A hive can't shrink, and what is read must fit into memory.
MAX_SIZE = 64 << 20

_FileSystem: TypeAlias = FatVolume | Volume


class BootStore:
    """A store on a disk, with what is staged for it.

    Attributes:
        place: the partition that holds it.
        path: in that partition.
        file_system: `FAT` or `NTFS`.
        places: every partition of the disk as devices name them, and their numbers.
        edited: whether anything is staged.
    """

    def __init__(
        self,
        place: VolumeRange,
        path: str,
        volume: _FileSystem,
        places: dict[BootDevice, int],
    ) -> None:
        self.place = place
        self.path = path
        self.file_system = "FAT" if isinstance(volume, FatVolume) else "NTFS"
        self.places = places
        self.edited = False
        self._data = _content(volume, path)
        self._logs = {
            suffix: data
            for suffix in LOG_SUFFIXES
            if (stat := volume.stat(f"{path}.{suffix}")) and not stat.is_directory
            if (data := _content(volume, f"{path}.{suffix}"))
        }

    @property
    def name(self) -> str:
        """What messages and records call it."""
        return f"{self.path} on volume {self.place.number}"

    @property
    def firmware(self) -> str:
        """Which firmware starts from it: `uefi` or `bios`."""
        return "uefi" if self.path == UEFI_STORE else "bios"

    @cached_property
    def store(self) -> Store:
        """The store, recovered from its logs, with what is staged.

        Raises:
            ImageError: it is damaged, or no store.
        """
        return Store(Hive.open(self._data, self._logs, name=self.name))

    def show(self, one: BcdObject, element: Element | None) -> str | None:
        """Write an element's value as bcdedit does; None where there is none."""
        if element is None:
            return None
        return ", ".join(Notation(self.store, one, self.places).show(element))

    def set(self, one: BcdObject, number: int, value: Value) -> bool:
        """Stage the value of an element; false where it has it already."""
        old = one.element(number)
        one.set(number, value)
        new = one.element(number)
        assert new
        if old is not None and (old.type, old.data) == (new.type, new.data):
            return False
        self.edited = True
        return True

    def delete(self, one: BcdObject, number: int) -> bool:
        """Stage the deletion of an element; false where there is none."""
        deleted = one.delete(number)
        self.edited = self.edited or deleted
        return deleted

    def verify(self) -> None:
        """Check what was touched.

        Raises:
            ImageError: the hive would break a rule that Windows enforces.
        """
        violations = self.store.hive.verify(touched_only=True)
        if violations:
            first = violations[0]
            msg = f"The boot store {self.name} is damaged ({first.path}: {first.message})."
            raise ImageError(msg, "Restore it from a backup, or make a new one with bcdboot.")

    def write(self, volume: _FileSystem) -> int:
        """Write what is staged to the store's volume; return the number of bytes.

        The logs are emptied, since a stale entry could continue the new sequence number.
        """
        written = 0
        for offset, data in self.store.hive.patches():
            volume.patch(self.path, offset, data)
            written += len(data)
        for suffix in self._logs:
            volume.write(f"{self.path}.{suffix}", b"")
        return written

    def written_as_staged(self, volume: _FileSystem) -> bool:
        """Whether the store in a volume is what `write` was to write."""
        return _content(volume, self.path) == self.store.hive.to_bytes()


def find(device: Device, subject: str) -> list[BootStore]:
    """Find the stores that a disk can boot from; usually there is one, or none.

    Args:
        device: the disk.
        subject: the image's name, for messages.

    Raises:
        ImageError: there is none, and a volume that should hold one is damaged.
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
    device: Device, place: VolumeRange, subject: str, *, read_only: bool = True
) -> Iterator[_FileSystem | None]:
    """Open the volume of a partition; None where it is neither FAT nor NTFS that can be read."""
    name = f"volume {place.number} of {subject}"
    part = Slice(device, place.offset, place.size)
    volume: _FileSystem | None
    try:
        volume = FatVolume.open(part, read_only=read_only, name=name)
    except NotFatError:
        try:
            volume = Volume.open(part, read_only=read_only, name=name)
        except (BitLockerError, NotNtfsError):
            volume = None
    try:
        yield volume
    finally:
        if volume:
            volume.close()


def write_back(device: Device, store: BootStore, subject: str) -> int:
    """Write a store to its own volume; return the number of bytes."""
    with opened(device, store.place, subject, read_only=False) as volume:
        assert volume
        return store.write(volume)


def read_back(device: Device, store: BootStore, subject: str) -> None:
    """Look at a written store with fresh eyes.

    Raises:
        ImageError: it is not what was staged.
    """
    with opened(device, store.place, subject) as volume:
        if volume is None or not store.written_as_staged(volume):
            msg = f"The boot store {store.name} of {subject} reads back differently than written."
            raise ImageError(msg, "The image was left untouched. Please report this.")


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


def _content(volume: _FileSystem, path: str) -> bytes:
    stat = volume.stat(path)
    if stat is not None and stat.size > MAX_SIZE:
        msg = f"{path} is too large for a boot store ({stat.size} bytes)."
        raise ImageError(msg)
    return volume.read(path)


def _named(place: VolumeRange) -> BootDevice | None:
    """How devices of a store name a partition."""
    if place.scheme == "gpt":
        return GptPartition(UUID(place.id), UUID(place.disk))
    if place.scheme == "mbr":
        return MbrPartition(place.offset, int(place.disk, 16))
    return None
