"""In which state Windows left a volume: version, label, dirty flag, $LogFile, hibernation."""

from __future__ import annotations

import ctypes
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from reseal.ntfs import records
from reseal.tree import TreeError

if TYPE_CHECKING:
    from reseal.ntfs.mount import Mount

#: VOLUME_IS_DIRTY: chkdsk runs at the next boot (documented).
DIRTY = 0x0001

HIBERNATION_FILE = "hiberfil.sys"
#: The folder $Extend holds it where a volume has a journal of changes (documented: USN journal).
_JOURNAL = "$UsnJrnl"
#: The file's first page starts with this where it holds a system to resume; Windows 7 and before
#: wrote it in lower case (as libntfs-3g judges; seen there).
_HIBERNATED = (b"HIBR", b"hibr")
_HIBERNATION_HEADER = 4096

#: The version in a restart page of $LogFile that says that Windows keeps metadata of the volume in
#: its hibernated memory (Windows 8 and later; as libntfs-3g judges).
_LOG_VERSION_CACHED = (2, 0)

Hibernation = Literal["none", "hibernated", "fast startup"]


@dataclass(frozen=True, slots=True)
class State:
    """How Windows left a volume.

    Attributes:
        label: the volume's name, which may be empty.
        version: of NTFS, such as (3, 1).
        flags: of $VOLUME_INFORMATION.
        log_clean: whether $LogFile holds nothing that Windows would still replay.
        hibernation: "hibernated" where hiberfil.sys holds a system, be it a whole one or what
            fast startup keeps; "fast startup" where no such file is here, but $LogFile says that a
            Windows that was shut down that way keeps this volume's metadata in memory (the log of
            a disk that was unplugged looks the same).
        journal: whether the volume has a USN journal.
    """

    label: str
    version: tuple[int, int]
    flags: int
    log_clean: bool
    hibernation: Hibernation
    journal: bool

    @property
    def dirty(self) -> bool:
        """Whether the volume's dirty flag is set."""
        return bool(self.flags & DIRTY)


def read(mount: Mount) -> State:
    """Read the state of a mounted volume. Raises TreeError where the volume is damaged."""
    with mount.inode(records.VOLUME, "$Volume") as inode:
        label = records.decode_name(inode.read(records.VOLUME_NAME, size=256))
        information = inode.read(records.VOLUME_INFORMATION)
    major, minor, flags = struct.unpack_from("<8xBBH", information.ljust(12, b"\0"))
    log_clean, cached = _log(mount)
    hibernation: Hibernation = "none"
    if _is_hibernated(mount):
        hibernation = "hibernated"
    elif cached:
        hibernation = "fast startup"
    return State(label, (major, minor), flags, log_clean, hibernation, _has_journal(mount))


def _log(mount: Mount) -> tuple[bool, bool]:
    """Return whether $LogFile is clean, and whether it says that metadata is cached elsewhere."""
    calls = mount.calls
    free = ctypes.CDLL(None).free
    free.argtypes = (ctypes.c_void_p,)
    page = ctypes.c_void_p()

    def check(opened: int) -> tuple[bool, bool]:
        readable = mount.call(calls.ntfs_check_logfile, opened, ctypes.byref(page))
        clean = bool(readable) and bool(mount.call(calls.ntfs_is_logfile_clean, opened, page))
        cached = False
        if page.value:
            minor, major = struct.unpack("<HH", ctypes.string_at(page.value + 26, 4))
            cached = (major, minor) == _LOG_VERSION_CACHED
        return clean and not cached, cached

    with mount.inode(records.LOG_FILE, "$LogFile") as inode:
        try:
            return inode.with_attribute(records.DATA, "", check)
        finally:
            free(page)


def _has_journal(mount: Mount) -> bool:
    try:
        with mount.inode(records.EXTEND, "$Extend") as folder:
            return folder.is_directory and mount.lookup(folder, _JOURNAL) is not None
    except TreeError:
        # Volumes of NTFS before 3.0 have no such folder, and no journal.
        return False


def _is_hibernated(mount: Mount) -> bool:
    with mount.inode(records.ROOT, "") as root:
        reference = mount.lookup(root, HIBERNATION_FILE)
    if reference is None:
        return False
    try:
        with mount.inode(reference, HIBERNATION_FILE) as inode:
            header = inode.read(records.DATA, size=_HIBERNATION_HEADER)
    except TreeError:
        # What can't be read may hold a system.
        return True
    # A file too short for a header marks a volume of a hibernated system that lies elsewhere.
    return len(header) < _HIBERNATION_HEADER or header[:4] in _HIBERNATED
