"""Offsets of the fields of key nodes (nk) and values (vk) in the cell's content.

Source: "Windows registry file format specification" by Maxim Suhanov (reported), checked against hives of
Windows (seen).
"""

from __future__ import annotations

import struct

#: An nk up to its name: signature, flags, last written, access bits and layered-key
#: fields, parent, subkeys, volatile subkeys, list, volatile list, values, list of values, security,
#: class, four largest lengths (the first with virtualisation flags above bit 16), work variable,
#: bytes of name, bytes of class.
NK = struct.Struct("<2sHQIIIIIIIIIIIIIIIHH")
NK_SIZE = 76
NK_FLAGS = 2
NK_TIME = 4
NK_ACCESS = 12
NK_PARENT = 16
NK_SUBKEY_COUNT = 20
NK_SUBKEYS = 28
NK_VALUE_COUNT = 36
NK_VALUES = 40
NK_SECURITY = 44
NK_CLASS = 48
NK_MAX_NAME = 52
NK_VIRTUAL = 54
NK_MAX_CLASS = 56
NK_MAX_VALUE_NAME = 60
NK_MAX_VALUE_DATA = 64
NK_NAME_SIZE = 72
NK_CLASS_SIZE = 74

#: Indexes of some fields in the tuple that `NK` unpacks.
FIELD_FLAGS = 1
FIELD_PARENT = 4
FIELD_SUBKEY_COUNT = 5
FIELD_VALUE_COUNT = 9
FIELD_VALUES = 10
FIELD_SECURITY = 11
FIELD_CLASS = 12
FIELD_CLASS_SIZE = 19

VOLATILE = 0x01
ROOT = 0x04
NO_DELETE = 0x08
SYMLINK = 0x10
COMPRESSED = 0x20
PREDEFINED = 0x40

#: A vk up to its name: signature, bytes of name, bytes of data, data, type, flags.
VK = struct.Struct("<2sHIIIHH")
VK_SIZE = 20
VK_NAME_SIZE = 2
VK_DATA_SIZE = 4
VK_DATA = 8
VK_TYPE = 12
VK_FLAGS = 16
VK_COMPRESSED = 1
#: In the data size of a vk: the data, at most four bytes, is in the offset field.
RESIDENT = 0x80000000


def new(flags: int, time: int, parent: int, security: int, stored_name: bytes) -> bytes:
    """Return the cell content of a new key without subkeys, values and class.

    Args:
        flags: flags of the nk.
        time: last-written time, FILETIME.
        parent: offset of the parent's cell.
        security: offset of the security cell.
        stored_name: the name as stored.
    """
    nil = 0xFFFFFFFF
    head = NK.pack(
        b"nk", flags, time, 0, parent, 0, 0, nil, nil, 0, nil, security, nil, 0, 0, 0, 0, 0,
        len(stored_name), 0,
    )  # fmt: skip
    return head + stored_name
