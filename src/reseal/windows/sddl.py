"""Parse security descriptors in text form (SDDL).

Documented: Microsoft, "Security Descriptor String Format", "ACE Strings", "SID Strings"; [MS-DTYP] 2.5.1.
Entries for directory objects, conditions and resource attributes have no meaning for files and are refused.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping

from reseal.errors import UsageError
from reseal.windows.sid import Sid

#: SID strings of two letters, except those for accounts of the machine.
WELL_KNOWN = {
    "AC": "S-1-15-2-1", "AN": "S-1-5-7", "AO": "S-1-5-32-548", "AU": "S-1-5-11", "BA": "S-1-5-32-544",
    "BG": "S-1-5-32-546", "BO": "S-1-5-32-551", "BU": "S-1-5-32-545", "CG": "S-1-3-1",
    "CO": "S-1-3-0", "ER": "S-1-5-32-573", "HI": "S-1-16-12288", "IS": "S-1-5-32-568",
    "IU": "S-1-5-4", "LS": "S-1-5-19", "LU": "S-1-5-32-559", "LW": "S-1-16-4096",
    "ME": "S-1-16-8192", "MU": "S-1-5-32-558", "NO": "S-1-5-32-556", "NS": "S-1-5-20",
    "NU": "S-1-5-2", "OW": "S-1-3-4", "PO": "S-1-5-32-550", "PS": "S-1-5-10", "PU": "S-1-5-32-547",
    "RC": "S-1-5-12", "RD": "S-1-5-32-555", "RE": "S-1-5-32-552", "RM": "S-1-5-32-580",
    "RU": "S-1-5-32-554", "SI": "S-1-16-16384", "SU": "S-1-5-6", "SY": "S-1-5-18",
    "WD": "S-1-1-0", "WR": "S-1-5-33",
}  # fmt: skip
#: Accounts of the machine, by RID.
_MACHINE = {"LA": 500, "LG": 501}

_TYPES = {"A": 0x0, "D": 0x1, "AU": 0x2, "ML": 0x11}
#: Entry types allowed in a discretionary and in a system list.
_OF_DACL, _OF_SACL = frozenset({0x0, 0x1}), frozenset({0x2, 0x11})
_ACE_FLAGS = {
    "OI": 0x01, "CI": 0x02, "NP": 0x04, "IO": 0x08, "ID": 0x10, "SA": 0x40, "FA": 0x80,
}  # fmt: skip
_RIGHTS = {
    "GA": 0x10000000, "GR": 0x80000000, "GW": 0x40000000, "GX": 0x20000000,
    "RC": 0x00020000, "SD": 0x00010000, "WD": 0x00040000, "WO": 0x00080000,
    "FA": 0x001F01FF, "FR": 0x00120089, "FW": 0x00120116, "FX": 0x001200A0,
    "CC": 0x1, "DC": 0x2, "LC": 0x4, "SW": 0x8, "RP": 0x10, "WP": 0x20, "DT": 0x40, "LO": 0x80,
    "CR": 0x100,
}  # fmt: skip
_MANDATORY = {"NW": 0x1, "NR": 0x2, "NX": 0x4}
#: Control bits for the flags of the discretionary and of the system list (SECURITY_DESCRIPTOR_CONTROL).
_CONTROL = {
    "D": {"P": 0x1000, "AI": 0x0400, "AR": 0x0100},
    "S": {"P": 0x2000, "AI": 0x0800, "AR": 0x0200},
}
_SELF_RELATIVE, _DACL_PRESENT, _SACL_PRESENT = 0x8000, 0x0004, 0x0010

_WHOLE = re.compile(
    r"(?:O:(?P<O>[A-Z]{2}|S-[\d-]+))?(?:G:(?P<G>[A-Z]{2}|S-[\d-]+))?"
    r"(?:D:(?P<D>[A-Z]*(?:\([^()]*\))*))?(?:S:(?P<S>[A-Z]*(?:\([^()]*\))*))?"
)
_HEADER = struct.Struct("<BBHIIII")
_HINT = "For example: O:BAG:SYD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;BU)"


def sid(text: str, machine: Sid | None) -> Sid:
    """Return the SID for `S-1-…` or two letters.

    Args:
        text: the SID string.
        machine: the machine's SID, for LA and LG.

    Raises:
        UsageError: the text is not a SID.
    """
    if text in _MACHINE and machine is not None:
        return machine.relative(_MACHINE[text])
    try:
        return Sid.parse(WELL_KNOWN.get(text, text))
    except ValueError:
        msg = f"{text!r} is not a SID."
        raise UsageError(msg, "Write S-1-… or two letters of SDDL, such as BA or SY.") from None


def descriptor(text: str, machine: Sid | None = None, old: bytes | None = None) -> bytes:
    """Convert SDDL to a self-relative security descriptor.

    Args:
        text: SDDL. Parts that it omits are taken from `old`.
        machine: the machine's SID, for LA and LG.
        old: another self-relative descriptor.

    Raises:
        UsageError: the text is not SDDL, or both it and `old` lack an owner, group or list.
    """
    match = _WHOLE.fullmatch(text)
    if not match or not text:
        msg = f"{text[:80]!r} is not a security descriptor."
        raise UsageError(msg, _HINT)
    parts, control = _parts(old) if old else ({}, 0)
    for letter in "OG":
        if match[letter]:
            parts[letter] = sid(match[letter], machine).to_bytes()
    for letter, present in (("D", _DACL_PRESENT), ("S", _SACL_PRESENT)):
        if match[letter] is not None:
            flags, _, entries = match[letter].partition("(")
            control &= ~sum(_CONTROL[letter].values())
            control |= present | _bits(flags, _CONTROL[letter])
            parts[letter] = _acl("(" + entries if entries else "", letter, machine)
    for letter, what in (("O", "owner"), ("G", "group"), ("D", "access list")):
        if letter not in parts:
            msg = f"{text[:80]!r} has no {what}."
            raise UsageError(msg, _HINT)
    return pack(parts, control)


def with_owner(old: bytes, owner: Sid) -> bytes:
    """Return a self-relative descriptor with another owner."""
    parts, control = _parts(old)
    return pack(parts | {"O": owner.to_bytes()}, control)


def pack(parts: Mapping[str, bytes], control: int) -> bytes:
    """Encode a self-relative descriptor from its parts: owner, group and lists (O, G, D, S)."""
    body, places = b"", dict.fromkeys("OGSD", 0)
    for letter in "SDOG":
        if letter in parts:
            places[letter] = _HEADER.size + len(body)
            body += parts[letter]
    head = (places[letter] for letter in "OGSD")
    return _HEADER.pack(1, 0, control | _SELF_RELATIVE, *head) + body


def _parts(old: bytes) -> tuple[dict[str, bytes], int]:
    """Split a self-relative descriptor into its parts. Raises UsageError if it is damaged."""
    try:
        _, _, control, *places = _HEADER.unpack_from(old)
        found: dict[str, bytes] = {}
        for letter, at in zip("OGSD", places, strict=True):
            if not at:
                continue
            if letter in "OG":
                found[letter] = Sid.from_bytes(old[at:]).to_bytes()
            else:
                (size,) = struct.unpack_from("<H", old, at + 2)
                found[letter] = old[at : at + size]
    except (struct.error, ValueError):
        msg = "The existing security descriptor is damaged."
        raise UsageError(msg, "Give a complete one with --sddl.") from None
    return found, control


def _acl(text: str, letter: str, machine: Sid | None) -> bytes:
    entries = [_ace(one, letter, machine) for one in re.findall(r"\(([^()]*)\)", text)]
    body = b"".join(entries)
    if len(body) > 0xFFF0:
        raise UsageError("The access list is too long.", "The maximum is 64 KiB.")
    return struct.pack("<BBHHH", 2, 0, 8 + len(body), len(entries), 0) + body


def _ace(text: str, letter: str, machine: Sid | None) -> bytes:
    fields = text.split(";")
    kind = _TYPES.get(fields[0], -1)
    allowed = _OF_DACL if letter == "D" else _OF_SACL
    if len(fields) != 6 or kind not in allowed or fields[3] or fields[4]:
        msg = f"({text[:60]}) is not a valid entry for a file in this list."
        raise UsageError(msg, _HINT)
    rights = fields[2]
    table = _MANDATORY if kind == _TYPES["ML"] else _RIGHTS
    if re.fullmatch(r"0[xX][0-9a-fA-F]{1,8}", rights):
        mask = int(rights, 16)
    elif re.fullmatch(r"[0-9]{1,9}", rights):
        mask = int(rights)
    else:
        mask = _bits(rights, table)
    who = sid(fields[5], machine).to_bytes()
    flags = _bits(fields[1], _ACE_FLAGS)
    return struct.pack("<BBHI", kind, flags, 8 + len(who), mask) + who


def _bits(text: str, table: Mapping[str, int]) -> int:
    """Return the bits of concatenated codes of one or two letters."""
    value, at = 0, 0
    while at < len(text):
        code = next(
            (text[at : at + size] for size in (2, 1) if text[at : at + size] in table), None
        )
        if code is None:
            msg = f"{text[at : at + 2]!r} in {text[:40]!r} is unknown."
            raise UsageError(msg, _HINT)
        value |= table[code]
        at += len(code)
    return value
