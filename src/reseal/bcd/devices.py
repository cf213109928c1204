r"""Device elements: the location of an application, an operating system or a RAM disk image.

The data of a device element is little-endian. It starts with the GUID of an object with further
options (zero: none). The device follows:

| offset | size | what |
|---|---|---|
| 0 | 4 | type: 0 block device, 5 boot, 6 partition, 8 locate |
| 4 | 4 | flags: 1 for a RAM disk that has options, else 0 |
| 8 | 4 | size of the device in bytes, including this 16-byte header |
| 12 | 4 | 0 |
| 16 | | data of the type |

Partition: 16 bytes identify it (GPT: its GUID; MBR: its byte offset on the disk, 8 bytes); 4 are zero (a
local disk); 4 give the table (0 GPT, 1 MBR); 16 identify the disk (GUID; MBR signature, 4 bytes); 16 are
zero.

Block device: 4 bytes give the kind (3 RAM disk, 5 file, 6 virtual disk). RAM disk and virtual disk have
20 zero bytes next. A file or RAM disk then has a file path: version 1, its size, 5, a device, and a
NUL-terminated path. A virtual disk has the device of its file.

Locate: 4 bytes give the mode (0: use the path in another element of the object, 1: use this path). The
number of that element follows, then the offset of the device to search (0: all disks), a NUL-terminated
path, and that device.

Marks: partition, file and RAM disk are seen in real stores; the GPT and MBR forms of a partition are also
reported (mistyprojects.co.uk, BCDEdit, Devices Partition - Data). Type numbers are reported (ReactOS,
boot/environ/include/bl.h). Virtual disks, and locate inside one, are reported (a public decoder of
stores by the author of qthivex). Two forms are inferred: locate on all disks has offset 0 and the same
layout; boot has the size of a partition, all zero.
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
_LOCATE = struct.Struct("<III")  # mode, element, offset of the device to search

_BLOCK, _BOOT, _PARTITION_TYPE, _LOCATE_TYPE = 0, 5, 6, 8
_RAM_DISK, _FILE, _VIRTUAL_DISK = 3, 5, 6
_GPT, _MBR = 0, 1
_FILE_PATH_VERSION, _FULL_PATH = 1, 5
_RESERVED = bytes(20)
_LOCATE_ELEMENT, _LOCATE_PATH = 0, 1

#: A RAM disk in a file in a virtual disk in a located file nests 6 devices; real ones don't go deeper.
_MAX_DEPTH = 8
NO_OPTIONS = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Boot:
    """The device that the boot manager was loaded from."""


@dataclass(frozen=True, slots=True)
class GptPartition:
    """A partition of a GPT disk: the GUIDs of both."""

    partition: UUID
    disk: UUID


@dataclass(frozen=True, slots=True)
class MbrPartition:
    """A partition of an MBR disk: its byte offset and the disk signature."""

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

    The object that the element refers to holds its options, such as boot.sdi.
    """

    parent: Device
    path: str


@dataclass(frozen=True, slots=True)
class VirtualDisk:
    """A VHD or VHDX. `Locate` finds the partitions inside."""

    file: Device


@dataclass(frozen=True, slots=True)
class Locate:
    """The first volume on which a path exists.

    Attributes:
        element: the element of the same object that holds the path; 0 if `path` holds it.
        path: the path, or empty.
        parent: the device whose volumes are searched; None for all devices.
    """

    element: int = 0
    path: str = ""
    parent: Device | None = None


@dataclass(frozen=True, slots=True)
class Raw:
    """A device of an unknown type or layout, as stored, with its header."""

    data: bytes


Device: TypeAlias = Boot | GptPartition | MbrPartition | File | RamDisk | VirtualDisk | Locate | Raw


@dataclass(frozen=True, slots=True)
class DeviceValue:
    """The value of a device element.

    Attributes:
        device: the device.
        options: GUID of the object with its options; `NO_OPTIONS` for none.
    """

    device: Device
    options: UUID = NO_OPTIONS


def decode(data: bytes) -> DeviceValue | None:
    """Decode a device element, or return None if it is too short.

    A device that would not encode to the same bytes is returned as `Raw`, so `encode` always restores
    the original data.
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
    """Decode a device. The caller detects errors by encoding the result again."""
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
    """Read a NUL-terminated path; return it and the offset after the NUL."""
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
            # The same size as a partition, which replaces it at boot.
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
