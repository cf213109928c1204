r"""Local accounts of an offline image: create them, set passwords, add them to groups.

| what | where in `SAM\SAM\Domains` | mark, source |
|---|---|---|
| the next RID | `Account!F` at 72 | reported: impacket, DOMAIN_ACCOUNT_F; seen |
| name to RID | `Account\Users\Names\<name>`, `Builtin\Aliases\Names\<name>`: the type of the default value | seen |
| number of accounts | the type of the default value of `Account\Users` | seen in a real hive of 8.1; in 21H1 it is one lower, so nothing seems to rely on it |
| the group of an account | `Account\Groups\00000201!C` | seen |
| members of a local group | its value C, and in reverse `Builtin\Aliases\Members\<SID of the domain>\<RID>`: the RIDs of its groups, their number as the type; the domain's key has the number of its subkeys as the type | reported: libyal winreg-kb, "Domains"; types: seen |
| stored keys for Kerberos | `Account\Users\<RID>!SupplementalCredentials`, sealed; deleted with the old password | seen; that Windows creates it again is inferred |
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

import struct
from datetime import UTC, datetime

from reseal.answerfile import Secret
from reseal.errors import UsageError
from reseal.regf import Key, Value, types
from reseal.session import Session
from reseal.windows.accounts import NAMES, USERS, accounts
from reseal.windows.identity import ACCOUNT_DOMAIN
from reseal.windows.sam import PasswordKey, SamError, User, boot_key, records
from reseal.windows.sid import Sid

_BUILTIN = r"HKLM\SAM\SAM\Domains\Builtin"
_NONE = rf"{ACCOUNT_DOMAIN}\Groups\{records.NONE_GROUP:08X}"
_SUPPLEMENTAL = "SupplementalCredentials"
_NEXT_RID = 72
_MACHINE_NUMBERS = 12
ADMINISTRATOR = 500
#: The group Administrators (documented, well-known SIDs).
_ADMINISTRATORS = 544
_FIRST_RID = 1000
#: Far more than any machine has; a RID has 30 bits.
_LAST_RID = (1 << 30) - 1

#: Documented ([MS-SAMR] 3.1.1.6; User Name Formats): characters that account names can't contain.
_FORBIDDEN = frozenset('"/\\[]:;|=,+*?<>@')
_MAX_NAME = 20
_FILETIME_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)

#: Local groups by their English names, for a Windows in another language (documented, [MS-DTYP]
#: 2.4.2.4: well-known SIDs).
_WELL_KNOWN = {
    "administrators": 544,
    "users": 545,
    "guests": 546,
    "power users": 547,
    "backup operators": 551,
    "remote desktop users": 555,
    "network configuration operators": 556,
    "performance monitor users": 558,
    "performance log users": 559,
    "distributed com users": 562,
    "event log readers": 573,
    "hyper-v administrators": 578,
    "remote management users": 580,
}


class LocalAccounts:
    """The accounts of one image; each method stages its changes in the session.

    Raises:
        SamError: SAM is missing or damaged.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        domain = self._data(ACCOUNT_DOMAIN, "V")
        if len(domain) < _MACHINE_NUMBERS:
            raise SamError(
                "The image has no SAM hive with an account domain.",
                "Restore the SAM hive from a backup; nothing was changed.",
            )
        self._sid = Sid(5, (21, *struct.unpack("<3I", domain[-_MACHINE_NUMBERS:])))

    def find(self, name: str) -> int | None:
        """Return the RID of an account; None if there is none with this name."""
        value = self._named(NAMES, name)
        return value.type if value else None

    def create(self, name: str, *, enabled: bool = True) -> int:
        """Create an account without a password; return its RID.

        Raises:
            UsageError: the name is taken or not allowed.
            SamError: SAM is damaged.
        """
        _check_name(name)
        if self.find(name) is not None or self._alias(name) is not None:
            msg = f"The image already has an account or a group {name}."
            raise UsageError(msg, "Choose another name.")
        session = self._session
        old = self._template()
        template = User.parse(self._data(_user(old), "V"))
        domain = self._data(ACCOUNT_DOMAIN, "F")
        rid = self._next_rid(domain)
        key, number = self._key(), template.key_number
        none = tuple(key.none(number, session.random) for _ in range(4))
        sids = (self._sid.relative(one).to_bytes() for one in (old, rid))
        made = template.new(name, next(sids), next(sids), none)
        flags = records.NORMAL | records.PASSWORD_NOT_REQUIRED
        flags |= 0 if enabled else records.DISABLED
        fixed = records.new_fixed(self._data(_user(old), "F"), rid, flags, self._now())
        binary = types.REG_BINARY
        session.set_value(_user(rid), "F", binary, fixed)
        session.set_value(_user(rid), "V", binary, made.to_bytes())
        session.set_value(rf"{NAMES}\{name}", "", rid, b"")
        new_domain = domain[:_NEXT_RID] + struct.pack("<I", rid + 1) + domain[_NEXT_RID + 4 :]
        session.set_value(ACCOUNT_DOMAIN, "F", binary, new_domain)
        self._count(USERS, 1)
        group = records.with_group_member(self._data(_NONE, "C"), rid)
        session.set_value(_NONE, "C", binary, group)
        return rid

    def describe(self, rid: int, full_name: str, comment: str) -> None:
        """Set an account's full name and comment; an empty one leaves the old text.

        Args:
            rid: the account.
            full_name: the full name.
            comment: the comment.
        """
        user = User.parse(self._data(_user(rid), "V")).described(full_name, comment)
        self._session.set_value(_user(rid), "V", types.REG_BINARY, user.to_bytes())

    def set_password(self, rid: int, password: Secret) -> None:
        """Set an account's password.

        Raises:
            SamError: SAM is damaged, or its key is not in the image.
        """
        session, key = self._session, self._key()
        user = User.parse(self._data(_user(rid), "V"))
        stored = key.stored(user.key_number, rid, password.reveal(), session.random)
        user = user.with_password(stored, key.none(user.key_number, session.random))
        fixed = records.with_password_time(self._data(_user(rid), "F"), self._now())
        flags = records.account_flags(fixed) & ~records.PASSWORD_NOT_REQUIRED
        session.set_value(_user(rid), "V", types.REG_BINARY, user.to_bytes())
        session.set_value(_user(rid), "F", types.REG_BINARY, records.with_flags(fixed, flags))
        session.delete_value(_user(rid), _SUPPLEMENTAL)

    def enable(self, rid: int, *, enabled: bool = True) -> None:
        """Enable or disable an account."""
        fixed = self._data(_user(rid), "F")
        flags = records.account_flags(fixed)
        flags = flags & ~records.DISABLED if enabled else flags | records.DISABLED
        data = records.with_flags(fixed, flags)
        self._session.set_value(_user(rid), "F", types.REG_BINARY, data)

    def sid(self, rid: int) -> Sid:
        """Return the SID of an account of this machine."""
        return self._sid.relative(rid)

    def remove(self, rid: int) -> None:
        """Delete an account and remove it from all local groups.

        Raises:
            SamError: SAM is damaged.
        """
        session, binary = self._session, types.REG_BINARY
        sid = self._sid.relative(rid).to_bytes()
        for domain in (_BUILTIN, ACCOUNT_DOMAIN):
            for name in [one.name for one in self._keys(rf"{domain}\Aliases")]:
                path = rf"{domain}\Aliases\{name}"
                if data := self._data(path, "C"):
                    left = records.without_alias_member(data, sid)
                    session.set_value(path, "C", binary, left)
            members = rf"{domain}\Aliases\Members\{self._sid}"
            if session.delete_key(rf"{members}\{rid:08X}"):
                self._count(members, -1)
        for group in [one.name for one in self._keys(rf"{ACCOUNT_DOMAIN}\Groups")]:
            path = rf"{ACCOUNT_DOMAIN}\Groups\{group}"
            if data := self._data(path, "C"):
                session.set_value(path, "C", binary, records.without_group_member(data, rid))
        for one in self._keys(NAMES):
            value = one.value("")
            if value is not None and value.type == rid:
                session.delete_key(rf"{NAMES}\{one.name}")
        if session.delete_key(_user(rid)):
            self._count(USERS, -1)

    def administrators(self) -> list[int]:
        """Return the RIDs of this machine's accounts that are administrators and enabled."""
        data = self._data(rf"{_BUILTIN}\Aliases\{_ADMINISTRATORS:08X}", "C")
        members = records.alias_members(data) if data else []
        return [
            one.rid
            for one in accounts(self._session.registry)
            if one.disabled is False and self._sid.relative(one.rid).to_bytes() in members
        ]

    def _keys(self, path: str) -> list[Key]:
        return self._session.registry.subkeys(path)

    def join(self, member: int | Sid, group: str) -> None:
        """Add an account of this machine (a RID) or any other (a SID) to a local group.

        Raises:
            UsageError: the group does not exist.
            SamError: SAM is damaged.
        """
        found = self._alias(group)
        if found is None:
            msg = f"The image has no local group {group}."
            raise UsageError(msg, "Name an existing group, in the image's language or in English.")
        domain, alias = found
        sid = self._sid.relative(member) if isinstance(member, int) else member
        session, path = self._session, rf"{domain}\Aliases\{alias:08X}"
        data = records.with_alias_member(self._data(path, "C"), sid.to_bytes())
        session.set_value(path, "C", types.REG_BINARY, data)
        owner = Sid(sid.authority, sid.sub_authorities[:-1])
        members = rf"{domain}\Aliases\Members\{owner}"
        back = rf"{members}\{sid.sub_authorities[-1]:08X}"
        groups = self._data(back, "")
        known = session.registry.key(back)
        entry = struct.pack("<I", alias)
        if entry not in (groups[at : at + 4] for at in range(0, len(groups), 4)):
            groups += entry
            session.set_value(back, "", len(groups) // 4, groups)
        if known is None:
            self._count(members, 1)

    def _alias(self, name: str) -> tuple[str, int] | None:
        """Return the domain and the RID of a local group, by its own or its English name."""
        for domain in (_BUILTIN, ACCOUNT_DOMAIN):
            value = self._named(rf"{domain}\Aliases\Names", name)
            if value is not None:
                return domain, value.type
        rid = _WELL_KNOWN.get(name.casefold())
        exists = rid and self._session.registry.key(rf"{_BUILTIN}\Aliases\{rid:08X}")
        return (_BUILTIN, rid) if rid and exists else None

    def _template(self) -> int:
        """Return the RID of an account that serves as the template for new ones."""
        rids = [one.rid for one in accounts(self._session.registry)]
        people = [rid for rid in rids if rid >= _FIRST_RID]
        return people[0] if people else ADMINISTRATOR

    def _next_rid(self, domain: bytes) -> int:
        if len(domain) < _NEXT_RID + 4:
            raise SamError(r"The SAM hive is damaged: Domains\Account!F is too short.")
        rid: int = max(struct.unpack_from("<I", domain, _NEXT_RID)[0], _FIRST_RID)
        taken = {one.rid for one in accounts(self._session.registry)}
        while rid in taken or self._session.registry.key(_user(rid)) is not None:
            rid += 1
        if rid > _LAST_RID:
            raise SamError("The SAM hive has no RID left for another account.")
        return rid

    def _key(self) -> PasswordKey:
        return PasswordKey.of(self._data(ACCOUNT_DOMAIN, "F"), boot_key(self._session.registry))

    def _count(self, path: str, step: int) -> None:
        """Change the number that a key keeps as the type of its default value."""
        value = self._value(path, "")
        number, data = (value.type, value.data) if value else (0, b"")
        self._session.set_value(path, "", max(number + step, 0), data)

    def _now(self) -> int:
        return int((self._session.now - _FILETIME_EPOCH).total_seconds()) * 10_000_000

    def _data(self, path: str, name: str) -> bytes:
        value = self._value(path, name)
        return value.data if value else b""

    def _value(self, path: str, name: str) -> Value | None:
        key = self._session.registry.key(path)
        return key.value(name) if key else None

    def _named(self, path: str, name: str) -> Value | None:
        """Return the entry of a name in a key of names; its type is the RID."""
        return self._value(rf"{path}\{name}", "") if name and "\\" not in name else None


def _user(rid: int) -> str:
    return rf"{USERS}\{rid:08X}"


def _check_name(name: str) -> None:
    if (
        not 0 < len(name) <= _MAX_NAME
        or _FORBIDDEN & set(name)
        or not name.isprintable()
        or not name.strip(" .")
    ):
        msg = f"{name[:60]!r} is not a valid account name in Windows."
        raise UsageError(
            msg,
            f"A name has 1 to {_MAX_NAME} characters and none of {''.join(sorted(_FORBIDDEN))}.",
        )
