r"""Domain accounts in the machine's local groups.

`SAM\SAM\Domains\{Builtin,Account}\Aliases\<rid>` value `C` (libyal winreg-kb, "Security Account Manager";
seen in real hives of Windows 8.1 and 10, and read the same by RegRipper) begins with thirteen 4-byte
numbers. The last three are offset, length and count of the members. From 0x34 on follows the data that
the offsets refer to; the members' SIDs are at its end, one after the other.

`Aliases\Members\<SID of a domain>\<rid>` is the reverse index, from a member to its groups (seen).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from reseal.windows.sid import Sid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.session import Session

DOMAINS = r"HKLM\SAM\SAM\Domains"
_DOMAINS = ("Builtin", "Account")
_DATA = 0x34
#: Offset, length and count of the members.
_MEMBERS = struct.Struct("<3I")
_MEMBERS_AT = 0x28
#: A bound against a hostile count; real groups have few members.
_MOST_MEMBERS = 100_000


class DamagedGroupError(ValueError):
    """The members of a group can't be read."""


def is_foreign(sid: Sid, machine: Sid) -> bool:
    """Return whether an account or domain SID belongs to another domain than this machine."""
    subs = sid.sub_authorities
    return (
        sid.authority == 5
        and len(subs) >= 4
        and subs[0] == 21
        and subs[1:4] != machine.sub_authorities[1:]
        and any(subs[1:4])  # S-1-5-21-0-0-0 is Windows' own
    )


def names_foreign(text: str, machine: Sid) -> bool:
    """Return whether a text is the SID of an account or domain of another domain than this machine."""
    try:
        return is_foreign(Sid.parse(text), machine)
    except ValueError:
        return False


def remove_foreign(session: Session, machine: Sid) -> None:
    """Stage the removal of every member of another domain from every local group."""
    damaged = []
    for domain in _DOMAINS:
        path = rf"{DOMAINS}\{domain}\Aliases"
        for alias in session.registry.subkeys(path):
            value = alias.value("C")
            if value is None:
                continue
            try:
                data = without_foreign(value.data, machine)
            except DamagedGroupError:
                damaged.append(alias.name)
                continue
            session.set_value(rf"{path}\{alias.name}", "C", value.type, data)
        for name in [key.name for key in session.registry.subkeys(rf"{path}\Members")]:
            if names_foreign(name, machine):
                session.delete_key(rf"{path}\Members\{name}")
    if damaged:
        session.note(
            f"The members of the local groups {', '.join(damaged)} can't be read, so accounts of "
            "the domain may be left in them."
        )


def without_foreign(data: bytes, machine: Sid) -> bytes:
    """Return a group's value without the members of other domains.

    Raises:
        DamagedGroupError: the members can't be read, or are not at the end.
    """
    left = [sid.to_bytes() for sid in members(data) if not is_foreign(sid, machine)]
    offset, length, count = _MEMBERS.unpack_from(data, _MEMBERS_AT)
    if len(left) == count:
        return data
    if _DATA + offset + length != len(data):
        raise DamagedGroupError
    packed = b"".join(left)
    head = data[:_MEMBERS_AT] + _MEMBERS.pack(offset, len(packed), len(left))
    return head + data[_DATA : _DATA + offset] + packed


def members(data: bytes) -> Iterator[Sid]:
    """Yield the SIDs of a group's members.

    Raises:
        DamagedGroupError: they can't be read.
    """
    if len(data) < _DATA:
        raise DamagedGroupError
    offset, length, count = _MEMBERS.unpack_from(data, _MEMBERS_AT)
    place = _DATA + offset
    end = place + length
    if end > len(data) or count > _MOST_MEMBERS:
        raise DamagedGroupError
    for _ in range(count):
        try:
            sid = Sid.from_bytes(data[place:end])
        except ValueError as error:
            raise DamagedGroupError from error
        yield sid
        place += 8 + 4 * len(sid.sub_authorities)
