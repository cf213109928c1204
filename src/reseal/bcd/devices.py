r"""Device elements: where an application, an operating system or a RAM disk image lies.

The data of a device element (all little-endian) is the GUID of an object with more options (zero:
none) and a device:

| offset | size | what |
|---|---|---|
| 0 | 4 | type: 0 block device, 5 boot, 6 partition, 8 locate |
| 4 | 4 | flags: 1 for a RAM disk that has options, else 0 |
| 8 | 4 | size of the device in bytes, these 16 included |
| 12 | 4 | 0 |
| 16 | | what the type needs |

Partition: 16 bytes that name it (GPT: its GUID; MBR: its first byte on the disk, 8 bytes), 4 zero
(a local disk), 4 for the table (0 GPT, 1 MBR), 16 that name the disk (GUID; MBR signature, 4 bytes),
16 zero. Block device: 4 for the kind (3 RAM disk, 5 file, 6 virtual disk); of a RAM disk and a virtual
disk 20 more, zero; then, of a file or RAM disk, a file path: version 1, its size, 5, a device and a
path with its NUL; of a virtual disk the device that is the file. Locate: 4 for the manner (0: the path
that another element of the object holds, 1: this path), that element's number, the offset of the
device to look in (0: every disk), a path with its NUL, that device.

Marks: partition, file and RAM disk are seen in real stores, the GPT and MBR forms of a partition also
reported (mistyprojects.co.uk, BCDEdit, Devices Partition - Data). Type numbers are reported (ReactOS,
boot/environ/include/bl.h). Virtual disks and locate inside one are reported (a public decoder of
stores by the author of qthivex). Locate without a device to look in has the same form with offset 0, and
boot has the size of a partition, all zero: both inferred.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

_GUID = 16
_HEADER = struct.Struct("<IIII")  # type, flags, size, zero
_PARTITION = struct.Struct("<16sII16s16x")
_FILE_PATH = struct.Struct("<III")  # version, size, kind of path
_LOCATE = struct.Struct("<III")  # manner, element, offset of the device to look in

_BLOCK, _BOOT, _PARTITION_TYPE, _LOCATE_TYPE = 0, 5, 6, 8
_RAM_DISK, _FILE, _VIRTUAL_DISK = 3, 5, 6
_GPT, _MBR = 0, 1
_FILE_PATH_VERSION, _FULL_PATH = 1, 5
_RESERVED = bytes(20)
_LOCATE_ELEMENT, _LOCATE_PATH = 0, 1

#: A RAM disk in a file in a virtual disk in a file that is located: 6. More is no real device.
_MAX_DEPTH = 8
NO_OPTIONS = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Boot:
    """The device that the boot manager came from."""


@dataclass(frozen=True, slots=True)
class GptPartition:
    """A partition of a GPT disk, by the ids of both."""

    partition: UUID
    disk: UUID


@dataclass(frozen=True, slots=True)
class MbrPartition:
    """A partition of an MBR disk: its first byte, and the disk's signature."""

    offset: int
    signature: int


@dataclass(frozen=True, slots=True)
class File:
    """A file that is treated as a device."""

    parent: Device
    path: str


@dataclass(frozen=True, slots=True)
class RamDisk:
    """A file that is loaded into memory and treated as a device.

    Its options (the boot.sdi to use) are the object that the element names.
    """

    parent: Device
    path: str


@dataclass(frozen=True, slots=True)
class VirtualDisk:
    """A VHD or VHDX; partitions in it are found with `Locate`."""

    file: Device


@dataclass(frozen=True, slots=True)
class Locate:
    """The first volume on which a path exists.

    Attributes:
        element: the element of the same object that holds the path; 0 where `path` is meant.
        path: the path itself, or empty.
        parent: the device whose volumes are searched; None for all.
    """

    element: int = 0
    path: str = ""
    parent: Device | None = None


@dataclass(frozen=True, slots=True)
class Raw:
    """A device of a kind or form that is not known, as stored; header included."""

    data: bytes


Device: TypeAlias = Boot | GptPartition | MbrPartition | File | RamDisk | VirtualDisk | Locate | Raw


@dataclass(frozen=True, slots=True)
class DeviceValue:
    """The value of a device element.

    Attributes:
        device: the device.
        options: the object with more options for it; `NO_OPTIONS` for none.
    """

    device: Device
    options: UUID = NO_OPTIONS


def decode(data: bytes) -> DeviceValue | None:
    """Decode a device element; None where it is too short to be one.

    What is not understood to the last byte comes back as `Raw`, so that `encode` always gives the
    same bytes.
    """
    if len(data) < _GUID:
        return None
    return DeviceValue(_device(data[_GUID:], 0), UUID(bytes_le=data[:_GUID]))


def encode(value: DeviceValue) -> bytes:
    """Encode a device element."""
    return value.options.bytes_le + _encoded(value.device)


def _device(data: bytes, depth: int) -> Device:
    try:
        device = _parsed(data, depth)
    except (struct.error, UnicodeDecodeError, ValueError):
        return Raw(data)
    return device if _encoded(device) == data else Raw(data)


def _parsed(data: bytes, depth: int) -> Device:
    """Decode a device; what it gets wrong is found by encoding it again."""
    kind, _, size, _ = _HEADER.unpack_from(data)
    if size != len(data) or depth > _MAX_DEPTH:
        return Raw(data)
    body = data[_HEADER.size :]
    if kind == _BOOT:
        return Boot()
    if kind == _PARTITION_TYPE:
        partition, _, table, disk = _PARTITION.unpack_from(body)
        if table == _GPT:
            return GptPartition(UUID(bytes_le=partition), UUID(bytes_le=disk))
        offset, signature = (int.from_bytes(part, "little") for part in (partition, disk))
        return MbrPartition(offset, signature)
    if kind == _LOCATE_TYPE:
        manner, element, offset = _LOCATE.unpack_from(body)
        path, end = _text(body, _LOCATE.size)
        parent = _device(body[end:], depth + 1) if offset else None
        return Locate(element if manner == _LOCATE_ELEMENT else 0, path, parent)
    if kind == _BLOCK:
        return _block(body, depth)
    return Raw(data)


def _block(body: bytes, depth: int) -> Device:
    (kind,) = struct.unpack_from("<I", body)
    inner = body[4:] if kind == _FILE else body[4 + len(_RESERVED) :]
    if kind == _VIRTUAL_DISK:
        return VirtualDisk(_device(inner, depth + 1))
    if kind not in {_FILE, _RAM_DISK}:
        raise ValueError(kind)
    _, _, parent_size, _ = _HEADER.unpack_from(inner, _FILE_PATH.size)
    start = _FILE_PATH.size + parent_size
    parent = _device(inner[_FILE_PATH.size : start], depth + 1)
    path, _ = _text(inner, start)
    return File(parent, path) if kind == _FILE else RamDisk(parent, path)


def _text(data: bytes, start: int) -> tuple[str, int]:
    """Read a path that ends with a NUL; return it and where the NUL ends."""
    end = start
    while data[end : end + 2] != b"\0\0":
        if end + 2 > len(data):
            raise ValueError(end)
        end += 2
    return data[start:end].decode("utf-16-le"), end + 2


def _encoded(device: Device) -> bytes:
    match device:
        case Raw(data):
            return data
        case Boot():
            # As long as a partition, which takes its place at boot.
            return _headed(_BOOT, bytes(_PARTITION.size))
        case GptPartition(partition, disk):
            body = _PARTITION.pack(partition.bytes_le, 0, _GPT, disk.bytes_le)
            return _headed(_PARTITION_TYPE, body)
        case MbrPartition(offset, signature):
            numbers = offset.to_bytes(_GUID, "little"), signature.to_bytes(_GUID, "little")
            return _headed(_PARTITION_TYPE, _PARTITION.pack(numbers[0], 0, _MBR, numbers[1]))
        case File(parent, path):
            return _headed(_BLOCK, struct.pack("<I", _FILE) + _file_path(parent, path))
        case RamDisk(parent, path):
            body = struct.pack("<I", _RAM_DISK) + _RESERVED + _file_path(parent, path)
            return _headed(_BLOCK, body, flags=1)
        case VirtualDisk(file):
            return _headed(_BLOCK, struct.pack("<I", _VIRTUAL_DISK) + _RESERVED + _encoded(file))
        case Locate(element, path, parent):
            manner = _LOCATE_ELEMENT if element else _LOCATE_PATH
            named = _zero_ended(path)
            offset = _HEADER.size + _LOCATE.size + len(named) if parent else 0
            body = _LOCATE.pack(manner, element, offset) + named
            return _headed(_LOCATE_TYPE, body + (_encoded(parent) if parent else b""))


def _headed(kind: int, body: bytes, *, flags: int = 0) -> bytes:
    return _HEADER.pack(kind, flags, _HEADER.size + len(body), 0) + body


def _file_path(parent: Device, path: str) -> bytes:
    inner = _encoded(parent) + _zero_ended(path)
    size = _FILE_PATH.size + len(inner)
    return _FILE_PATH.pack(_FILE_PATH_VERSION, size, _FULL_PATH) + inner


def _zero_ended(path: str) -> bytes:
    return (path + "\0").encode("utf-16-le")
