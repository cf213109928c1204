"""Security descriptors in self-relative form (documented: MS-DTYP 2.4)."""

from __future__ import annotations

import struct

_SYSTEM = bytes.fromhex("010100000000000512000000")
_ADMINISTRATORS = bytes.fromhex("01020000000000052000000020020000")
_USERS = bytes.fromhex("01020000000000052000000021020000")

#: KEY_ALL_ACCESS and KEY_READ.
_ALL, _READ = 0xF003F, 0x20019
_CONTAINER_INHERIT = 2
_SELF_RELATIVE_WITH_DACL = 0x8004


def _allow(sid: bytes, access: int) -> bytes:
    return struct.pack("<BBHI", 0, _CONTAINER_INHERIT, 8 + len(sid), access) + sid


def build(owner: bytes, group: bytes, aces: list[bytes]) -> bytes:
    """Return a descriptor with a DACL of these access control entries."""
    size = 8 + sum(map(len, aces))
    dacl = struct.pack("<BBHHH", 2, 0, size, len(aces), 0) + b"".join(aces)
    places = (20 + size, 20 + size + len(owner), 0, 20)
    head = struct.pack("<BBHIIII", 1, 0, _SELF_RELATIVE_WITH_DACL, *places)
    return head + dacl + owner + group


#: Full access by SYSTEM and Administrators, read access by Users, all inherited by new keys.
DEFAULT = build(
    _ADMINISTRATORS,
    _SYSTEM,
    [_allow(_SYSTEM, _ALL), _allow(_ADMINISTRATORS, _ALL), _allow(_USERS, _READ)],
)
