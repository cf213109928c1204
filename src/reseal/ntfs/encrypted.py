r"""Find the files and folders on a volume that EFS has encrypted.

Windows sets FILE_ATTRIBUTE_ENCRYPTED (0x4000) in $STANDARD_INFORMATION of an encrypted file, and of a
folder whose new files are encrypted (documented: Microsoft, "File Attribute Constants"). NTFS has no
index of these files. So the whole $MFT is read once, and one byte of each record is tested; only records
with the bit are opened, to get their names.

Layout: documented by the Linux-NTFS project. $STANDARD_INFORMATION is the first attribute of a base
record, resident and unnamed, before the first two bytes that the update sequence replaces.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from reseal.ntfs import records
from reseal.ntfs.mount import Mount
from reseal.ntfs.volume import Volume
from reseal.tree import TreeError, join

MFT = 0

#: Bytes of $MFT per read.
_PART = 8 << 20
#: Maximum size of $MFT, 16 million files; volumes in use have fewer.
MAX_MFT = 16 << 30
#: Maximum number of paths returned, and of characters in all paths and their parent folders.
MAX_PATHS = 100_000
MAX_CHARACTERS = 16 << 20
#: Maximum length of a path in Windows (documented: "Maximum Path Length Limitation").
MAX_PATH = 32_767

_SIGNATURE = b"FILE"
_IN_USE = 0x0001
#: In a file record: the offset of its first attribute, its flags, and its base record (0: itself).
_FIRST_ATTRIBUTE, _FLAGS, _BASE = 0x14, 0x16, 0x20
#: In $STANDARD_INFORMATION: offset of a resident, unnamed attribute's value, and in the value the offset
#: of the file attributes; the bit is in their second byte.
_VALUE, _ATTRIBUTES = 0x18, 0x20
_BIT_BYTE = _VALUE + _ATTRIBUTES + 1
_BIT = 0x40
#: Maps bytes with the bit to 1, so that one `bytes.find` locates the next one.
_HAS_BIT = bytes(int(bool(byte & _BIT)) for byte in range(256))
#: Offset of the first bytes that the update sequence replaces.
_FIXED_UP = 510


@dataclass(frozen=True, slots=True)
class EncryptedFiles:
    """The files and folders on a volume that EFS has encrypted.

    Attributes:
        count: number of files and folders.
        paths: their paths, sorted, one for each hard link; if there are too many, the first of them.
    """

    count: int
    paths: list[str]


def encrypted_files(volume: Volume) -> EncryptedFiles:
    """Find all files and folders that EFS has encrypted.

    Args:
        volume: open, for reading or writing.

    Raises:
        TreeError: the $MFT is implausibly large, or can't be read.
    """
    count, numbers = _encrypted_records(volume)
    names = _Names(volume._mount)
    found: list[str] = []
    for number in numbers:
        found += names.paths(number)
        if names.characters > MAX_CHARACTERS:
            break
    return EncryptedFiles(count, sorted(found[:MAX_PATHS], key=str.lower))


def _encrypted_records(volume: Volume) -> tuple[int, list[int]]:
    """Return the count of base file records with the bit, and the numbers of the first ones."""
    size = volume.boot.record_size
    count = 0
    found: list[int] = []
    with volume._mount.inode(MFT, "$MFT") as mft:
        attribute = mft.attribute(records.DATA)
        end = attribute.size if attribute else 0
        if end > MAX_MFT:
            msg = f"The $MFT of {volume.name} has an implausible size of {end} bytes."
            raise TreeError(msg)
        for start in range(0, end, _PART):
            part = mft.read(records.DATA, offset=start, size=_PART)
            indexes = sorted(_with_bit(part, size))
            count += len(indexes)
            room = MAX_PATHS - len(found)
            found += (start // size + index for index in indexes[:room])
    return count, found


def _with_bit(part: bytes, size: int) -> Iterator[int]:
    """Yield the index of each record with the bit in a part of $MFT."""
    # Windows 2000 put the first attribute at 0x30, later versions at 0x38.
    for first in set(part[_FIRST_ATTRIBUTE::size]):
        column = part[first + _BIT_BYTE :: size].translate(_HAS_BIT)
        index = column.find(1)
        while index >= 0:
            if _is_encrypted(part[index * size : (index + 1) * size], first):
                yield index
            index = column.find(1, index + 1)


def _is_encrypted(record: bytes, first: int) -> bool:
    """Whether the bit belongs to $STANDARD_INFORMATION of a base record."""
    if len(record) <= _FIXED_UP or first + _BIT_BYTE >= _FIXED_UP:
        return False
    offset, flags = struct.unpack_from("<HH", record, _FIRST_ATTRIBUTE)
    (base,) = struct.unpack_from("<Q", record, _BASE)
    kind, _, non_resident = struct.unpack_from("<IIB", record, first)
    return (
        record.startswith(_SIGNATURE)
        and bool(flags & _IN_USE)
        and not base
        and offset == first
        and kind == records.STANDARD_INFORMATION
        and not non_resident
    )


class _Names:
    """Paths of file records, with a cache of folder paths.

    Attributes:
        characters: number of characters in all paths so far, of files and folders.
    """

    def __init__(self, mount: Mount) -> None:
        self.characters = 0
        self._mount = mount
        #: None for a folder that is not connected to the root.
        self._folders: dict[int, str | None] = {records.ROOT: ""}

    def paths(self, number: int) -> list[str]:
        """Return all paths of a file; a description of the record if it has none."""
        folders = ((self._folder(parent), name) for parent, name in self._links(number))
        found = [join(folder, name) for folder, name in folders if folder is not None]
        found = found or [f"(file record {number}, in no folder)"]
        self.characters += sum(map(len, found))
        return found

    def _links(self, number: int) -> list[tuple[int, str]]:
        """Return the folder's record number and the name of each hard link."""
        try:
            with self._mount.inode(number, f"file record {number}") as inode:
                names = inode.names()
        except TreeError:  # a damaged record is counted without a name
            return []
        return [
            (one.parent & records.RECORD_MASK, one.name)
            for one in names
            if one.namespace != records.NAME_DOS
        ]

    def _folder(self, number: int) -> str | None:
        above: dict[int, str] = {}
        while number not in self._folders:
            links = self._links(number)
            # In a damaged volume, folders may contain each other.
            if not links or number in above or len(above) > MAX_PATH:
                self._folders[number] = None
                break
            above[number] = links[0][1]
            number = links[0][0]
        path = self._folders[number]
        for one, name in reversed(above.items()):
            path = None if path is None or len(path) > MAX_PATH else join(path, name)
            self._folders[one] = path
            self.characters += len(path or "")
        return path
