r"""Parse, change and build the records of accounts and groups.

| what | layout | mark, source |
|---|---|---|
| `Users\<RID>!V` | 17 descriptors of 12 bytes (offset from 204, size, a number), then the data, each item on a multiple of 4: security descriptor, name, full name, comment, …, hours (11), groups (12), LM hash (13), NT hash (14), their histories (15, 16) | reported: libyal winreg-kb, "Domains"; seen in real hives of 8.1 and 21H1 |
| `Users\<RID>!F` | 80 bytes: last logon at 8, password set at 24, account expires at 32 (all FILETIME), failure at 40, RID at 48, primary group at 52, flags at 56, failures at 64 and logons at 66 (2 bytes each) | reported: the same; seen |
| `Groups\<RID>!C` | offset from 68, size and count of the members' RIDs at 56; the list has spare room | reported: the same; seen |
| `Aliases\<RID>!C` | offset from 52, size and count of the members' SIDs at 40 | reported: the same; seen |

The numbers in descriptors 0 and 12, and bytes of unknown meaning, are copied from an account that Windows
created.
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

from reseal.windows.sam.errors import SamError

_COUNT = 17
_DESCRIPTOR = 12
_HEADER = _COUNT * _DESCRIPTOR
_SECURITY, _NAME, _FULL_NAME, _COMMENT = 0, 1, 2, 3
_HOURS = 11
_GROUPS, _LM, _NT, _NT_HISTORY, _LM_HISTORY = 12, 13, 14, 15, 16

_F_SIZE = 80
_PASSWORD_SET, _EXPIRES, _RID, _PRIMARY_GROUP, _FLAGS = 24, 32, 48, 52, 56
_NEVER = 0x7FFFFFFFFFFFFFFF
#: The group None, the primary group of all local accounts (seen).
NONE_GROUP = 513
#: Item 12 for this group: its RID, and the attributes mandatory, default and enabled (seen).
_MEMBER_OF_NONE = struct.pack("<II", NONE_GROUP, 7)

_GROUP_MEMBERS, _GROUP_DATA = 56, 68
_ALIAS_MEMBERS, _ALIAS_DATA = 40, 52
#: Maximum number of members, more than a group of a client has; a larger count is damaged.
_MAX_MEMBERS = 100_000

#: USER_ACCOUNT codes (documented, [MS-SAMR] 2.2.1.12).
DISABLED = 0x0001
PASSWORD_NOT_REQUIRED = 0x0004
NORMAL = 0x0010


@dataclass(frozen=True, slots=True)
class User:
    """The value V of an account. Its `repr` does not show hashes.

    Attributes:
        items: the data of the 17 descriptors.
        numbers: the third fields of the descriptors.
    """

    items: tuple[bytes, ...]
    numbers: tuple[int, ...]

    @classmethod
    def parse(cls, data: bytes) -> User:
        """Parse a value V. Raises SamError."""
        items, numbers = [], []
        if len(data) < _HEADER:
            raise _damaged("V of an account")
        for index in range(_COUNT):
            offset, size, number = struct.unpack_from("<3I", data, index * _DESCRIPTOR)
            if offset + size > len(data) - _HEADER:
                raise _damaged("V of an account")
            items.append(data[_HEADER + offset : _HEADER + offset + size])
            numbers.append(number)
        return cls(tuple(items), tuple(numbers))

    def to_bytes(self) -> bytes:
        """Encode the value."""
        header, body = b"", b""
        for item, number in zip(self.items, self.numbers, strict=True):
            header += struct.pack("<3I", len(body), len(item), number)
            body += item + bytes(-len(item) % 4)
        return header + body

    def __repr__(self) -> str:
        return f"<User {self.name!r}>"

    @property
    def name(self) -> str:
        """The name of the account."""
        return self.items[_NAME].decode("utf-16-le", "replace")

    @property
    def key_number(self) -> int:
        """The key number in its password entries."""
        entry = self.items[_NT]
        if len(entry) < 4:
            raise _damaged("V of an account")
        number: int = struct.unpack_from("<H", entry)[0]
        return number

    def described(self, full_name: str, comment: str) -> User:
        """Return a copy with another full name and comment; an empty one keeps the old."""
        changes = {_FULL_NAME: full_name, _COMMENT: comment}
        return self._with({i: _text(text) for i, text in changes.items() if text})

    def with_password(self, stored: bytes, none: bytes) -> User:
        """Return a copy with another NT hash and no LM hash."""
        return self._with({_NT: stored, _LM: none})

    def new(self, name: str, old_sid: bytes, new_sid: bytes, none: tuple[bytes, ...]) -> User:
        """Return the record of a new account, with this one as the template.

        Args:
            name: name of the new account.
            old_sid: binary SID of this account, which is in its security descriptor.
            new_sid: binary SID of the new account, of the same length.
            none: four entries for absent passwords.

        Raises:
            SamError: the security descriptor does not have the old SID.
        """
        security = self.items[_SECURITY]
        if old_sid not in security:
            raise _damaged("the security descriptor of an account")
        changes = dict.fromkeys(range(_NAME, _HOURS + 1), b"")
        changes[_SECURITY] = security.replace(old_sid, new_sid)
        changes[_NAME] = _text(name)
        changes[_GROUPS] = _MEMBER_OF_NONE
        changes |= dict(zip((_LM, _NT, _NT_HISTORY, _LM_HISTORY), none, strict=True))
        made = self._with(changes)
        numbers = list(made.numbers)
        numbers[_HOURS], numbers[_GROUPS] = 0, 1
        return replace(made, numbers=tuple(numbers))

    def _with(self, changes: dict[int, bytes]) -> User:
        items = tuple(changes.get(index, item) for index, item in enumerate(self.items))
        return replace(self, items=items)


def account_flags(fixed: bytes) -> int:
    """Return the flags in an account's value F. Raises SamError."""
    _check_fixed(fixed)
    flags: int = struct.unpack_from("<I", fixed, _FLAGS)[0]
    return flags


def with_flags(fixed: bytes, flags: int) -> bytes:
    """Return a value F with other flags. Raises SamError."""
    return _put(_check_fixed(fixed), _FLAGS, struct.pack("<I", flags))


def with_password_time(fixed: bytes, time: int) -> bytes:
    """Return a value F with another time of the last password change (FILETIME)."""
    return _put(_check_fixed(fixed), _PASSWORD_SET, struct.pack("<Q", time))


def new_fixed(template: bytes, rid: int, flags: int, time: int) -> bytes:
    """Return the value F of a new account.

    Args:
        template: value F of an account that Windows created; its version is used.
        rid: RID of the new account.
        flags: USER_ACCOUNT codes.
        time: time when its password was set, FILETIME.
    """
    made = bytearray(_F_SIZE)
    made[:4] = _check_fixed(template)[:4]
    struct.pack_into("<QQ", made, _PASSWORD_SET, time, _NEVER)
    struct.pack_into("<III", made, _RID, rid, NONE_GROUP, flags)
    return bytes(made)


def with_group_member(group: bytes, rid: int) -> bytes:
    """Add a member to the value C of a group. Raises SamError."""
    start, size, count = _array(group, _GROUP_MEMBERS, _GROUP_DATA)
    if 4 * count > size:
        raise _damaged("C of a group")
    members = group[start : start + 4 * count]
    entry = struct.pack("<I", rid)
    if rid in struct.unpack(f"<{count}I", members):
        return group
    if 4 * count < size:
        group = _put(group, start + 4 * count, entry)
    else:
        group, size = group[: start + size] + entry + group[start + size :], size + 4
    return _put(group, _GROUP_MEMBERS + 4, struct.pack("<II", size, count + 1))


def without_group_member(group: bytes, rid: int) -> bytes:
    """Remove a member from the value C of a group. Raises SamError."""
    start, size, count = _array(group, _GROUP_MEMBERS, _GROUP_DATA)
    if 4 * count > size:
        raise _damaged("C of a group")
    left = [one for one in struct.unpack_from(f"<{count}I", group, start) if one != rid]
    if len(left) == count:
        return group
    # Keep the space, because Windows' lists have spare room too (seen).
    packed = struct.pack(f"<{len(left)}I", *left).ljust(size, b"\0")
    group = _put(group, start, packed)
    return _put(group, _GROUP_MEMBERS + 8, struct.pack("<I", len(left)))


def with_alias_member(alias: bytes, sid: bytes) -> bytes:
    """Add a member to the value C of a local group. Raises SamError."""
    members, (start, size, count) = _alias_members(alias)
    if sid in members:
        return alias
    at = start + sum(map(len, members))
    alias = alias[:at] + sid + alias[at:]
    return _put(alias, _ALIAS_MEMBERS + 4, struct.pack("<II", size + len(sid), count + 1))


def without_alias_member(alias: bytes, sid: bytes) -> bytes:
    """Remove a member from the value C of a local group. Raises SamError."""
    members, (start, size, _) = _alias_members(alias)
    if sid not in members:
        return alias
    left = [one for one in members if one != sid]
    packed = b"".join(left)
    end = start + sum(map(len, members))
    alias = alias[:start] + packed + alias[end:]
    removed = end - start - len(packed)
    return _put(alias, _ALIAS_MEMBERS + 4, struct.pack("<II", size - removed, len(left)))


def alias_members(alias: bytes) -> list[bytes]:
    """Return the binary SIDs in the value C of a local group. Raises SamError."""
    return _alias_members(alias)[0]


def _alias_members(alias: bytes) -> tuple[list[bytes], tuple[int, int, int]]:
    start, size, count = _array(alias, _ALIAS_MEMBERS, _ALIAS_DATA)
    members, at = [], start
    for _ in range(count):
        length = 8 + 4 * alias[at + 1] if at + 1 < start + size else 0
        if not length or at + length > start + size:
            raise _damaged("C of a local group")
        members.append(alias[at : at + length])
        at += length
    return members, (start, size, count)


def _array(data: bytes, place: int, base: int) -> tuple[int, int, int]:
    if len(data) < base:
        raise _damaged("C of a group")
    offset, size, count = struct.unpack_from("<3I", data, place)
    if base + offset + size > len(data) or count > _MAX_MEMBERS:
        raise _damaged("C of a group")
    return base + offset, size, count


def _check_fixed(fixed: bytes) -> bytes:
    if len(fixed) < _F_SIZE:
        raise _damaged("F of an account")
    return fixed


def _put(data: bytes, place: int, new: bytes) -> bytes:
    return data[:place] + new + data[place + len(new) :]


def _text(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")


def _damaged(what: str) -> SamError:
    return SamError(
        f"The SAM hive is damaged: the value {what} can't be read.",
        "Restore the SAM hive from a backup; nothing was changed.",
    )
