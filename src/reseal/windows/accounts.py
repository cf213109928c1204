r"""Local accounts and the password policy in SAM. No secret is read or decrypted.

| what | where in `SAM\SAM\Domains\Account` | mark, source |
|---|---|---|
| name of an account | `Users\Names\<name>`: the type of the default value is the RID | seen in real hives |
| flags of an account | `Users\<RID as 8 hex digits>!F`, 4 bytes at 56 | reported: libyal winreg-kb, "Domains"; seen |
| whether it has a password | value `V`: 17 descriptors of 12 bytes (offset, size, unknown); the 15th is of the NT hash | reported: libyal winreg-kb, "Domains" |
| the size of the hash | only a header of 4 bytes, or of 24 in the format of Windows 10 1607 and later: no hash | seen in real hives of 8.1 and 21H1, on accounts that can't have one |
| password policy | value `F`: properties (4 bytes) at 76, minimum length (2) at 80 | reported: impacket, DOMAIN_ACCOUNT_F; seen: the domain's policy in the hive of a member |
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reseal.windows.identity import ACCOUNT_DOMAIN

if TYPE_CHECKING:
    from reseal.regf import Key
    from reseal.windows.registry import Registry

USERS = rf"{ACCOUNT_DOMAIN}\Users"
NAMES = rf"{USERS}\Names"

#: USER_ACCOUNT codes (documented, [MS-SAMR] 2.2.1.12).
DISABLED = 0x0001
#: DOMAIN_PASSWORD_COMPLEX (documented, [MS-SAMR] 2.2.3.5).
COMPLEX = 0x0001

_FLAGS = 56
_NT_HASH = 12 * 14
#: Sizes of an entry that has a header but no hash.
_EMPTY = frozenset({0, 4, 24})
_POLICY = 76


@dataclass(frozen=True, slots=True)
class Account:
    """One local account.

    Attributes:
        rid: its relative identifier, such as 500.
        name: its name.
        disabled: whether it is disabled; None if unknown.
        has_password: whether it has a password hash; None if unknown. An account with an empty password
            may have a hash too; only decryption would show that.
    """

    rid: int
    name: str
    disabled: bool | None
    has_password: bool | None


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    """The password policy.

    Attributes:
        complex: whether passwords need characters of several kinds.
        minimum_length: minimum length in characters.
    """

    complex: bool = False
    minimum_length: int = 0

    @classmethod
    def of(cls, registry: Registry) -> PasswordPolicy:
        """Read the policy; one without requirements if SAM does not have it."""
        data = _data(registry.key(ACCOUNT_DOMAIN), "F")
        if len(data) < _POLICY + 6:
            return cls()
        properties, length = struct.unpack_from("<IH", data, _POLICY)
        return cls(bool(properties & COMPLEX), length)


def accounts(registry: Registry) -> list[Account]:
    """Return the local accounts, by RID."""
    names = registry.key(NAMES)
    found = []
    for name in names.subkeys() if names else ():
        value = name.value("")
        if value is None:
            continue
        user = registry.key(rf"{USERS}\{value.type:08X}")
        found.append(Account(value.type, name.name, _disabled(user), _has_password(user)))
    return sorted(found, key=lambda one: one.rid)


def _disabled(user: Key | None) -> bool | None:
    data = _data(user, "F")
    if len(data) < _FLAGS + 4:
        return None
    return bool(struct.unpack_from("<I", data, _FLAGS)[0] & DISABLED)


def _has_password(user: Key | None) -> bool | None:
    data = _data(user, "V")
    if len(data) < _NT_HASH + 8:
        return None
    return struct.unpack_from("<II", data, _NT_HASH)[1] not in _EMPTY


def _data(key: Key | None, name: str) -> bytes:
    value = key.value(name) if key else None
    return value.data if value else b""
