r"""The volumes of a machine under one root, and what a path that Windows wrote means among them.

`D:\Users\X` is not `C:\Users\X`. Windows keeps in `SYSTEM\MountedDevices` which partition has which
letter: `\DosDevices\X:` holds `DMIO:ID:` and the partition's GUID on a GPT disk, the disk's signature and
the partition's first byte on an MBR disk (seen in real hives; libyal winreg-kb, "Mounted devices"). The
letter in `SystemRoot` is that of the volume that holds Windows, whatever MountedDevices says.

A path of the image is one of that volume, such as `Users\Alice`. On another volume of the disk it
begins with that volume's name: its letter, as in `D:\Users\Carol`, or `volume 5:` where it has none.
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
#: The letter that a Windows has which does not say another (inferred).
USUAL_DRIVE = "C:"
_LETTER = re.compile(r"\\DosDevices\\([A-Z]:)", re.IGNORECASE)
#: What Windows writes before a path that its object manager is to take as it is (documented).
_PREFIXES = ("\\??\\", "\\\\?\\", "\\\\.\\", "\\DosDevices\\")
_DRIVE = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a path that Windows wrote leads.

    Attributes:
        volume: the number of a volume of this image; None where the path leads elsewhere: to another
            disk, a removable drive or a server.
        path: the path in the image; as it was written where it leads elsewhere.
    """

    volume: int | None
    path: str


def mounted_as(place: VolumeRange) -> bytes | None:
    """The data by which MountedDevices names a partition; None where the disk has no partitions."""
    if place.scheme == "gpt":
        return b"DMIO:ID:" + UUID(place.id).bytes_le
    if place.scheme == "mbr":
        return struct.pack("<IQ", int(place.disk, 16), place.offset)
    return None


def letters(
    mounted: Mapping[str, bytes], partitions: Mapping[bytes, int], drive: str, own: int
) -> dict[str, int]:
    """Say which volume of the image has which drive letter.

    Args:
        mounted: the values of MountedDevices.
        partitions: how MountedDevices names the partitions of the image, and their numbers.
        drive: the letter of the volume that holds Windows.
        own: that volume's number.
    """
    found = {
        named[1].upper(): partitions[data]
        for name, data in mounted.items()
        if (named := _LETTER.fullmatch(name)) and partitions.get(data, own) != own
    }
    return {**found, drive.upper(): own}


def split(text: str) -> tuple[str, str]:
    r"""Split a path that Windows wrote into its drive letter, or nothing, and the rest.

    `\??\C:\x` gives (`C:`, `\x`), `\x` gives (“”, `\x`).
    """
    for prefix in _PREFIXES:
        if text.lower().startswith(prefix.lower()) and _DRIVE.match(text, len(prefix)):
            text = text[len(prefix) :]
            break
    return (text[:2].upper(), text[2:]) if _DRIVE.match(text) else ("", text)


def is_elsewhere(text: str) -> bool:
    r"""Whether a path without a drive letter leads to no volume: `\\server\share`, `\Device\…`."""
    return text.startswith("\\\\") or text.lower().startswith(("\\device\\", "\\??\\", "//"))


def split_volume(path: str) -> tuple[str, str]:
    r"""Split a path of the image into the name of another volume, or nothing, and the path there."""
    first, _, rest = path.partition("\\")
    return (first, rest) if first.endswith(":") else ("", path)


class Volumes:
    """The volume that holds Windows, with the disk's other volumes below their names.

    A `Tree`. The names are asked for when a path first has one.

    Attributes:
        own: the volume that holds Windows.
        others: opens each of the other volumes, by its number.
        partitions: how MountedDevices names the partitions of the disk, and their numbers.
        names: returns the names of the other volumes, such as `D:`, by their numbers.
        opened: those of the others that were needed so far.
        read_only: whether nothing can be written.
    """

    def __init__(
        self,
        own: Tree,
        others: Mapping[int, Callable[[], Tree]] | None = None,
        partitions: Mapping[bytes, int] | None = None,
        names: Callable[[], Mapping[int, str]] = dict,
    ) -> None:
        """Take the volumes.

        Args:
            own: the volume that holds Windows.
            others: what opens each of the others, by its number; called once, when it is needed.
            partitions: see above.
            names: returns the names of the other volumes, such as `D:`, by their numbers.
        """
        self.own = own
        self.others = others or {}
        self.partitions = partitions or {}
        self.names = names
        self.opened: dict[int, Tree] = {}
        self.read_only = own.read_only

    def volume_of(self, path: str) -> int | None:
        """The number of the other volume that a path of the image is on; None for Windows' own."""
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
        """See `Tree.list`. The other volumes are not listed among the root's entries."""
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
        """See `Tree.rename`; TreeError where the new path is on another volume."""
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
        """Close every volume that was opened."""
        for tree in (*self.opened.values(), self.own):
            tree.close()


def named(number: int, drives: Mapping[str, int], *inside: str) -> str:
    """Name another volume, or a path on it."""
    drive = next((drive for drive, one in drives.items() if one == number), f"volume {number}:")
    return join(drive, *inside)
