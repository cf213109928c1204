"""The layout of a WIM file, read without libwim ([MS-WIM], documented)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

_TABLE, _XML, _INTEGRITY = 48, 72, 124
_METADATA = 0x02


@dataclass
class Layout:
    """What lies in a WIM, as it lies there.

    Attributes:
        metadata: the metadata resource of each image, in order.
        blobs: SHA-1 to a file's data, as they are stored.
        xml: the XML data.
        integrity: whether there is an integrity table.
        guid: of the file.
    """

    metadata: list[bytes]
    blobs: dict[bytes, bytes]
    xml: str
    integrity: bool
    guid: bytes


def _place(data: bytes, offset: int) -> tuple[int, int, int]:
    size = int.from_bytes(data[offset : offset + 7], "little")
    return struct.unpack_from("<Q", data, offset + 8)[0], size, data[offset + 7]


def layout(path: Path) -> Layout:
    """Take a WIM without solid resources apart."""
    data = path.read_bytes()
    start, size, _ = _place(data, _TABLE)
    metadata, blobs = [], {}
    for entry in range(start, start + size, 50):
        offset, length, flags = _place(data, entry)
        stored = data[offset : offset + length]
        if flags & _METADATA:
            metadata.append(stored)
        else:
            blobs[data[entry + 30 : entry + 50]] = stored
    start, size, _ = _place(data, _XML)
    xml = data[start : start + size].decode("utf-16")
    return Layout(metadata, blobs, xml, _place(data, _INTEGRITY)[1] > 0, data[24:40])


def images(xml: str) -> list[str]:
    """The element of each image in the XML data."""
    return [part.partition("</IMAGE>")[0] for part in xml.split("<IMAGE ")[1:]]


def with_xml(path: Path, target: Path, xml: str) -> None:
    """Write a WIM with other XML data, at its end."""
    data = bytearray(path.read_bytes())
    raw = b"\xff\xfe" + xml.encode("utf-16-le")
    place = struct.pack("<Q", len(raw) | 0x02 << 56) + struct.pack("<QQ", len(data), len(raw))
    data[_XML : _XML + 24] = place
    target.write_bytes(bytes(data) + raw)
