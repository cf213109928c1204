r"""The boot configuration data of a disk, with staged changes.

Windows keeps the store in `\EFI\Microsoft\Boot\BCD` on the EFI system partition, which is FAT, or in
`\Boot\BCD` on the active partition of an MBR disk, which is NTFS or FAT and may be the Windows partition
(documented: Microsoft, BCD System Store Settings for UEFI; Boot and UEFI deployment guides). Other volumes
are searched only if neither has a store, because stores there are left over from earlier installations.
"""

from __future__ import annotations

from functools import cached_property
from typing import TypeAlias

from reseal.bcd import BcdObject, Element, Notation, Store
from reseal.bcd.devices import Device as BootDevice
from reseal.bcd.values import Value
from reseal.disk import VolumeRange
from reseal.errors import ImageError
from reseal.fat import FatVolume
from reseal.ntfs import Volume
from reseal.regf import Hive

UEFI_STORE = r"EFI\Microsoft\Boot\BCD"
BIOS_STORE = r"Boot\BCD"
LOG_SUFFIXES = ("LOG1", "LOG2", "LOG")
#: Maximum size of a store. Real stores have 28 to 64 KiB (seen), but a hive never shrinks.
MAX_SIZE = 64 << 20

FileSystem: TypeAlias = FatVolume | Volume


class BootStore:
    """A store on a disk, with staged changes.

    Attributes:
        place: the partition that holds it.
        path: its path in that partition.
        file_system: `FAT` or `NTFS`.
        places: the partitions of the disk as devices, with their numbers.
        edited: whether changes are staged.
    """

    def __init__(
        self,
        place: VolumeRange,
        path: str,
        volume: FileSystem,
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
        """Its name in messages and records."""
        return f"{self.path} on volume {self.place.number}"

    @property
    def firmware(self) -> str:
        """The firmware that starts from it: `uefi` or `bios`."""
        return "uefi" if self.path == UEFI_STORE else "bios"

    @cached_property
    def store(self) -> Store:
        """The store, recovered from its logs, with staged changes.

        Raises:
            ImageError: the file is damaged, or is not a store.
        """
        return Store(Hive.open(self._data, self._logs, name=self.name))

    def show(self, one: BcdObject, element: Element | None) -> str | None:
        """Format an element's value as bcdedit does; None if it is absent."""
        if element is None:
            return None
        return ", ".join(Notation(self.store, one, self.places).show(element))

    def set(self, one: BcdObject, number: int, value: Value) -> bool:
        """Stage the value of an element; return whether it changes.

        Args:
            one: the object.
            number: number of the element.
            value: its value.

        Raises:
            BcdUsageError: the element can't hold the value.
        """
        old = one.element(number)
        one.set(number, value)
        new = one.element(number)
        assert new
        if old is not None and (old.type, old.data) == (new.type, new.data):
            return False
        self.edited = True
        return True

    def verify(self) -> None:
        """Verify the edited parts of the hive.

        Raises:
            ImageError: the hive would violate a rule that Windows enforces.
        """
        violations = self.store.hive.verify(touched_only=True)
        if violations:
            first = violations[0]
            msg = f"The boot store {self.name} is damaged ({first.path}: {first.message})."
            raise ImageError(msg, "Restore it from a backup, or create a new one with bcdboot.")

    def write(self, volume: FileSystem) -> int:
        """Write the staged changes to the store's volume; return the number of bytes.

        The logs are emptied, because a stale entry could continue the new sequence number.
        """
        written = 0
        for offset, data in self.store.hive.patches():
            volume.patch(self.path, offset, data)
            written += len(data)
        for suffix in self._logs:
            volume.write(f"{self.path}.{suffix}", b"")
        return written

    def written_as_staged(self, volume: FileSystem) -> bool:
        """Whether the store on the volume is the one that `write` wrote."""
        return _content(volume, self.path) == self.store.hive.to_bytes()


def _content(volume: FileSystem, path: str) -> bytes:
    stat = volume.stat(path)
    if stat is not None and stat.size > MAX_SIZE:
        msg = f"{path} is too large for a boot store ({stat.size} bytes)."
        raise ImageError(msg)
    return volume.read(path)
