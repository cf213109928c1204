"""What the header of a container says, and bounded reading of it."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from reseal.disk.device import Device, DiskError, FileDevice, Slice

SECTOR = 512

#: No table of a container is read beyond this, in bytes: enough for an image of 64 TiB.
MAX_TABLE = 64 << 20
#: Nor is more read of all tables together, where each read counts for some bytes more.
_MAX_TABLES, _READ_COST = 1 << 30, 1 << 10


@dataclass(frozen=True, slots=True)
class Reference:
    """Another file that a container names as its backing file.

    Attributes:
        name: as it is written in the header.
        format: qemu's name of its format, or None where the header does not say.
    """

    name: str
    format: str | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """What a container says of a merge into it that was begun and not finished.

    Attributes:
        ident: of its journal.
        journal: where that was, for messages.
    """

    ident: str
    journal: Path


@dataclass(frozen=True, slots=True)
class Header:
    """What a container's header says.

    Attributes:
        format: "qcow2", "vhdx", "vhd", "vmdk", "vdi" or "raw".
        size: bytes of the disk inside.
        options: qemu's block driver and its options, without the files that it opens.
        backing: the file that holds what this one does not, or None.
        data_file: the file that holds a qcow2's data, where that is not the qcow2 itself.
        extents: the files that a VMDK descriptor names as the disk's content.
        extent_sizes: for each of them its least size in bytes, or None where it is sparse.
        why_read_only: why qemu can't write into such a container, or None where it can.
        snapshots: the names of the snapshots inside.
        mark: of an interrupted merge, or None.
        create: options of `qemu-img convert` that make another container of this kind.
    """

    format: str
    size: int
    options: dict[str, Any]
    backing: Reference | None = None
    data_file: str | None = None
    extents: tuple[str, ...] = ()
    extent_sizes: tuple[int | None, ...] = ()
    why_read_only: str | None = None
    snapshots: tuple[str, ...] = ()
    mark: Mark | None = None
    create: dict[str, str] = field(default_factory=dict)


class ContainerFile:
    """The file of a container, for reading its header. Everything beyond its end is an error."""

    def __init__(self, path: Path, inside: tuple[str, int, int] | None = None) -> None:
        """Open the file.

        Args:
            path: the file.
            inside: name, first byte and bytes of the container, if the file is an archive.
        """
        self._file = FileDevice(path)
        self._device: Device = self._file
        self.path = path
        if inside:
            name, offset, size = inside
            self.path = path / name
            self._device = Slice(self._file, offset, size)
        self.size = self._device.size
        self._budget = _MAX_TABLES

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, offset: int, size: int, what: str) -> bytes:
        """Return `size` bytes from `offset`; `what` names them in the error.

        Args:
            offset: byte offset in the file.
            size: number of bytes.
            what: what the bytes are, for the error.

        Raises:
            DiskError: they are not all in the file, or there are absurdly many.
        """
        self._budget -= size + _READ_COST
        if size > MAX_TABLE or self._budget < 0:
            raise self.damaged(f"its {what} can't be as long as it claims")
        self.require(offset, size, what)
        return self._device.read(offset, size)

    def fields(self, layout: str, offset: int, what: str) -> tuple[Any, ...]:
        """Return the fields of a structure, laid out as for `struct`."""
        return struct.unpack(layout, self.read(offset, struct.calcsize(layout), what))

    def starts_with(self, magic: bytes, offset: int = 0) -> bool:
        """Whether `magic` is at `offset`; false if the file ends before it."""
        inside = 0 <= offset <= self.size - len(magic)
        return inside and self._device.read(offset, len(magic)) == magic

    def require(self, offset: int, size: int, what: str) -> None:
        """Raise DiskError unless `size` bytes from `offset` lie inside the file.

        Args:
            offset: first byte of the range.
            size: bytes of the range.
            what: what the bytes are, for the error.
        """
        if offset < 0 or size < 0 or offset + size > self.size:
            raise self.truncated(
                f"its {what} should end at byte {offset + size}, the file ends at {self.size}"
            )

    def truncated(self, how: str) -> DiskError:
        """Say that the end of the file is missing."""
        return DiskError(
            f"{self.path} is truncated: {how}.",
            hint="Copy the image again from where it came from.",
        )

    def damaged(self, how: str) -> DiskError:
        """Say that the header is damaged."""
        return DiskError(f"{self.path} is damaged: {how}.")

    def refused(self, why: str, hint: str | None = None) -> DiskError:
        """Say that reseal does not open such a container."""
        return DiskError(f"{self.path} can't be opened: {why}.", hint=hint)
