"""Security descriptors of keys, in self-relative form (documented: MS-DTYP 2.4).

Inheritance follows MS-DTYP 2.5.3.4 for a container. Two details come from the keys of real hives (seen):
the new descriptor is not protected, and its entries are marked as inherited only if the parent's list has
the auto-inherited flag.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import NamedTuple

_OBJECT_INHERIT, _CONTAINER_INHERIT, _NO_PROPAGATE, _INHERIT_ONLY, _INHERITED = 1, 2, 4, 8, 0x10
_SELF_RELATIVE = 0x8000
_DACL_PRESENT, _SACL_PRESENT = 0x4, 0x10
_DACL_AUTO, _SACL_AUTO = 0x400, 0x800

#: Mapping of generic rights for keys (documented: "Registry Key Security and Access Rights").
_GENERIC = {0x80000000: 0x20019, 0x40000000: 0x20006, 0x20000000: 0x20019, 0x10000000: 0xF003F}
_CREATOR_OWNER = bytes.fromhex("010100000000000300000000")
_CREATOR_GROUP = bytes.fromhex("010100000000000301000000")
_SYSTEM = bytes.fromhex("010100000000000512000000")
_ADMINISTRATORS = bytes.fromhex("01020000000000052000000020020000")
_USERS = bytes.fromhex("01020000000000052000000021020000")

#: KEY_ALL_ACCESS and KEY_READ.
_ALL, _READ = 0xF003F, 0x20019

#: Entries that start with an access mask and a SID: allowed, denied, audit, alarm, and from 0x11 on
#: label, resource, policy, trust and filter entries. Other entries (object and callback) are inherited
#: unchanged.
_PLAIN_ACES = {0, 1, 2, 3, 0x11, 0x12, 0x13, 0x14, 0x15}


class Ace(NamedTuple):
    """One access control entry: type, flags, and the bytes after its header."""

    type: int
    flags: int
    body: bytes

    def pack(self) -> bytes:
        """Encode the entry."""
        return struct.pack("<BBH", self.type, self.flags, 4 + len(self.body)) + self.body


class Acl(NamedTuple):
    """An access control list."""

    revision: int
    entries: tuple[Ace, ...]

    def pack(self) -> bytes:
        """Encode the list."""
        body = b"".join(ace.pack() for ace in self.entries)
        return struct.pack("<BBHHH", self.revision, 0, 8 + len(body), len(self.entries), 0) + body


class Descriptor(NamedTuple):
    """The parts of a security descriptor; SIDs are as stored, and empty if absent."""

    control: int
    owner: bytes
    group: bytes
    sacl: Acl | None
    dacl: Acl | None

    def pack(self) -> bytes:
        """Encode the descriptor in self-relative form."""
        sacl = self.sacl.pack() if self.sacl else b""
        dacl = self.dacl.pack() if self.dacl else b""
        places, place = [], 20
        for part in (sacl, dacl, self.owner, self.group):
            places.append(place if part else 0)
            place += len(part)
        sacl_at, dacl_at, owner_at, group_at = places
        head = struct.pack("<BBHIIII", 1, 0, self.control, owner_at, group_at, sacl_at, dacl_at)
        return head + sacl + dacl + self.owner + self.group


def parse(data: bytes) -> Descriptor:
    """Parse a self-relative descriptor.

    Raises:
        ValueError: the descriptor is invalid; the message has the reason.
    """
    if len(data) < 20:
        msg = "it has fewer than 20 bytes"
        raise ValueError(msg)
    revision, _, control, owner, group, sacl, dacl = struct.unpack_from("<BBHIIII", data)
    if revision != 1 or not control & _SELF_RELATIVE:
        msg = "it is not self-relative with revision 1"
        raise ValueError(msg)
    return Descriptor(
        control,
        _sid(data, owner),
        _sid(data, group),
        _acl(data, sacl) if control & _SACL_PRESENT and sacl else None,
        _acl(data, dacl) if control & _DACL_PRESENT and dacl else None,
    )


def _sid(data: bytes, place: int) -> bytes:
    if not place:
        return b""
    end = place + 8 + 4 * data[place + 1] if place + 8 <= len(data) else place
    if not place < end <= len(data) or data[place] != 1 or data[place + 1] > 15:
        msg = f"the SID at {place} is invalid"
        raise ValueError(msg)
    return data[place:end]


def _acl(data: bytes, place: int) -> Acl:
    if place + 8 > len(data):
        msg = f"the list at {place} is outside it"
        raise ValueError(msg)
    revision, _, size, count, _ = struct.unpack_from("<BBHHH", data, place)
    end = place + size
    if not 2 <= revision <= 4 or size < 8 or end > len(data):
        msg = f"the list at {place} is invalid"
        raise ValueError(msg)
    place += 8
    entries: list[Ace] = []
    for _ in range(count):
        if place + 4 > end:
            msg = f"the entry at {place} is outside its list"
            raise ValueError(msg)
        number, flags, length = struct.unpack_from("<BBH", data, place)
        if length < 8 or place + length > end:
            msg = f"the entry at {place} has the impossible size {length}"
            raise ValueError(msg)
        body = data[place + 4 : place + length]
        if number in _PLAIN_ACES:
            _sid(body, 4)
        entries.append(Ace(number, flags, body))
        place += length
    return Acl(revision, tuple(entries))


@lru_cache(maxsize=256)
def inherit(parent: bytes) -> bytes:
    """Return the descriptor of a new key below a key with the descriptor `parent`.

    Windows takes owner and group from the process that creates the key; reseal takes the parent's
    (inferred). If the parent has nothing to inherit, Windows uses the defaults of that process; reseal
    copies the parent's descriptor (inferred).
    """
    try:
        above = parse(parent)
    except ValueError:
        return parent
    dacl = _inherited(above, above.dacl, auto=bool(above.control & _DACL_AUTO))
    if dacl is None:
        return parent
    sacl = _inherited(above, above.sacl, auto=bool(above.control & _SACL_AUTO))
    control = _SELF_RELATIVE | _DACL_PRESENT | above.control & (_DACL_AUTO | _SACL_AUTO)
    if sacl:
        control |= _SACL_PRESENT
    return Descriptor(control, above.owner, above.group, sacl, dacl).pack()


def _inherited(above: Descriptor, acl: Acl | None, *, auto: bool) -> Acl | None:
    entries: list[Ace] = []
    mark = _INHERITED if auto else 0
    for ace in acl.entries if acl else ():
        passed = ace.flags & (_OBJECT_INHERIT | _CONTAINER_INHERIT)
        kept = ace.flags & ~(0x1F) | mark
        onward = 0 if ace.flags & _NO_PROPAGATE else passed
        if ace.flags & _CONTAINER_INHERIT:
            body = _effective(ace, above)
            if body == ace.body:
                entries.append(Ace(ace.type, kept | onward, body))
                continue
            entries.append(Ace(ace.type, kept, body))
        if passed and onward:
            entries.append(Ace(ace.type, kept | onward | _INHERIT_ONLY, ace.body))
    return Acl(acl.revision, tuple(entries)) if acl and entries else None


def _effective(ace: Ace, above: Descriptor) -> bytes:
    """Return an entry's body with creator SIDs and generic rights replaced by actual ones."""
    if ace.type not in _PLAIN_ACES:
        return ace.body
    (mask,) = struct.unpack_from("<I", ace.body)
    for generic, rights in _GENERIC.items():
        if mask & generic:
            mask = mask & ~generic | rights
    sid = ace.body[4:]
    if sid == _CREATOR_OWNER and above.owner:
        sid = above.owner
    elif sid == _CREATOR_GROUP and above.group:
        sid = above.group
    return struct.pack("<I", mask) + sid


def _allow(sid: bytes, access: int) -> Ace:
    return Ace(0, _CONTAINER_INHERIT, struct.pack("<I", access) + sid)


#: Full access for SYSTEM and Administrators, read access for Users, all inherited by new keys.
DEFAULT = Descriptor(
    _SELF_RELATIVE | _DACL_PRESENT,
    _ADMINISTRATORS,
    _SYSTEM,
    None,
    Acl(2, (_allow(_SYSTEM, _ALL), _allow(_ADMINISTRATORS, _ALL), _allow(_USERS, _READ))),
).pack()
