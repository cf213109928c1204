"""A FAT volume as a tree of files whose content can be changed."""

from __future__ import annotations

from typing import TypeAlias

from reseal.disk.device import Device
from reseal.fat import boot, directory
from reseal.fat.boot import BootSector
from reseal.fat.directory import Entry
from reseal.fat.errors import FatError
from reseal.fat.table import Table
from reseal.tree import DIRECTORY, Stat

_ROOT = "\\"
#: A file may have clusters beyond its size; more than this number is treated as damage.
_SPARE_CLUSTERS = 4096


#: `FatVolume.list` hides the name of the type in its class.
Clusters: TypeAlias = "list[int]"
Entries: TypeAlias = "list[Entry]"
Listing: TypeAlias = "list[Stat]"


class FatVolume:
    """A FAT12, FAT16 or FAT32 volume on a device.

    It has `stat` and `read` of `reseal.tree.Tree`. `write` and `patch` change existing files, directly on
    the device, without updating the modification time.

    Attributes:
        name: name of the volume in messages.
        read_only: whether writing is refused.
        boot: its geometry.
    """

    def __init__(self, device: Device, sector: BootSector, name: str, *, read_only: bool) -> None:
        self.name = name
        self.read_only = read_only
        self.boot = sector
        self._device = device
        self._table = Table(device, sector, name)

    @classmethod
    def open(cls, device: Device, *, read_only: bool = True, name: str = "volume") -> FatVolume:
        """Open the volume on a device.

        Args:
            device: fills the volume.
            read_only: refuse to write.
            name: name of the volume in messages.

        Raises:
            NotFatError: the volume is not FAT.
            FatError: the volume is damaged.
        """
        return cls(device, boot.read(device, name), name, read_only=read_only)

    def stat(self, path: str) -> Stat | None:
        """See `Tree.stat`."""
        if not path:
            return Stat("", True, 0, DIRECTORY, 0, 0)
        found = self._find(path)
        return _stat(found[0]) if found else None

    def list(self, path: str) -> Listing:
        """List a directory, without `.` and `..`.

        Raises:
            FatError: the directory does not exist.
        """
        clusters = self._directory(path)
        if clusters is None:
            msg = f"{path} on {self.name} is not a folder."
            raise FatError(msg)
        return [_stat(one) for one in self._entries(clusters) if one.name not in {".", ".."}]

    def read(
        self, path: str, offset: int = 0, size: int | None = None, *, stream: str = ""
    ) -> bytes:
        """See `Tree.read`. FAT does not have named streams."""
        entry, _ = self._file(f"{path}:{stream}" if stream else path)
        end = entry.size if size is None else min(entry.size, offset + size)
        if offset >= end:
            return b""
        clusters = self._clusters(entry)
        unit = self.boot.cluster_size
        wanted = clusters[offset // unit : -(-end // unit)]
        data = b"".join(self._device.read(self._offset(one), unit) for one in wanted)
        start = offset % unit
        return data[start : start + end - offset]

    def write(self, path: str, data: bytes) -> None:
        """Replace the content of an existing file; its size may change.

        Raises:
            FatError: the file does not exist, or the volume is full or read-only.
        """
        self._require_writable()
        entry, place = self._file(path)
        clusters = self._resized(entry, place, len(data))
        self._put(clusters, 0, data)

    def patch(self, path: str, offset: int, data: bytes) -> None:
        """Write `data` at `offset` of an existing file, growing it if needed.

        Args:
            path: path of the file.
            offset: byte offset; a gap after the old end is filled with zeros.
            data: bytes to write.

        Raises:
            FatError: the file does not exist, or the volume is full or read-only.
        """
        self._require_writable()
        entry, place = self._file(path)
        if offset > entry.size:
            # The gap must not expose the old content of the clusters.
            data = bytes(offset - entry.size) + data
            offset = entry.size
        clusters = self._resized(entry, place, max(entry.size, offset + len(data)))
        self._put(clusters, offset, data)

    def close(self) -> None:
        """Do nothing: writes are not buffered, and the caller closes the device."""

    # Paths

    def _find(self, path: str) -> tuple[Entry, int] | None:
        """Return an entry and its byte offset on the device."""
        folder, _, name = path.strip(_ROOT).rpartition(_ROOT)
        clusters = self._directory(folder)
        for entry in self._entries(clusters) if clusters is not None else ():
            if entry.called(name):
                return entry, self._position(clusters or [], entry.position)
        return None

    def _file(self, path: str) -> tuple[Entry, int]:
        found = self._find(path)
        if found is None or found[0].is_directory:
            msg = f"{path} on {self.name} is not a file."
            raise FatError(msg)
        return found

    def _directory(self, path: str) -> Clusters | None:
        """Return the clusters of a directory, or None if it does not exist.

        The fixed root directory of FAT12 and FAT16 has no clusters.
        """
        clusters = self._chain(self.boot.root_cluster) if self.boot.root is None else []
        for name in filter(None, path.split(_ROOT)):
            for entry in self._entries(clusters):
                if entry.is_directory and entry.called(name):
                    break
            else:
                return None
            clusters = self._chain(entry.cluster)
        return clusters

    def _chain(self, first: int) -> Clusters:
        clusters = self._table.chain(first, directory.MAX_SIZE // self.boot.cluster_size + 1)
        if not clusters:
            msg = f"The FAT volume {self.name} is damaged: a folder has no content."
            raise FatError(msg, "Check it with fsck.vfat or chkdsk.")
        return clusters

    def _entries(self, clusters: Clusters) -> Entries:
        if clusters:
            unit = self.boot.cluster_size
            data = b"".join(self._device.read(self._offset(one), unit) for one in clusters)
        else:
            assert self.boot.root
            data = self._device.read(*self.boot.root)
        return [*directory.entries(data, wide=self.boot.bits == 32)]

    def _position(self, clusters: Clusters, position: int) -> int:
        if not clusters:
            assert self.boot.root
            return self.boot.root[0] + position
        unit = self.boot.cluster_size
        return self._offset(clusters[position // unit]) + position % unit

    # Content

    def _offset(self, cluster: int) -> int:
        return self.boot.data + (cluster - boot.FIRST_CLUSTER) * self.boot.cluster_size

    def _clusters(self, entry: Entry) -> Clusters:
        needed = -(-entry.size // self.boot.cluster_size)
        if not entry.cluster:
            clusters: Clusters = []
        else:
            clusters = self._table.chain(entry.cluster, needed + _SPARE_CLUSTERS)
        if len(clusters) < needed:
            msg = f"The FAT volume {self.name} is damaged: {entry.name} is shorter than it says."
            raise FatError(msg, "Check it with fsck.vfat or chkdsk.")
        return clusters

    def _resized(self, entry: Entry, place: int, size: int) -> Clusters:
        """Resize a file to `size` bytes; return its clusters."""
        clusters = self._clusters(entry)
        needed = -(-size // self.boot.cluster_size)
        if needed > len(clusters):
            clusters = self._table.extend(clusters, needed - len(clusters))
        elif needed < len(clusters):
            clusters = self._table.cut(clusters, needed)
        first = clusters[0] if clusters else 0
        if (first, size) != (entry.cluster, entry.size):
            raw = self._device.read(place, boot.ENTRY_SIZE)
            self._device.write(place, directory.changed(raw, first, size))
        return clusters

    def _put(self, clusters: Clusters, offset: int, data: bytes) -> None:
        unit = self.boot.cluster_size
        position = 0
        while position < len(data):
            cluster, inside = divmod(offset + position, unit)
            part = data[position : position + unit - inside]
            self._device.write(self._offset(clusters[cluster]) + inside, part)
            position += len(part)

    def _require_writable(self) -> None:
        if self.read_only:
            msg = f"{self.name} is open for reading only."
            raise FatError(msg)


def _stat(entry: Entry) -> Stat:
    # FAT stores local time in an unknown time zone, so no time is reported.
    return Stat(entry.name, entry.is_directory, entry.size, entry.attributes, 0, 0)
