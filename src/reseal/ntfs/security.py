"""The security descriptor of a new file, inherited from its folder.

`ntfs_inherited_id` of libntfs-3g ignores all entries except plain allow and deny, and merges entries. So
this module implements the rules that Microsoft documents (MS-DTYP 2.5.3.4, the algorithms behind
CreatePrivateObjectSecurityEx).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from reseal.tree import TreeError

#: Flags of an access control entry (documented, ACE_HEADER).
OBJECT_INHERIT = 0x01
CONTAINER_INHERIT = 0x02
NO_PROPAGATE = 0x04
INHERIT_ONLY = 0x08
INHERITED = 0x10
_INHERITANCE = OBJECT_INHERIT | CONTAINER_INHERIT | NO_PROPAGATE | INHERIT_ONLY | INHERITED

#: Types of entries that have a mask directly followed by a SID: allowed, denied, audit, their callback
#: forms, mandatory label, resource attribute, scoped policy (documented, ACE_HEADER).
_PLAIN_TYPES = frozenset({0x0, 0x1, 0x2, 0x9, 0xA, 0xD, 0x11, 0x12, 0x13})

#: Control bits (documented, SECURITY_DESCRIPTOR_CONTROL).
DACL_PRESENT = 0x0004
SACL_PRESENT = 0x0010
DACL_AUTO_INHERITED = 0x0400
SACL_AUTO_INHERITED = 0x0800
SELF_RELATIVE = 0x8000

#: Mapping of generic rights for files (documented, "File Security and Access Rights").
_GENERIC = (
    (0x80000000, 0x00120089),  # GENERIC_READ
    (0x40000000, 0x00120116),  # GENERIC_WRITE
    (0x20000000, 0x001200A0),  # GENERIC_EXECUTE
    (0x10000000, 0x001F01FF),  # GENERIC_ALL
)
_GENERIC_BITS = 0xF0000000
FULL_ACCESS = 0x001F01FF

SYSTEM = bytes.fromhex("010100000000000512000000")
ADMINISTRATORS = bytes.fromhex("01020000000000052000000020020000")
CREATOR_OWNER = bytes.fromhex("010100000000000300000000")
CREATOR_GROUP = bytes.fromhex("010100000000000301000000")

_HEADER = struct.Struct("<BBHIIII")
_ACL_REVISIONS = (2, 4)


def _acl(descriptor: bytes, offset: int) -> list[bytes]:
    """Return the entries of an access control list. Raises TreeError if it is damaged."""
    if not offset:
        return []
    try:
        revision, _, size, count, _ = struct.unpack_from("<BBHHH", descriptor, offset)
        position, end = offset + 8, offset + size
        if revision not in _ACL_REVISIONS or end > len(descriptor):
            raise struct.error
        entries = []
        for _ in range(count):
            (length,) = struct.unpack_from("<H", descriptor, position + 2)
            if length < 4 or position + length > end:
                raise struct.error
            entries.append(descriptor[position : position + length])
            position += length
    except struct.error as error:
        msg = "The security descriptor of the parent folder is damaged."
        raise TreeError(msg) from error
    return entries


def _effective(entry: bytes, owner: bytes, group: bytes) -> bytes:
    """Replace creator SIDs and generic rights in an entry by the actual SIDs and rights."""
    if entry[0] not in _PLAIN_TYPES or len(entry) < 16:
        return entry
    (mask,) = struct.unpack_from("<I", entry, 4)
    for generic, rights in _GENERIC:
        if mask & generic:
            mask = mask & ~generic | rights
    sid_size = 8 + 4 * entry[9]
    sid, rest = entry[8 : 8 + sid_size], entry[8 + sid_size :]
    sid = {CREATOR_OWNER: owner, CREATOR_GROUP: group}.get(sid, sid)
    return entry[:2] + struct.pack("<HI", 8 + len(sid) + len(rest), mask) + sid + rest


def _inherited_entries(
    entries: list[bytes], owner: bytes, group: bytes, *, directory: bool, mark: int
) -> Iterator[bytes]:
    """Yield the entries that a new file or folder inherits from its folder."""
    for entry in entries:
        flags = entry[1]
        other = flags & ~_INHERITANCE & 0xFF
        if not directory:
            if flags & OBJECT_INHERIT:
                yield _effective(entry[:1] + bytes([other | mark]) + entry[2:], owner, group)
            continue
        if not flags & (OBJECT_INHERIT | CONTAINER_INHERIT):
            continue
        passed_on = flags & (OBJECT_INHERIT | CONTAINER_INHERIT)
        if not flags & CONTAINER_INHERIT:
            if not flags & NO_PROPAGATE:
                yield entry[:1] + bytes([other | passed_on | INHERIT_ONLY | mark]) + entry[2:]
            continue
        here = entry[:1] + bytes([other | mark]) + entry[2:]
        effective = _effective(here, owner, group)
        if flags & NO_PROPAGATE:
            yield effective
        elif effective == here:
            yield entry[:1] + bytes([other | passed_on | mark]) + entry[2:]
        else:
            # Actual SIDs and rights apply to the folder; children inherit the creator and generic ones.
            yield effective
            yield entry[:1] + bytes([other | passed_on | INHERIT_ONLY | mark]) + entry[2:]


def _pack_acl(entries: list[bytes]) -> bytes:
    # Object entries (types 5 to 8) need the newer revision (documented, ACL).
    revision = 4 if any(5 <= entry[0] <= 8 for entry in entries) else 2
    body = b"".join(entries)
    return struct.pack("<BBHHH", revision, 0, 8 + len(body), len(entries), 0) + body


def inherit(parent: bytes, *, directory: bool) -> bytes:
    r"""Return the descriptor of a new file or folder.

    Owner is BUILTIN\Administrators and group is SYSTEM, as for a process that runs as SYSTEM, such as
    Windows Setup and Sysprep (documented: default owner and primary group of the SYSTEM token). If the
    folder has nothing to inherit, SYSTEM and Administrators get full access. Entries are marked as
    inherited if the folder's list has SE_DACL_AUTO_INHERITED, as in all folders that Setup made (seen).

    Args:
        parent: the self-relative descriptor of the folder.
        directory: whether the new entry is a folder.

    Raises:
        TreeError: `parent` is damaged.
    """
    if len(parent) < _HEADER.size:
        msg = "The security descriptor of the parent folder is truncated."
        raise TreeError(msg)
    _, _, control, _, _, sacl_offset, dacl_offset = _HEADER.unpack_from(parent)
    owner, group = ADMINISTRATORS, SYSTEM

    def inherited(offset: int, auto: int) -> list[bytes]:
        mark = INHERITED if control & auto else 0
        return list(
            _inherited_entries(_acl(parent, offset), owner, group, directory=directory, mark=mark)
        )

    dacl = inherited(dacl_offset, DACL_AUTO_INHERITED)
    sacl = inherited(sacl_offset, SACL_AUTO_INHERITED)
    new_control = SELF_RELATIVE | DACL_PRESENT
    if dacl:
        new_control |= control & DACL_AUTO_INHERITED
    else:
        dacl = [
            struct.pack("<BBHI", 0, 0, 8 + len(sid), FULL_ACCESS) + sid
            for sid in (SYSTEM, ADMINISTRATORS)
        ]
    parts = [_pack_acl(dacl), owner, group]
    offsets = [_HEADER.size]
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    dacl_at, owner_at, group_at, end = offsets
    sacl_at = 0
    if sacl:
        new_control |= SACL_PRESENT | control & SACL_AUTO_INHERITED
        sacl_at = end
        parts.append(_pack_acl(sacl))
    return _HEADER.pack(1, 0, new_control, owner_at, group_at, sacl_at, dacl_at) + b"".join(parts)
