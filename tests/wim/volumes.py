"""A volume with everything that a WIM has to keep."""

from __future__ import annotations

import struct
from pathlib import Path

from reseal.ntfs import Volume
from reseal.testing.volumes import File, Folder, ntfs_volume, populate
from reseal.tree import HIDDEN, READONLY, SYSTEM
from tests.ntfs.conftest import writable

MIB = 1 << 20
SYMLINK, MOUNT_POINT, OTHER = 0xA000000C, 0xA0000003, 0x8000001B


def link(target: str, *, junction: bool = False) -> tuple[int, bytes]:
    """The reparse data of a symbolic link, or of a junction."""
    substitute, shown = f"\\??\\{target}".encode("utf-16-le"), target.encode("utf-16-le")
    head = struct.pack("<4H", 0, len(substitute), len(substitute) + 2 * junction, len(shown))
    if junction:
        return MOUNT_POINT, head + substitute + b"\0\0" + shown + b"\0\0"
    return SYMLINK, head + struct.pack("<I", 0) + substitute + shown


def descriptor(owner: int) -> bytes:
    """A self-relative descriptor: an owner of a made-up machine, who may do everything."""
    sid = struct.pack("<BBHIIIIII", 1, 5, 0, 5 << 24, 21, 11, 22, 33, owner)
    ace = struct.pack("<BBHI", 0, 0, 8 + len(sid), 0x1F01FF) + sid
    acl = struct.pack("<BBHHH", 2, 0, 8 + len(ace), 1, 0) + ace
    offsets = (20, 20 + len(sid), 0, 20 + 2 * len(sid))
    return struct.pack("<BBHIIII", 1, 0, 0x8004, *offsets) + sid + sid + acl


def rich_volume(path: Path, size: int = 24 * MIB) -> None:
    """Make a volume with streams, links, short names, attributes, descriptors and odd names."""
    ntfs_volume(path, size)
    with writable(path) as volume:
        populate(
            volume,
            {
                "Windows": {
                    "System32": {
                        "Long file name.dll": bytes(range(256)) * 300,
                        "SHORT.DLL": b"short",
                        "empty.txt": b"",
                        "stream.txt": File(b"main", streams={"one": b"1" * 5000, "empty": b""}),
                        "secret.sys": File(b"x" * 999, attributes=HIDDEN | SYSTEM | READONLY),
                        "owned.bin": File(b"owned", descriptor=descriptor(1001)),
                        "packed.log": File(b"packed " * 9000, compressed=True),
                    },
                    "WinSxS": {},
                    "größe-日本-😀.txt": b"names",
                    "old.txt": File(b"old", modified=100_000_000_000_000_000),
                },
                "Users": Folder(
                    {"Public": {}, "link.txt": File(reparse=link("C:\\Windows\\old.txt"))},
                    descriptor=descriptor(1002),
                ),
                "Documents and Settings": Folder(
                    reparse=link("C:\\Users", junction=True), attributes=HIDDEN | SYSTEM
                ),
                "app.exe": File(reparse=(OTHER, b"\3\0\0\0" + "A\0B\0".encode("utf-16-le"))),
                "pagefile.sys": b"p" * 70_000,
                "hiberfil.sys": bytes(4096),
                "$RECYCLE.BIN": {"S-1-5-18": {"desktop.ini": b"[x]"}},
                "System Volume Information": {"tracking.log": b"t"},
            },
        )
        _short(volume, r"Windows\System32", "Long file name.dll", "LONGFI~1.DLL")
        _short(volume, "", "Documents and Settings", "DOCUME~1")
        _hard_link(volume, r"Windows\System32\Long file name.dll", r"Windows\WinSxS", "linked.dll")


def _hard_link(volume: Volume, path: str, folder: str, name: str) -> None:
    place, reference = volume._resolve(folder), volume._resolve(path)
    assert place is not None
    assert reference is not None
    volume._mount.link(place, reference, name, path)


def _short(volume: Volume, folder: str, name: str, short: str) -> None:
    place, reference = volume._resolve(folder), volume._resolve(f"{folder}\\{name}".strip("\\"))
    assert place is not None
    assert reference is not None
    mount = volume._mount
    with mount.inode(place, folder) as parent, mount.inode(reference, name) as inode:
        pointers = inode.release(), parent.release()
        mount.check(
            mount.call(
                mount.calls.ntfs_set_ntfs_dos_name, *pointers, short.encode(), len(short), 0
            ),
            "can't get a short name",
            name,
        )
