"""Build the keys of domain membership in SECURITY and SAM, in the format of real hives."""

from __future__ import annotations

import struct
from typing import Any

from reseal.regf import types
from reseal.windows.sid import Sid

#: Administrators and Users, and the domain groups that become their members.
_GROUPS = {0x220: ("Administrators", 500, 512), 0x221: ("Users", 1001, 513)}
_FREE = bytes(40) + bytes.fromhex("04000100") + bytes(124)


def raw(data: bytes) -> dict[str, Any]:
    """Return a policy key with data as its default value."""
    return {"": (types.REG_NONE, data)}


def unicode_string(value: str) -> dict[str, Any]:
    """Return a policy key with a name."""
    data = value.encode("utf-16-le")
    return raw(struct.pack("<HHI", len(data), len(data) + 2, 8) + data + b"\0\0")


def member_policy(name: str) -> dict[str, Any]:
    """Return the keys in SECURITY of a domain member, without the domain's SID and name."""
    secret = {"CurrVal": raw(bytes(100)), "OldVal": raw(bytes(100)), "CupdTime": raw(bytes(8))}
    slots = {f"NL${number}": _FREE for number in range(2, 11)}
    logon = struct.pack("<4H", 10, 16, 10, 0) + bytes(32) + bytes.fromhex("04000100") + b"hash" * 40
    return {
        "Policy": {
            "PolDnTrN": unicode_string(name),
            "PolDnDmG": raw(bytes(range(16))),
            "Secrets": {"$MACHINE.ACC": secret, "DPAPI_SYSTEM": secret, "NL$KM": secret},
        },
        "Cache": {"NL$Control": bytes.fromhex("040001000a000000"), "NL$1": logon, **slots},
    }


def group(rid: int, name: str, members: list[Sid]) -> bytes:
    """Return the value C of a local group.

    Args:
        rid: RID of the group.
        name: its name.
        members: SIDs of its members.
    """
    descriptor, text = bytes(0x98), name.encode("utf-16-le")
    text += bytes(-len(text) % 4)
    packed = b"".join(sid.to_bytes() for sid in members)
    at = len(descriptor) + len(text)
    header = struct.pack(
        "<13I", rid, 0, len(descriptor), 0x10003, len(descriptor), 2 * len(name), 0, at, 0, 0, at,
        len(packed), len(members),
    )  # fmt: skip
    return header + descriptor + text + packed


def builtin_groups(machine: Sid, domain: Sid | None) -> dict[str, Any]:
    """Return the domain Builtin of SAM: two groups, and the index of groups by member."""
    aliases: dict[str, Any] = {}
    back: dict[str, Any] = {"": (types.REG_SZ, b"")}
    for rid, (name, local, foreign) in _GROUPS.items():
        members = [machine.relative(local)]
        if domain:
            members.append(domain.relative(foreign))
        aliases[f"{rid:08X}"] = {"C": group(rid, name, members)}
        for one in members:
            sid = type(one)(one.authority, one.sub_authorities[:-1])
            # The type of these values is a count: of accounts, and of groups.
            place = back.setdefault(str(sid), {"": (len(_GROUPS), b"")})
            place[f"{one.sub_authorities[-1]:08X}"] = {"": (1, struct.pack("<I", rid))}
    return {"Aliases": {**aliases, "Members": back}}
