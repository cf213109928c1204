"""An NTFS volume as a tree of files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Self, cast

from reseal.disk.device import Device
from reseal.errors import UsageError
from reseal.ntfs import boot, content, directory, names, records, security, slack, state
from reseal.ntfs.cache import BlockCache
from reseal.ntfs.errors import DirtyVolumeError, HibernatedError
from reseal.ntfs.inode import Inode
from reseal.ntfs.mount import Mount
from reseal.ntfs.raw import RawVolume
from reseal.ntfs.reader import VolumeReader
from reseal.tree import (
    ARCHIVE,
    DIRECTORY,
    HIDDEN,
    READONLY,
    SYSTEM,
    TreeError,
    join,
    parent,
)

#: Name of temporary entries.
_PASSING = "reseal.tmp"
#: Bytes that are zeroed at once.
_PIECE = 1 << 20
_SETTABLE = READONLY | HIDDEN | SYSTEM | ARCHIVE


class Volume(VolumeReader):
    r"""An NTFS volume on a device; implements `reseal.tree.Tree`.

    Changes are not logged: `$LogFile` of a cleanly closed volume has nothing to replay, and is not
    changed. A volume whose log is not clean can't be opened for writing. Changes are not recorded in the
    USN journal (`$Extend\$UsnJrnl`), so programs in Windows that read it don't see them. New files don't
    get a generated short name.

    Attributes:
        name: name of the volume in messages.
        read_only: whether writing is refused.
        boot: its geometry and serial number.
        state: the state in which Windows left it, as read on opening.
        created: files and folders created since.
        deleted: files and folders deleted since.
    """

    def __init__(self, mount: Mount, cache: BlockCache, sector: boot.BootSector) -> None:
        super().__init__(mount)
        self._cache = cache
        self._closed = False
        self.read_only = mount.read_only
        self.boot = sector
        self.state = state.read(mount)
        self._renamed: set[int] = set()
        self.created = 0
        self.deleted = 0

    @classmethod
    def open(
        cls,
        device: Device,
        *,
        read_only: bool,
        name: str,
        discard_hibernation: bool = False,
    ) -> Self:
        """Open the volume that fills a device.

        A dirty or hibernated volume opens read-only, and shows what was last written to it. See `state`.

        Args:
            device: the device. The caller closes it after the volume.
            read_only: refuse to write.
            name: name of the volume in messages.
            discard_hibernation: open a hibernated volume for writing. The hibernated session and its
                unsaved data are lost. If the log is not clean, it is emptied and the dirty flag is
                set, so that chkdsk runs at the next boot. The caller deletes hiberfil.sys.

        Raises:
            BitLockerError, NotNtfsError: the device does not hold a readable NTFS volume.
            VolumeError: the volume is truncated, or its file system is damaged.
            DirtyVolumeError: writable, and Windows did not close the volume cleanly.
            HibernatedError: writable, and Windows is hibernated.
            TreeError: a file that determines the state is damaged.
            EngineError: libntfs-3g is missing.
        """
        if device.read_only and not read_only:
            msg = f"{name} can't be opened for writing: its device is read-only."
            raise UsageError(msg)
        sector = boot.read(device, name)
        cache = BlockCache(device)
        mount = Mount(cache, read_only=read_only, name=name)
        try:
            volume = cls(mount, cache, sector)
            if not read_only:
                volume._make_writable(discard_hibernation=discard_hibernation)
        except BaseException:
            # Nothing has been written to the device; the cache is dropped.
            mount.abandon()
            raise
        return volume

    def _make_writable(self, *, discard_hibernation: bool) -> None:
        found = self.state
        if found.hibernation != "none":
            if not discard_hibernation:
                msg = (
                    f"Windows is hibernated on {self.name}, or was shut down with fast startup: "
                    "part of its state is only in the hibernation file."
                )
                raise HibernatedError(
                    msg,
                    hint="Start Windows and shut it down fully (shutdown /s /t 0), "
                    "or use --discard-hibernation, which loses unsaved data.",
                )
        elif found.dirty or not found.log_clean:
            what = "is marked dirty" if found.dirty else "was not closed cleanly by Windows"
            msg = f"{self.name} {what}."
            raise DirtyVolumeError(
                msg, hint="Start Windows, let chkdsk repair the volume, and shut it down fully."
            )
        if not found.log_clean:
            self.reset_log()
            self.set_dirty(dirty=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def dirty(self) -> bool:
        """Whether the dirty flag was set when the volume was opened."""
        return self.state.dirty

    @property
    def bytes_read(self) -> int:
        """Bytes read from the device since the volume was opened."""
        return self._cache.bytes_read

    @property
    def bytes_written(self) -> int:
        """Bytes written to the device since the volume was opened."""
        return self._cache.bytes_written

    # Writing

    @contextmanager
    def _changed(self, path: str) -> Iterator[Inode]:
        """Open an entry for changing."""
        self._require_writable()
        with self._entry(path) as inode:
            yield inode

    def _require_writable(self) -> None:
        if self.read_only:
            msg = f"{self.name} is open read-only."
            raise TreeError(msg)

    def write(self, path: str, data: bytes, *, stream: str = "") -> None:
        """See `Tree.write`."""
        with self._changed(path) as inode:
            content.replace(inode, stream, data, self._clear)
            self._mark_written(inode)

    def expand(self, path: str, data: bytes) -> None:
        """Replace a CompactOS file by a plain file with the given content; its times stay."""
        with self._changed(path) as inode:
            created, modified, accessed, _ = inode.times
            content.replace(inode, "", data, self._clear)
            inode.set_times(created, modified, accessed)

    def patch(self, path: str, offset: int, data: bytes) -> None:
        """See `Tree.patch`."""
        with self._changed(path) as inode:
            content.patch(inode, offset, data, self._clear)
            self._mark_written(inode)

    def _clear(self, inode: Inode, stream: str) -> None:
        """Zero the clusters of a stream; see `content.replace`."""
        # The library holds no content, and has written the records that the cache shows.
        if inode.number is None:
            return
        raw = RawVolume(cast("Device", self._cache), self.name)
        for one in raw.value(inode.number, records.DATA, stream).extents:
            if one.place is None:
                continue
            for start in range(0, one.length, _PIECE):
                self._cache.write(one.place + start, bytes(min(_PIECE, one.length - start)))

    @staticmethod
    def _mark_written(inode: Inode) -> None:
        inode.touch()
        attributes = inode.file_attributes
        if not attributes & (ARCHIVE | DIRECTORY):
            inode.file_attributes = attributes | ARCHIVE

    def create(self, path: str, data: bytes = b"", *, descriptor: bytes | None = None) -> None:
        """Create a file with the ARCHIVE attribute, as Windows does.

        Args:
            path: path of the new file, in an existing folder.
            data: its content.
            descriptor: self-relative security descriptor. None inherits from the folder, with owner
                Administrators and group SYSTEM (see `reseal.ntfs.security.inherit`).

        Raises:
            TreeError: the file exists, Windows does not accept the name, or the volume is full.
        """
        self._create(path, data, descriptor)
        self.created += 1

    def make_directory(self, path: str, *, descriptor: bytes | None = None) -> None:
        """Create one folder. `descriptor` as in `create`."""
        self._create(path, None, descriptor)
        self.created += 1

    def _create(self, path: str, data: bytes | None, descriptor: bytes | None) -> None:
        self._require_writable()
        name = names.split(path)[-1] if path else ""
        is_directory = data is None
        made = False
        try:
            with self._folder(parent(path)) as folder:
                if self._mount.lookup(folder, name) is not None:
                    msg = f"{path} on {self.name} already exists."
                    raise TreeError(msg)
                if descriptor is None:
                    descriptor = security.inherit(folder.descriptor(), directory=is_directory)
                with self._mount.new_inode(
                    folder, path, records.encode_name(name), is_directory=is_directory
                ) as inode:
                    made = True
                    inode.set_descriptor(descriptor)
                    if is_directory:
                        # Unlike Windows, the library sets ARCHIVE on folders.
                        inode.file_attributes &= ~ARCHIVE
                    elif data:
                        inode.write("", 0, data)
        except TreeError:
            if made:
                with suppress(TreeError):
                    self._unlink(path)
            raise
        if names.is_short(name):
            self._declare_short(path)

    def _declare_short(self, path: str) -> None:
        """Make a new 8.3 name the file's short name as well, as Windows does.

        The library creates names in the POSIX namespace only, which Windows also accepts.
        """
        folder, reference = self._resolve(parent(path)), self._resolve(path)
        if folder is not None and reference is not None:
            self._mount.make_short(folder, reference, names.split(path)[-1])

    def delete(self, path: str) -> None:
        """Delete a file, an empty folder or a link, even if it is read-only.

        For a file with several hard links, only this one is deleted.
        """
        self._require_writable()
        self._unlink(path)
        self.deleted += 1

    def _unlink(self, path: str) -> None:
        reference = self._resolve(path)
        folder = self._resolve(parent(path))
        if reference is None or folder is None or reference == records.ROOT:
            msg = f"{path or 'The root'} on {self.name} can't be deleted: it does not exist."
            raise TreeError(msg)
        with self._mount.inode(reference, path) as inode:
            if inode.is_directory and any(True for _ in directory.entries(inode)):
                msg = f"{path} on {self.name} is not empty."
                raise TreeError(msg)
            hollow = inode.attribute(records.INDEX_ALLOCATION, directory.INDEX_NAME) is not None
        if hollow:
            # Windows keeps empty index blocks, which the library treats as content. They disappear
            # when the library itself removes the last name.
            passing = join(path, _PASSING)
            self._create(passing, b"", None)
            self._unlink(passing)
        self._mount.unlink(folder, reference, names.split(path)[-1], path)
        self._renamed.discard(reference & records.RECORD_MASK)

    def rename(self, path: str, new_path: str) -> None:
        """Move an entry within the volume.

        The new path may differ only in case. The old short name is lost. Traces of the old name in free
        space are wiped when the volume is closed.

        Raises:
            TreeError: `path` does not exist, or `new_path` does.
        """
        self._require_writable()
        reference = self._resolve(path)
        folder, new_folder = self._resolve(parent(path)), self._resolve(parent(new_path))
        if reference is None or folder is None or new_folder is None or not names.split(path):
            msg = f"{path} on {self.name} can't be moved to {new_path}: it does not exist."
            raise TreeError(msg)
        existing = self._resolve(new_path)
        name, new_name = names.split(path)[-1], (names.split(new_path) or [""])[-1]
        if existing == reference and folder == new_folder and name != new_name:
            passing = join(parent(path), _PASSING)
            self.rename(path, passing)
            self.rename(passing, new_path)
            return
        if existing is not None or not new_name:
            msg = f"{path} on {self.name} can't be moved: {new_path} already exists."
            raise TreeError(msg)
        above = parent(new_path)
        while above:
            if self._resolve(above) == reference:
                msg = f"{path} on {self.name} can't be moved into itself."
                raise TreeError(msg)
            above = parent(above)
        self._mount.link(new_folder, reference, new_name, new_path)
        self._mount.unlink(folder, reference, name, path)
        self._renamed |= {one & records.RECORD_MASK for one in (folder, reference)}
        if names.is_short(new_name):
            self._declare_short(new_path)

    def set_attributes(self, path: str, attributes: int) -> None:
        """Set the READONLY, HIDDEN, SYSTEM and ARCHIVE bits of an entry."""
        with self._changed(path) as inode:
            inode.file_attributes = inode.file_attributes & ~_SETTABLE | attributes & _SETTABLE

    def set_descriptor(self, path: str, descriptor: bytes) -> None:
        """Set an entry's self-relative security descriptor."""
        with self._changed(path) as inode:
            inode.set_descriptor(descriptor)

    def set_times(self, path: str, *, created: int, modified: int) -> None:
        """Set the times of an entry, in 100 ns since 1601-01-01 UTC.

        Args:
            path: path of the entry.
            created: its creation time.
            modified: its modification and access time.
        """
        with self._changed(path) as inode:
            inode.set_times(created, modified, modified)

    def set_reparse(self, path: str, data: bytes) -> None:
        """Make an entry a reparse point; `data` starts with tag and length."""
        with self._changed(path) as inode:
            inode.set_reparse(data)

    def remove_reparse(self, path: str) -> None:
        """Remove an entry's reparse data; its content stays."""
        with self._changed(path) as inode:
            inode.remove_reparse()

    # The volume itself

    def set_dirty(self, *, dirty: bool) -> None:
        """Set or clear the dirty flag: whether chkdsk runs at the next boot."""
        self._require_writable()
        flags = self.state.flags & ~state.DIRTY | (state.DIRTY if dirty else 0)
        self._mount.check(
            self._mount.call(self._mount.calls.ntfs_volume_write_flags, self._mount.volume, flags),
            "can't be marked",
            "",
        )

    def reset_log(self) -> None:
        """Empty $LogFile, so that Windows does not replay it over unlogged changes."""
        self._require_writable()
        self._mount.check(
            self._mount.call(self._mount.calls.ntfs_logfile_reset, self._mount.volume),
            "can't be given an empty log",
            "",
        )

    @contextmanager
    def metadata(self, record: int) -> Iterator[Inode]:
        """Open any file record by its number, including metadata files, for reading only."""
        with self._mount.inode(record, f"file record {record}") as inode:
            yield inode

    @property
    def device(self) -> Device:
        """The device below the cache, without changes that were not flushed."""
        return self._cache.device

    def read_raw(self, offset: int, size: int) -> bytes:
        """Read raw bytes of the volume."""
        return self._cache.read(offset, size)

    def write_raw(self, offset: int, data: bytes) -> None:
        """Write raw bytes of the volume, outside the structures that libntfs-3g has in memory."""
        self._require_writable()
        self._cache.write(offset, data)

    def close(self) -> None:
        """Unmount and write all changes to the device. Closing twice is allowed."""
        if self._closed:
            return
        self._closed = True
        self._mount.close()
        if not self.read_only:
            self._cache.flush()
        if self._renamed:
            device = self._cache.device
            for offset, data in slack.wipes(RawVolume(device, self.name), sorted(self._renamed)):
                device.write(offset, data)
            device.flush()
