"""Block devices of this computer: which one a path leads to, what identifies it, and who uses it.

An image is a file, or a block device that holds a raw disk: a logical volume, a ZFS volume, an RBD or
iSCSI device. reseal keeps the overlay and the journal of a device in a scratch folder, under a name that
comes from what the device is rather than from the name that the kernel gave it.

Sources: the kernel's Documentation/ABI (sysfs-block, sysfs-bus-rbd), proc_pid_mountinfo(5),
proc_pid_fdinfo(5), open(2) on O_EXCL with block devices, documented; that a claim of a partition excludes
one of its disk, and the reverse: seen with Linux 6.18.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from reseal.disk.device import DiskError
from reseal.errors import os_errors

#: What identifies a device in its folder of sysfs, the best first: device mapper (LVM), SCSI, NVMe, virtio.
_IDS = ("dm/uuid", "device/wwid", "wwid", "wwn", "device/serial", "serial", "loop/backing_file")
#: Links that udev makes for devices that sysfs has no identity of.
_LINKS = ("zvol/", "rbd/", "disk/by-id/")
#: Where /sys, /proc and /run are; a test has a folder of its own.
ROOT = Path("/")
_MAX_TEXT = 4096
#: Programs that are named of those that have a device open.
_NAMED = 3


def is_block(path: Path) -> bool:
    """Tell whether a path leads to a block device."""
    try:
        return stat.S_ISBLK(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def canonical(path: Path, root: Path = ROOT) -> Path:
    """Return the one path of a device that all its names lead to.

    Two nodes for one device are two files to the kernel's file locks.

    Args:
        path: the device, symbolic links resolved.
        root: where sysfs and /dev are.
    """
    name = _fields(_folder(path, root) / "uevent").get("DEVNAME")
    node = root / "dev" / name if name else path
    same = is_block(node) and node.stat().st_rdev == path.stat().st_rdev
    return node if same else path


def lasting_name(path: Path, root: Path = ROOT) -> Path:
    """Return a name of a device that a restart of the computer does not give to another."""
    mapped = _text(_folder(path, root) / "dm/name")
    links = [one.removeprefix("link ") for one in ids(path, root) if one.startswith("link ")]
    for name in (f"mapper/{mapped}" if mapped else "", *links):
        named = root / "dev" / name
        if name and is_block(named) and named.stat().st_rdev == path.stat().st_rdev:
            return named
    return path


def size_of(path: Path) -> int:
    """Return the bytes of a file or of a block device."""
    with os_errors(f"{path} can't be opened", DiskError):
        number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        return os.lseek(number, 0, os.SEEK_END)
    finally:
        os.close(number)


def ids(path: Path, root: Path = ROOT) -> list[str]:
    """Return what identifies a device whatever its name is, the best first; nothing for a file.

    A snapshot of a device in a storage system may have the same.
    """
    if not is_block(path):
        return []
    folder = _folder(path, root)
    partition = _text(folder / "partition")
    disk = folder.resolve().parent if partition else folder
    suffix = f" partition {partition}" if partition else ""
    found = [f"{name} {text}{suffix}" for name in _IDS if (text := _text(disk / name))]
    pool, image = _text(disk / "device/pool"), _text(disk / "device/name")
    if pool and image:
        found.append(f"rbd {pool}/{image}{suffix}")
    udev = root / "run/udev/data" / f"b{_number(path)}"
    links = [line[2:] for line in _lines(udev) if line.startswith("S:")]
    return found + sorted(f"link {one}" for one in links if one.startswith(_LINKS))


def find(known: str, root: Path = ROOT) -> Path | None:
    """Return the device of this computer that has an identity, or None.

    Args:
        known: one of the `ids`.
        root: where sysfs and /dev are.
    """
    nodes = (root / "dev" / name.replace("!", "/") for name in _names(root / "sys/class/block"))
    return next((one for one in nodes if is_block(one) and known in ids(one, root)), None)


def key(path: Path, root: Path = ROOT) -> str:
    """Return the name under which a device's files are in the scratch folder."""
    return key_of((*ids(path, root), f"name {path.name}")[0])


def key_of(known: str) -> str:
    """Return a name for files that is made of an identity, one of the `ids`."""
    shown = re.sub(r"[^A-Za-z0-9_-]+", "-", known.partition(" ")[2]).strip("-")[-80:]
    return f"{shown}-{hashlib.sha256(known.encode()).hexdigest()[:12]}"


def is_read_only(path: Path, root: Path = ROOT) -> bool:
    """Tell whether a device refuses to be written."""
    return _text(_folder(path, root) / "ro") == "1"


def state(path: Path, root: Path = ROOT) -> tuple[int, ...]:
    """Return numbers that differ when another program has written or replaced a file or a device.

    A device has no time of its last change; the kernel counts the sectors that were written to it. What
    waits in memory is written first, so that it is not taken for a later write.
    """
    status = path.stat()
    if not stat.S_ISBLK(status.st_mode):
        return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
    number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        os.fsync(number)
        size = os.lseek(number, 0, os.SEEK_END)
    finally:
        os.close(number)
    counted = _text(_folder(path, root) / "stat").split()
    written = int(counted[6]) if len(counted) > 6 else 0
    return status.st_dev, status.st_ino, status.st_rdev, size, written


def read_by_state(path: Path) -> tuple[Path, ...]:
    """Return the files that `state` opens, for a worker that may open nothing else."""
    return (path, (_folder(path, ROOT) / "stat").resolve()) if is_block(path) else ()


def user(path: Path, root: Path = ROOT) -> str | None:
    """Say who on this computer uses a device in a way that excludes reseal; None for none.

    Args:
        path: the device.
        root: where /sys and /proc are.

    Returns:
        A clause, such as `its partition sda2 is mounted on /mnt`.
    """
    return next(_users(path, root), None)


def _users(path: Path, root: Path) -> Iterator[str]:
    own = _folder(path, root)
    parts = {_text(one / "dev"): one.name for one in _partitions(own)}
    named = {
        _number(path): "it",
        **{number: f"its partition {name}" for number, name in parts.items()},
    }
    for line in _lines(root / "proc/self/mountinfo"):
        fields = line.split(" ")
        if len(fields) > 4 and fields[2] in named:
            yield f"{named[fields[2]]} is mounted on {_unescaped(fields[4])}"
    for folder, what in (
        (own, "it"),
        *((one, f"its partition {one.name}") for one in _partitions(own)),
    ):
        for holder in _names(folder / "holders"):
            mapped = _text(root / "sys/class/block" / holder / "dm/name")
            yield f"{what} is used by {holder}" + (f" ({mapped})" if mapped else "")
    for loop in _names(root / "sys/class/block"):
        file = _text(root / "sys/class/block" / loop / "loop/backing_file")
        if file and file == str(path):
            yield f"the loop device {loop} is on it"
    writers = list(_writers({*named, _whole(own)}, root))
    if writers:
        more = " and others" if len(writers) > _NAMED else ""
        yield f"it is open for writing by {', '.join(writers[:_NAMED])}{more}"


def claim(path: Path) -> int:
    """Open a device exclusively, and return the descriptor.

    Raises:
        BlockingIOError: the kernel uses it (mounts, swap, RAID, LVM, ZFS), or another program has claimed it.
    """
    try:
        return os.open(path, os.O_RDONLY | os.O_EXCL | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.EBUSY:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)) from error
        raise


def _writers(numbers: set[str], root: Path) -> Iterator[str]:
    """Yield the other processes, as far as they can be seen, with one of these devices open for writing."""
    for process in _names(root / "proc"):
        if not process.isdigit() or (process == str(os.getpid()) and root == ROOT):
            continue
        for number in _names(root / "proc" / process / "fd"):
            link = root / "proc" / process / "fd" / number
            try:
                status = link.stat() if os.readlink(link).startswith("/") else None  # noqa: PTH115
            except OSError:  # it was closed, or is not ours to see
                continue
            if (
                status is None
                or not stat.S_ISBLK(status.st_mode)
                or _pair(status.st_rdev) not in numbers
            ):
                continue
            flags = _fields(root / "proc" / process / "fdinfo" / number, ":\t").get("flags", "0")
            if int(flags, 8) & os.O_ACCMODE != os.O_RDONLY:
                name = _text(root / "proc" / process / "comm") or "a process"
                yield f"{name} (process {process})"
                break


def _folder(path: Path, root: Path) -> Path:
    return root / "sys/dev/block" / _number(path)


def _number(path: Path) -> str:
    return _pair(path.stat().st_rdev)


def _pair(device: int) -> str:
    return f"{os.major(device)}:{os.minor(device)}"


def _partitions(folder: Path) -> list[Path]:
    return [folder / name for name in _names(folder) if (folder / name / "partition").exists()]


def _whole(folder: Path) -> str:
    """Return the number of the disk that a partition is on; empty where it is not a partition."""
    return _text(folder.resolve().parent / "dev") if (folder / "partition").exists() else ""


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208  names are all that is needed
    except OSError:
        return []


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(errors="replace").splitlines()
    except OSError:
        return []


def _text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(_MAX_TEXT).decode(errors="replace").strip()
    except OSError:
        return ""


def _fields(file: Path, between: str = "=") -> dict[str, str]:
    pairs = (line.partition(between) for line in _text(file).splitlines())
    return {name: value.strip() for name, _, value in pairs}


def _unescaped(name: str) -> str:
    """Undo the octal escapes of mountinfo."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), name)
