"""An NTFS volume as a tree of files."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Self

from reseal.errors import UsageError
from reseal.ntfs import boot, content, directory, names, records, security, slack, state
from reseal.ntfs.cache import BlockCache
from reseal.ntfs.errors import DirtyVolumeError, HibernatedError
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

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from reseal.disk.device import Device
    from reseal.ntfs.inode import Inode

#: The name of what exists only for a moment.
_PASSING = "reseal.tmp"
_SETTABLE = READONLY | HIDDEN | SYSTEM | ARCHIVE


class Volume(VolumeReader):
    r"""An NTFS volume on a device; implements `reseal.tree.Tree`.

    `$LogFile` of a cleanly closed volume holds nothing to replay and is left as it is: changes are
    written without being logged. A writable open refuses a volume whose log is not clean. Nothing
    enters the USN journal (`$Extend\$UsnJrnl`), which is left alone: what reads it in Windows does
    not learn of the changes. New files get no generated short name.

    Attributes:
        name: what messages call the volume.
        read_only: whether nothing may be written.
        boot: its geometry and serial number.
        state: how Windows left it, as found when it was opened.
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

        A volume that is dirty or hibernated opens read-only, and shows what was last written to it;
        `state` says so.

        Args:
            device: stays the caller's to close, after the volume.
            read_only: write nothing at all.
            name: what messages call the volume.
            discard_hibernation: open a hibernated volume for writing nevertheless. The memory of
                that Windows is lost, and with it what it had not written; where the log is not
                clean it is emptied and the dirty flag set, so that chkdsk runs at the next boot.
                The caller deletes hiberfil.sys.

        Raises:
            BitLockerError, NotNtfsError: it holds none that can be opened.
            VolumeError: it is cut off, or its file system is damaged.
            DirtyVolumeError: writable, and Windows did not close the volume cleanly.
            HibernatedError: writable, and Windows is hibernated.
            TreeError: a file by which its state is judged is damaged.
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
            # Nothing was changed yet, and what the cache holds is dropped.
            mount.abandon()
            raise
        return volume

    def _make_writable(self, *, discard_hibernation: bool) -> None:
        found = self.state
        if found.hibernation != "none":
            if not discard_hibernation:
                msg = (
                    f"Windows is hibernated on {self.name}, or was shut down with fast startup: "
                    "what is on the disk is not all there is."
                )
                raise HibernatedError(
                    msg,
                    hint="Start Windows and shut it down fully (shutdown /s /t 0), "
                    "or use --discard-hibernation and lose what it had not saved.",
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

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def dirty(self) -> bool:
        """Whether the dirty flag was set when the volume was opened."""
        return self.state.dirty

    @property
    def bytes_read(self) -> int:
        """Bytes that the device was asked for since the volume was opened."""
        return self._cache.bytes_read

    @property
    def bytes_written(self) -> int:
        """Bytes that were handed to the device since the volume was opened."""
        return self._cache.bytes_written

    # Writing

    @contextmanager
    def _changed(self, path: str) -> Iterator[Inode]:
        """Open what a path names in order to change it."""
        self._require_writable()
        with self._entry(path) as inode:
            yield inode

    def _require_writable(self) -> None:
        if self.read_only:
            msg = f"{self.name} is open read-only."
            raise TreeError(msg)

    def write(self, path: str, data: bytes, *, stream: str = "") -> None:
        """Replace the content of an existing file, keeping the file itself with all it carries.

        A WOF-compressed file loses its reparse point and WofCompressedData stream; an
        LZNT1-compressed one is rewritten whole. A named stream that is missing is added.
        """
        with self._changed(path) as inode:
            content.replace(inode, stream, data)
            self._mark_written(inode)

    def expand(self, path: str, data: bytes) -> None:
        """Make a file of CompactOS the plain file that programs see; its times stay.

        Args:
            path: of the file.
            data: its content, decompressed.
        """
        with self._changed(path) as inode:
            created, modified, accessed, _ = inode.times
            content.replace(inode, "", data)
            inode.set_times(created, modified, accessed)

    def patch(self, path: str, offset: int, data: bytes) -> None:
        """Write `data` at `offset` of an existing file's unnamed stream, growing it if needed.

        Compressed files are rewritten whole, as by `write`; a gap is filled with zeros.
        """
        with self._changed(path) as inode:
            content.patch(inode, offset, data)
            self._mark_written(inode)

    @staticmethod
    def _mark_written(inode: Inode) -> None:
        inode.touch()
        attributes = inode.file_attributes
        if not attributes & (ARCHIVE | DIRECTORY):
            inode.file_attributes = attributes | ARCHIVE

    def create(self, path: str, data: bytes = b"", *, descriptor: bytes | None = None) -> None:
        """Create a file, with the ARCHIVE attribute, as Windows does.

        Args:
            path: of the new file, in an existing folder.
            data: its content.
            descriptor: self-relative; None: inherited from the folder, owner Administrators and
                group SYSTEM (see `reseal.ntfs.security.inherit`).

        Raises:
            TreeError: it exists, the name is not one that Windows takes, or the volume is full.
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
                    msg = f"{path} on {self.name} exists already."
                    raise TreeError(msg)
                if descriptor is None:
                    descriptor = security.inherit(folder.descriptor(), directory=is_directory)
                with self._mount.new_inode(
                    folder, path, records.encode_name(name), is_directory=is_directory
                ) as inode:
                    made = True
                    inode.set_descriptor(descriptor)
                    if is_directory:
                        # The library sets ARCHIVE on folders, too; Windows does not.
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
        """Declare a new name of 8.3 form to be the file's short name as well, as Windows does.

        The library makes names that are only case-sensitive ones, which Windows takes, too.
        """
        folder, reference = self._resolve(parent(path)), self._resolve(path)
        if folder is not None and reference is not None:
            self._mount.make_short(folder, reference, names.split(path)[-1])

    def delete(self, path: str) -> None:
        """Delete a file, an empty folder or a link, read-only or not.

        Of a file with several hard links only this name goes.
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
            # Windows leaves an emptied index block behind, which the library takes for content; it
            # is gone after the library itself has removed the last name.
            passing = join(path, _PASSING)
            self._create(passing, b"", None)
            self._unlink(passing)
        self._mount.unlink(folder, reference, names.split(path)[-1], path)
        self._renamed.discard(reference & records.RECORD_MASK)

    def rename(self, path: str, new_path: str) -> None:
        """Move an entry inside the volume; TreeError where `new_path` exists.

        A new path that differs in case only is allowed. The short name of the old name is lost. What
        the old name leaves in free space is wiped when the volume is closed.
        """
        self._require_writable()
        reference = self._resolve(path)
        folder, new_folder = self._resolve(parent(path)), self._resolve(parent(new_path))
        if reference is None or folder is None or new_folder is None or not names.split(path):
            msg = f"{path} on {self.name} can't be moved to {new_path}: there is no such path."
            raise TreeError(msg)
        existing = self._resolve(new_path)
        name, new_name = names.split(path)[-1], (names.split(new_path) or [""])[-1]
        if existing == reference and folder == new_folder and name != new_name:
            passing = join(parent(path), _PASSING)
            self.rename(path, passing)
            self.rename(passing, new_path)
            return
        if existing is not None or not new_name:
            msg = f"{path} on {self.name} can't be moved: {new_path} exists already."
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
        """Set two times of an entry, in 100 ns since 1601-01-01 UTC; that of access too."""
        with self._changed(path) as inode:
            inode.set_times(created, modified, modified)

    def set_reparse(self, path: str, data: bytes) -> None:
        """Make an entry a reparse point; `data` has tag and length at its head."""
        with self._changed(path) as inode:
            inode.set_reparse(data)

    def remove_reparse(self, path: str) -> None:
        """Remove an entry's reparse data, and leave its content as it is."""
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
        """Empty $LogFile, so that nothing in it can be replayed over what was written past it."""
        self._require_writable()
        self._mount.check(
            self._mount.call(self._mount.calls.ntfs_logfile_reset, self._mount.volume),
            "can't get an empty log",
            "",
        )

    @contextmanager
    def metadata(self, record: int) -> Iterator[Inode]:
        """Open a file record by its number, also one of the file system's own. To be read only."""
        with self._mount.inode(record, f"file record {record}") as inode:
            yield inode

    @property
    def device(self) -> Device:
        """The device below, past the cache; what was written and not yet flushed is not there."""
        return self._cache.device

    def read_raw(self, offset: int, size: int) -> bytes:
        """Return bytes of the volume itself, whatever file they belong to."""
        return self._cache.read(offset, size)

    def write_raw(self, offset: int, data: bytes) -> None:
        """Write bytes of the volume itself, outside what libntfs-3g keeps in memory."""
        self._require_writable()
        self._cache.write(offset, data)

    def close(self) -> None:
        """Unmount, and hand everything written to the device. Closing twice is allowed."""
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
