"""Build NTFS volumes for tests and samples from plain Python data."""

from __future__ import annotations

import ctypes
import struct
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from reseal.errors import EngineError
from reseal.ntfs import Volume
from reseal.tree import COMPRESSED, join

#: Default time: 2024-01-01 00:00 UTC, in 100 ns since 1601.
SAMPLE_TIME = 133_485_408_000_000_000

#: WOF's reparse data for a CompactOS file with XPRESS4K: WOF version 1, provider 2 (files), provider version
#: 1, algorithm 0 (documented, wofapi).
WOF_XPRESS4K = struct.pack("<IIII", 1, 2, 1, 0)

#: A synthetic $EFS attribute: a header with its length, and no content.
EFS_SIZE = 84


def link_to(target: str) -> tuple[int, bytes]:
    r"""Return tag and data of a junction to a path such as `\??\D:\Users`, or of a relative symbolic link."""
    name = target.encode("utf-16-le")
    head = struct.pack("<4H", 0, len(name), len(name), 0)
    if target.startswith("\\"):
        return 0xA0000003, head + name
    return 0xA000000C, head + struct.pack("<I", 1) + name


@dataclass(frozen=True, slots=True)
class File:
    """A file to create.

    Attributes:
        data: content of the unnamed stream.
        attributes: READONLY, HIDDEN, SYSTEM and ARCHIVE bits; None for Windows' default.
        descriptor: self-relative security descriptor; None inherits from the folder.
        streams: named data streams.
        reparse: tag and data of a reparse point.
        compressed: whether the file system compresses it (LZNT1).
        hole: size of a hole that replaces `data`, as in a CompactOS file.
        encrypted: whether it has the attribute bits and $EFS attribute of an EFS file; the content is not
            really encrypted.
        modified: 100 ns since 1601-01-01 UTC.
    """

    data: bytes = b""
    attributes: int | None = None
    descriptor: bytes | None = None
    streams: Mapping[str, bytes] = field(default_factory=dict)
    reparse: tuple[int, bytes] | None = None
    compressed: bool = False
    hole: int = 0
    encrypted: bool = False
    modified: int = SAMPLE_TIME


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder to create with more properties than a plain dict has; fields as in `File`."""

    entries: TreeSpec = field(default_factory=dict)
    attributes: int | None = None
    descriptor: bytes | None = None
    reparse: tuple[int, bytes] | None = None
    encrypted: bool = False
    modified: int = SAMPLE_TIME


#: Content by name: bytes or `File` for a file, a dict or `Folder` for a folder.
TreeSpec: TypeAlias = Mapping[str, "bytes | File | Folder | TreeSpec"]


def ntfs_volume(
    path: Path,
    size: int,
    *,
    cluster_size: int = 4096,
    sector_size: int = 512,
    label: str = "",
) -> None:
    """Create an empty NTFS volume in a file, with the same bytes each time.

    Args:
        path: the file to create or replace.
        size: bytes of the volume.
        cluster_size: bytes of a cluster.
        sector_size: bytes of a sector.
        label: the volume label.

    Raises:
        EngineError: mkntfs is missing or fails.
    """
    with path.open("wb") as file:
        file.truncate(size)
    command = [
        *("mkntfs", "--force", "--quiet", "--quick", "--zero-time"),
        *("--cluster-size", str(cluster_size), "--sector-size", str(sector_size)),
        *("--partition-start", "2048", "--heads", "255", "--sectors-per-track", "63"),
        *("--label", label, str(path), str(size // sector_size)),
    ]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        msg = "mkntfs is not installed."
        raise EngineError(msg, hint="Install it: apt install ntfs-3g.") from error
    except subprocess.CalledProcessError as error:
        msg = f"mkntfs failed: {error.stderr.strip()}"
        raise EngineError(msg) from error


def populate(volume: Volume, tree: TreeSpec, path: str = "") -> None:
    """Create files and folders in a folder of a volume.

    Args:
        volume: the volume, open for writing.
        tree: content by name: bytes or `File` for a file, a dict or `Folder` for a folder.
        path: path of the existing folder.
    """
    for name, spec in tree.items():
        entry = join(path, name)
        if isinstance(spec, bytes):
            _make_file(volume, entry, File(spec))
        elif isinstance(spec, File):
            _make_file(volume, entry, spec)
        else:
            folder = spec if isinstance(spec, Folder) else Folder(spec)
            volume.make_directory(entry, descriptor=folder.descriptor)
            populate(volume, folder.entries, entry)
            _finish(volume, entry, folder)


def _make_file(volume: Volume, path: str, file: File) -> None:
    if file.compressed:
        _make_compressed(volume, path, file)
    else:
        volume.create(path, file.data, descriptor=file.descriptor)
    if file.hole:
        with volume._changed(path) as inode:  # Tree can't create holes
            inode.truncate("", file.hole)
    for stream, data in file.streams.items():
        volume.write(path, data, stream=stream)
    _finish(volume, path, file)


def _make_compressed(volume: Volume, path: str, file: File) -> None:
    # The library compresses a file only if it is created in a compressed folder.
    folder = f"{path}~"
    volume.make_directory(folder)
    with volume._changed(folder) as inode:  # Tree can't set this attribute
        inode.file_attributes |= COMPRESSED
    inside = join(folder, "file")
    descriptor = file.descriptor
    volume.create(inside, file.data, descriptor=descriptor)
    volume.rename(inside, path)
    volume.delete(folder)


def _finish(volume: Volume, path: str, spec: File | Folder) -> None:
    if spec.reparse:
        tag, data = spec.reparse
        volume.set_reparse(path, struct.pack("<IHH", tag, len(data), 0) + data)
    if spec.encrypted:
        _encrypt(volume, path, spec)
    if spec.attributes is not None:
        volume.set_attributes(path, spec.attributes)
    volume.set_times(path, created=spec.modified, modified=spec.modified)


def _encrypt(volume: Volume, path: str, spec: File | Folder) -> None:
    """Restore an entry as encrypted, with libntfs-3g's function for backups of encrypted files."""
    if isinstance(spec, File):
        # Encrypted content is padded to sectors; a backup ends with the length of the padding.
        padding = -len(spec.data) % 512
        data = spec.data + bytes(padding) + struct.pack("<H", padding)
        volume.write(path, data)
    restore = volume._mount.calls.ntfs_set_efs_info
    restore.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int)
    header = struct.pack("<I", EFS_SIZE).ljust(EFS_SIZE, b"\0")
    with volume._changed(path) as inode:
        if volume._mount.call(restore, inode.pointer, header, len(header), 0):
            raise volume._mount.error("can't be encrypted", path)
