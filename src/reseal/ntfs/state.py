"""The state in which Windows left a volume: version, label, dirty flag, $LogFile, hibernation."""

from __future__ import annotations

import ctypes
import struct
from dataclasses import dataclass
from typing import Literal

from reseal.ntfs import records
from reseal.ntfs.mount import Mount
from reseal.tree import TreeError

#: VOLUME_IS_DIRTY: chkdsk runs at the next boot (documented).
DIRTY = 0x0001

HIBERNATION_FILE = "hiberfil.sys"
#: The file in $Extend that holds a volume's USN journal (documented).
_JOURNAL = "$UsnJrnl"
#: Start of hiberfil.sys if it holds a system to resume; lower case in Windows 7 and earlier (seen in
#: libntfs-3g).
_HIBERNATED = (b"HIBR", b"hibr")
_HIBERNATION_HEADER = 4096

#: Version in a restart page of $LogFile that means that Windows has metadata of the volume in its
#: hibernated memory (Windows 8 and later; seen in libntfs-3g).
_LOG_VERSION_CACHED = (2, 0)

Hibernation = Literal["none", "hibernated", "fast startup"]


@dataclass(frozen=True, slots=True)
class State:
    """The state in which Windows left a volume.

    Attributes:
        label: the volume label, which may be empty.
        version: NTFS version, such as (3, 1).
        flags: flags of $VOLUME_INFORMATION.
        log_clean: whether $LogFile has nothing for Windows to replay.
        hibernation: "hibernated" if hiberfil.sys holds a system (full hibernation or fast startup).
            "fast startup" if the volume has no such file, but $LogFile shows that a Windows after a fast
            startup shutdown has this volume's metadata in memory; the log of a disk that was unplugged
            looks the same.
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
    """Read the state of a mounted volume. Raises TreeError if the volume is damaged."""
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
    """Return whether $LogFile is clean, and whether it shows that metadata is cached elsewhere."""
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
        # NTFS before 3.0 has no $Extend, and so no journal.
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
        # An unreadable file may hold a system.
        return True
    # A file too short for a header marks a volume whose hibernated system is on another volume.
    return len(header) < _HIBERNATION_HEADER or header[:4] in _HIBERNATED
