"""Disks in archives: in an OVA or a box read where they lie, in a compressed file unpacked first.

An OVA is a tar with an OVF descriptor and disks (documented: DMTF DSP0243); a box of Vagrant is a tar with a
disk, often compressed. The archive is read in a worker, since it may be hostile.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, TypeVar, cast

from reseal.disk.device import DiskError
from reseal.errors import os_errors
from reseal.hostfile import open_regular
from reseal.interruption import temporary_folder
from reseal.sandbox import Limits
from reseal.worker import run_worker
from reseal.xml import XmlError, parse

#: Suffixes of archives.
ARCHIVES = (".ova", ".box")
_DISKS = (".vmdk", ".qcow2", ".vhd", ".vhdx", ".vdi", ".raw", ".img")
_MAGIC = {".gz": b"\x1f\x8b", ".xz": b"\xfd7zXZ\0", ".bz2": b"BZh"}
#: Bounds: an OVA has a handful of files, and its descriptor some KiB.
_MAX_MEMBERS, _MAX_OVF = 1000, 4 << 20
_CHUNK = 4 << 20
#: The largest disk that is unpacked, in bytes: that of NTFS with common clusters.
_MAX_DISK = 16 << 40
#: How much stays free where a disk is unpacked, in bytes.
_RESERVE = 256 << 20
_OVF = "{http://schemas.dmtf.org/ovf/envelope/1}"
_RASD = "{http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData}"
#: Controllers by ResourceType (documented: CIM_ResourceAllocationSettingData).
_CONTROLLERS = {"5": "IDE", "6": "SCSI", "20": "SATA"}
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Inside:
    """Where a disk lies in an archive.

    Attributes:
        name: its name in the archive.
        offset: its first byte in the archive.
        size: its bytes.
        firmware: what the OVF says starts it: `uefi`, `bios` or None.
        controller: the controller of its disk, as the OVF names it; None if unknown.
    """

    name: str
    offset: int
    size: int
    firmware: str | None = None
    controller: str | None = None


def find(path: Path) -> Inside | None:
    """Return the disk in an archive; None if the file is not one.

    Raises:
        DiskError: it is damaged, or holds no disk or several.
    """
    if path.suffix.lower() not in ARCHIVES or compression(path):
        return None
    limits = Limits(reads=(path.parent,))
    found = run_worker(lambda _: asdict(_find(path)), subject=str(path), limits=limits)
    return Inside(**found)


def compression(path: Path) -> str | None:
    """Return how a file is compressed, as a suffix; None if it is not, or is not named so."""
    suffix = path.suffix.lower()
    if suffix not in {*_MAGIC, *ARCHIVES}:
        return None
    try:
        with open_regular(path) as file:
            start = file.read(8)
    except OSError:
        return None
    kinds = [kind for kind, magic in _MAGIC.items() if start.startswith(magic)]
    return next((kind for kind in kinds if suffix in {kind, *ARCHIVES}), None)


@contextmanager
def unpacked(path: Path, kind: str) -> Iterator[Path]:
    """Unpack a compressed disk, or the disk in a compressed archive, into a folder for temporary files.

    Args:
        path: the file.
        kind: how it is compressed, as `compression` returns it.

    Raises:
        DiskError: it is damaged, too large, or the file system is full.
    """
    with temporary_folder() as folder:
        limits = Limits(reads=(path.parent,), writes=(folder,))
        found = run_worker(
            lambda _: {"name": _unpack(path, kind, folder)}, subject=str(path), limits=limits
        )
        yield folder / found["name"]


def _find(path: Path) -> Inside:
    disks: list[tarfile.TarInfo] = []
    told: dict[str, Any] = {}
    with _reading(path), tarfile.open(path, "r:") as archive:
        for member in _members(archive, path):
            suffix = Path(member.name).suffix.lower()
            if suffix == ".ovf" and member.size <= _MAX_OVF:
                content = archive.extractfile(member)
                told = _told(content.read() if content else b"", path)
            elif suffix in _DISKS:
                disks.append(member)
    one = _only(disks, [member.name for member in disks], path)
    if one.issparse() or one.offset_data + one.size > path.stat().st_size:
        raise _damaged(path, "its disk is not wholly in it")
    return Inside(Path(one.name).name, one.offset_data, one.size, **told)


def _members(archive: tarfile.TarFile, path: Path) -> Iterator[tarfile.TarInfo]:
    for count, member in enumerate(archive):
        if count >= _MAX_MEMBERS:
            raise _damaged(path, f"it holds more than {_MAX_MEMBERS} files")
        if member.isfile():
            yield member


def _only(disks: list[_Item], names: list[str], path: Path) -> _Item:
    if len(disks) == 1:
        return disks[0]
    if not disks:
        raise DiskError(f"{path} holds no disk.", hint=f"A disk ends in {', '.join(_DISKS)}.")
    raise DiskError(
        f"{path} holds several disks: {', '.join(name[:100] for name in names[:10])}.",
        hint="Unpack it (tar -xf), and name the disk that holds Windows.",
    )


def _told(data: bytes, path: Path) -> dict[str, Any]:
    """Return the firmware and the controller that an OVF names."""
    try:
        root = parse(data)
    except XmlError as error:
        raise _damaged(path, f"its OVF can't be read ({error})") from error
    firmware = None
    for one in root.iter():
        tag = str(one.tag).rpartition("}")[2]
        # VMware writes a Config element, VirtualBox a Firmware element (reported: their exports).
        if tag == "Config" and _attribute(one, "key") == "firmware":
            firmware = _attribute(one, "value")
        elif tag == "Firmware":
            firmware = _attribute(one, "type")
    items = {one.findtext(f"{_RASD}InstanceID"): one for one in root.iter(f"{_OVF}Item")}
    controller = None
    for one in items.values():
        if one.findtext(f"{_RASD}ResourceType") == "17":
            above = items.get(one.findtext(f"{_RASD}Parent"))
            kind = above.findtext(f"{_RASD}ResourceType") if above is not None else None
            subtype = above.findtext(f"{_RASD}ResourceSubType") if above is not None else None
            controller = (subtype or _CONTROLLERS.get(kind or "") or "")[:40] or None
    named = {None: None, "efi": "uefi", "bios": "bios"}
    return {"firmware": named.get(firmware and firmware.lower()), "controller": controller}


def _attribute(element: Any, name: str) -> str | None:
    """Return an attribute, whatever its namespace."""
    found = (value for key, value in element.attrib.items() if key.rpartition("}")[2] == name)
    return next((str(value) for value in found), None)


@contextmanager
def _opened(path: Path, kind: str) -> Iterator[IO[bytes]]:
    readers = {".gz": gzip.GzipFile, ".xz": lzma.LZMAFile, ".bz2": bz2.BZ2File}
    with readers[kind](path, "rb") as stream:
        yield cast("IO[bytes]", stream)


def _unpack(path: Path, kind: str, folder: Path) -> str:
    """Unpack a disk into a folder; return its name there."""
    with _reading(path), _opened(path, kind) as stream:
        if path.suffix.lower() not in ARCHIVES:
            name = path.stem
            _copy(stream, folder / name, path)
            return name
        names = []
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in _members(archive, path):
                if Path(member.name).suffix.lower() in _DISKS:
                    names.append(Path(member.name).name)
                    content = archive.extractfile(member)
                    if len(names) == 1 and content:
                        _copy(content, folder / names[0], path)
        return _only(names, names, path)


def _copy(source: IO[bytes], target: Path, path: Path) -> None:
    """Copy a stream into a sparse file."""
    size = 0
    with (
        os_errors(
            f"{path} can't be unpacked",
            DiskError,
            "Free some space, or name another folder in TMPDIR.",
        ),
        target.open("xb") as file,
    ):
        while data := _read(source, path):
            size += len(data)
            if size > _MAX_DISK:
                raise _damaged(path, f"it holds more than {_MAX_DISK >> 40} TiB")
            if data.count(0) == len(data):
                file.seek(len(data), os.SEEK_CUR)
                continue
            status = os.fstatvfs(file.fileno())
            if status.f_bavail * status.f_frsize < _RESERVE:
                raise DiskError(
                    f"{path} can't be unpacked: {target.parent.parent} is nearly full.",
                    hint="Free some space, or name another folder in TMPDIR.",
                )
            file.write(data)
        file.truncate(size)


def _read(source: IO[bytes], path: Path) -> bytes:
    try:
        return source.read(_CHUNK)
    except (OSError, EOFError, lzma.LZMAError, ValueError, tarfile.TarError) as error:
        raise _damaged(path, str(error)) from error


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, EOFError, lzma.LZMAError, ValueError) as error:
        raise _damaged(path, str(error)) from error


def _damaged(path: Path, how: str) -> DiskError:
    return DiskError(f"{path} is damaged: {how}.", hint="Copy it again from where it came from.")
