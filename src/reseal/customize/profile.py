r"""The default profile, made from a user's profile: what CopyProfile does, offline.

Documented (Customize the Default User Profile by Using CopyProfile): Windows copies the built-in
Administrator's profile to the default profile, which every new account starts with. Windows leaves
identifiers and absolute paths in it (reported: many image builders clean up after it); reseal removes them.

| what | what happens to it | mark |
|---|---|---|
| files below `AppData\Local` and `LocalLow`, links, keys and passwords below `AppData\Roaming\Microsoft` | not copied | inferred: caches, and data that only its owner can decrypt |
| keys that record the user's actions, such as recent files | not copied | inferred |
| the user's folder in a value | `%USERPROFILE%` if the type lets Windows expand it; otherwise the value is deleted | documented: REG_EXPAND_SZ; inferred |
| the user's or the machine's SID | keys and values with it in name or data are deleted | inferred |
| security descriptors of keys that name the user | replaced by that of the default profile's own root; Windows adds the new user (seen: the default profile of a real machine names no user, profiles made from it do) | inferred |
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

import re

from reseal.customize.shared import Run
from reseal.customize.step import Given
from reseal.customize.traces import Account
from reseal.errors import UsageError
from reseal.regf import Hive, Key, Value, descriptors, types
from reseal.regf.compact import compact
from reseal.regf.reader import Reader
from reseal.session import Session
from reseal.tree import join, walk
from reseal.windows import identity
from reseal.windows.accounts import accounts
from reseal.windows.names import DEFAULT_PROFILE
from reseal.windows.sid import Sid

_NOT_COPIED = re.compile(
    r"(?i)(ntuser[^\\]*|usrclass[^\\]*|AppData\\Local(Low)?"
    r"|AppData\\Roaming\\Microsoft\\(Protect|Crypto|Credentials|Vault|SystemCertificates))(\\|$)"
)
_MICROSOFT = r"Software\Microsoft"
_EXPLORER = rf"{_MICROSOFT}\Windows\CurrentVersion\Explorer"
#: Keys of a profile's hive that hold a user's actions or identity.
_PERSONAL = (
    *(rf"{_EXPLORER}\{name}" for name in (
        "ComDlg32", "FeatureUsage", "MountPoints2", "RecentDocs", "RunMRU", "SessionInfo",
        "Shell Folders", "TypedPaths", "UserAssist", "WordWheelQuery",
    )),
    *(rf"{_MICROSOFT}\{name}" for name in (
        "AuthCookies", "IdentityCRL", "Protected Storage System Provider",
        r"Internet Explorer\TypedURLs", r"Windows NT\CurrentVersion\EFS",
        r"Windows\CurrentVersion\CloudStore", r"Windows\CurrentVersion\PushNotifications",
        r"Windows\CurrentVersion\Search\RecentApps",
    )),
    "Volatile Environment",
)  # fmt: skip
_PROFILE = "%USERPROFILE%"


def default_profile_from(run: Run, given: Given) -> None:
    """Do the step `default-profile-from`."""
    user = given.text("user")
    session = run.session
    sid, folder = _profile(session, user)
    source = session.registry.hive(sid)
    if source is None:
        msg = f"{folder}, the profile of {user}, has no NTUSER.DAT."
        raise UsageError(msg, "Name another account.")
    old = session.registry.hive(DEFAULT_PROFILE)
    descriptor = old.root.descriptor if old else descriptors.DEFAULT
    made = Hive.open(source.to_bytes(), name=session.registry.file(DEFAULT_PROFILE) or "hive")
    machine = identity.machine_sid(session.registry)
    clean(made, Account(user, Sid.parse(sid), Sid.parse(sid), folder), machine, descriptor)
    default = session.registry.default_profile
    made.set_file_name(join(r"\??\C:", default, "NTUSER.DAT"))
    session.replace_hive(DEFAULT_PROFILE, compact(made))
    for path, entry in walk(session.files, folder):  # type: ignore[arg-type]
        inside = path[len(folder) + 1 :]
        if _NOT_COPIED.match(inside) or entry.reparse_tag:
            continue
        if entry.is_directory:
            session.make_directory(join(default, inside))
        else:
            session.write_file(join(default, inside), session.files.read(path))


# Complex: one walk collects the changes, and they are applied in the order that keeps paths valid.
def clean(hive: Hive, owner: Account, machine: Sid | None, descriptor: bytes) -> None:
    """Remove the owner's traces from a profile's hive.

    Args:
        hive: the hive; it is edited.
        owner: its owner.
        machine: the machine's SID.
        descriptor: replaces the security descriptor of keys that names a user.
    """
    for path in _PERSONAL:
        key = hive.key(path)
        if key is not None:
            key.delete()
    own = owner.sid.to_bytes()
    anybody = machine.to_bytes()[8:] if machine else own
    reader = Reader(hive.cells)
    doomed: list[str] = []
    others: list[str] = []
    for path, _, node in reader.walk(hive.root_offset):
        if any(path.startswith(f"{one}\\") for one in doomed[-1:]):
            continue
        if path and (owner.is_named_in(node.name) or owner.has_path_in("\\" + node.name)):
            doomed.append(path)
        elif anybody in reader.descriptor(node) or own in reader.descriptor(node):
            others.append(path)
    for path in doomed:
        key = hive.key(path)
        if key is not None:
            key.delete()
    for path in others:
        key = hive.key(path)
        if key is not None:
            key.set_descriptor(descriptor)
    pending = [hive.root]
    for one in pending:
        for value in list(one.values()):
            _clean_value(one, value, owner, anybody)
        pending.extend(one.subkeys())


def _clean_value(key: Key, value: Value, owner: Account, anybody: bytes) -> None:
    name, kind, data = value.name, value.type, value.data
    decoded = types.decode(kind, data)
    texts = [decoded] if isinstance(decoded, str) else decoded
    if isinstance(texts, list):
        if any(map(owner.is_named_in, texts)) or owner.has_path_in(name):
            key.unset(name)
        elif any(map(owner.has_path_in, texts)):
            if kind == types.REG_EXPAND_SZ and isinstance(decoded, str):
                key.set(name, kind, types.encode(kind, owner.without_path(decoded, _PROFILE)))
            else:
                key.unset(name)
        elif owner.is_named_in(name):
            key.unset(name)
        return
    said = (data.decode("utf-16-le", "replace"), data.decode("latin-1"))
    named = any(owner.is_named_in(one) or owner.has_path_in(one) for one in (name, *said))
    if named or anybody in data:
        key.unset(name)


def _profile(session: Session, user: str) -> tuple[str, str]:
    """Return the SID and the folder of a user's profile. Raises UsageError."""
    machine = identity.machine_sid(session.registry)
    rids = {one.name.casefold(): one.rid for one in accounts(session.registry)}
    rid = rids.get(user.casefold())
    wanted = str(machine.relative(rid)).upper() if machine and rid is not None else None
    people = {
        sid: folder
        for sid, folder in session.registry.profiles.items()
        if sid.startswith(("S-1-5-21-", "S-1-12-1-"))
    }
    for sid, folder in people.items():
        if sid == wanted or folder.rpartition("\\")[2].casefold() == user.casefold():
            return sid, folder
    msg = f"{user} has no profile in this image."
    known = ", ".join(folder.rpartition("\\")[2] for folder in people.values())
    raise UsageError(msg, f"The image has profiles of {known}." if known else None)
