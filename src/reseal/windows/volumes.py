r"""The volumes of a machine as one tree, and the mapping of Windows' paths to them.

`SYSTEM\MountedDevices` maps drive letters to partitions: `\DosDevices\X:` has `DMIO:ID:` and the partition's
GUID on a GPT disk, or the disk signature and the partition's byte offset on an MBR disk (seen in real hives;
libyal winreg-kb, "Mounted devices"). The letter in `SystemRoot` is the letter of the Windows volume and takes
precedence over MountedDevices.

A path of the image without a volume name is on the Windows volume, such as `Users\Alice`. A path on another
volume starts with its name: its letter, as in `D:\Users\Carol`, or `volume 5:` if it has no letter.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from reseal.tree import Stat, TreeError, join

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reseal.disk import VolumeRange
    from reseal.tree import Tree

MOUNTED_DEVICES = r"HKLM\SYSTEM\MountedDevices"
#: The letter of the Windows volume if none is recorded (inferred).
USUAL_DRIVE = "C:"
_LETTER = re.compile(r"\\DosDevices\\([A-Z]:)", re.IGNORECASE)
#: Before the GUID of a GPT partition in MountedDevices.
DISK_ID = b"DMIO:ID:"


@dataclass(frozen=True, slots=True)
class Place:
    """The place that a Windows path refers to.

    Attributes:
        volume: the number of a volume of this image; None if the path is outside the image: on another disk,
            a removable drive or a server.
        path: the path in the image; the original path if it is outside the image.
    """

    volume: int | None
    path: str


def mounted_as(place: VolumeRange) -> bytes | None:
    """The data of a partition in MountedDevices; None if the disk is not partitioned."""
    if place.scheme == "gpt":
        return DISK_ID + UUID(place.id).bytes_le
    if place.scheme == "mbr":
        return struct.pack("<IQ", int(place.disk, 16), place.on_disk)
    return None


def letters(
    mounted: Mapping[str, bytes], partitions: Mapping[bytes, int], drive: str, own: int
) -> dict[str, int]:
    """Return the volume numbers of the image by drive letter.

    Args:
        mounted: the values of MountedDevices.
        partitions: numbers of the image's partitions by their data in MountedDevices.
        drive: the letter of the Windows volume.
        own: the number of the Windows volume.
    """
    found = {
        named[1].upper(): partitions[data]
        for name, data in mounted.items()
        if (named := _LETTER.fullmatch(name)) and partitions.get(data, own) != own
    }
    return {**found, drive.upper(): own}


def split_volume(path: str) -> tuple[str, str]:
    r"""Split a path of the image into the name of another volume (or an empty string) and the rest."""
    first, _, rest = path.partition("\\")
    return (first, rest) if first.endswith(":") else ("", path)


class Volumes:
    """The Windows volume, and the disk's other volumes by name, as one `Tree`.

    The names are requested when a path first contains one.

    Attributes:
        own: the Windows volume.
        others: functions that open the other volumes, by number.
        partitions: numbers of the disk's partitions by their data in MountedDevices.
        names: returns the names of the other volumes, such as `D:`, by number.
        opened: the other volumes that were opened so far.
        read_only: whether writing is refused.
    """

    def __init__(
        self,
        own: Tree,
        others: Mapping[int, Callable[[], Tree]] | None = None,
        partitions: Mapping[bytes, int] | None = None,
        names: Callable[[], Mapping[int, str]] = dict,
    ) -> None:
        """Create the tree.

        Args:
            own: the Windows volume.
            others: functions that open the other volumes, by number; each is called once, on first access.
            partitions: see the class.
            names: returns the names of the other volumes, such as `D:`, by number.
        """
        self.own = own
        self.others = others or {}
        self.partitions = partitions or {}
        self.names = names
        self.opened: dict[int, Tree] = {}
        self.read_only = own.read_only

    def volume_of(self, path: str) -> int | None:
        """The number of the other volume of a path of the image; None for the Windows volume."""
        first, _ = split_volume(path)
        if not self.others or not first:
            return None
        named = {name.lower(): number for number, name in self.names().items()}
        number = named.get(first.lower())
        return number if number in self.others else None

    def tree(self, number: int) -> Tree:
        """Another volume of the disk."""
        if number not in self.opened:
            self.opened[number] = self.others[number]()
        return self.opened[number]

    def _at(self, path: str) -> tuple[Tree, str]:
        number = self.volume_of(path)
        return (self.own, path) if number is None else (self.tree(number), split_volume(path)[1])

    def stat(self, path: str) -> Stat | None:
        """See `Tree.stat`."""
        tree, inside = self._at(path)
        return tree.stat(inside)

    def list(self, path: str) -> list[Stat]:
        """See `Tree.list`. The root does not list the other volumes."""
        tree, inside = self._at(path)
        return tree.list(inside)

    def read(
        self, path: str, offset: int = 0, size: int | None = None, *, stream: str = ""
    ) -> bytes:
        """See `Tree.read`."""
        tree, inside = self._at(path)
        return tree.read(inside, offset, size, stream=stream)

    def read_reparse(self, path: str) -> bytes | None:
        """See `Tree.read_reparse`."""
        tree, inside = self._at(path)
        return tree.read_reparse(inside)

    def write(self, path: str, data: bytes, *, stream: str = "") -> None:
        """See `Tree.write`."""
        tree, inside = self._at(path)
        tree.write(inside, data, stream=stream)

    def patch(self, path: str, offset: int, data: bytes) -> None:
        """See `Tree.patch`."""
        tree, inside = self._at(path)
        tree.patch(inside, offset, data)

    def create(self, path: str, data: bytes = b"", *, descriptor: bytes | None = None) -> None:
        """See `Tree.create`."""
        tree, inside = self._at(path)
        tree.create(inside, data, descriptor=descriptor)

    def make_directory(self, path: str, *, descriptor: bytes | None = None) -> None:
        """See `Tree.make_directory`."""
        tree, inside = self._at(path)
        tree.make_directory(inside, descriptor=descriptor)

    def delete(self, path: str) -> None:
        """See `Tree.delete`."""
        tree, inside = self._at(path)
        tree.delete(inside)

    def rename(self, path: str, new_path: str) -> None:
        """See `Tree.rename`. Raises TreeError if the new path is on another volume."""
        (tree, inside), (target, new_inside) = self._at(path), self._at(new_path)
        if tree is not target:
            msg = f"{path} can't be moved to {new_path}, which is on another volume."
            raise TreeError(msg, "Copy it there and delete it here.")
        tree.rename(inside, new_inside)

    def set_attributes(self, path: str, attributes: int) -> None:
        """See `Tree.set_attributes`."""
        tree, inside = self._at(path)
        tree.set_attributes(inside, attributes)

    def descriptor(self, path: str) -> bytes | None:
        """See `Tree.descriptor`."""
        tree, inside = self._at(path)
        return tree.descriptor(inside)

    def set_descriptor(self, path: str, descriptor: bytes) -> None:
        """See `Tree.set_descriptor`."""
        tree, inside = self._at(path)
        tree.set_descriptor(inside, descriptor)

    def close(self) -> None:
        """Close all open volumes."""
        for tree in (*self.opened.values(), self.own):
            tree.close()


def named(number: int, drives: Mapping[str, int], *inside: str) -> str:
    """Return the name of another volume, or a path on it.

    Args:
        number: number of the volume.
        drives: volume numbers by drive letter.
        inside: parts of a path on the volume.
    """
    drive = next((drive for drive, one in drives.items() if one == number), f"volume {number}:")
    return join(drive, *inside)


def labelled(number: int, drives: Mapping[str, int]) -> str:
    """Return a volume as messages name it, such as `volume 4 (D:)`.

    Args:
        number: number of the volume.
        drives: volume numbers by drive letter.
    """
    name = named(number, drives)
    return f"volume {number}" if name.startswith("volume") else f"volume {number} ({name})"
