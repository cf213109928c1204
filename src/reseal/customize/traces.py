r"""Traces of a removed account: in the registry, in tasks, in files named by its SID.

| what | what happens to it | mark |
|---|---|---|
| keys and values named by the SID, such as `ProfileList\<SID>`, `AppxAllUserStore\<SID>`, `Policy\Accounts\<SID>` | deleted | seen: real hives have them; that they belong to the account alone is inferred |
| values that are the SID, such as `LastLoggedOnUserSID` | deleted | seen |
| values that name the profile's folder | deleted; in a list such as PATH, only that part | inferred: they lead nowhere |
| the SID anywhere else, as in security descriptors | replaced by that of an account that does not exist, of the same length | inferred: Windows itself leaves the SID of a deleted account there |
| tasks that run as the account, or name its SID | deleted, with their entries in TaskCache | inferred |
| files and folders named by the SID | deleted | inferred |
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

import re
from dataclasses import dataclass

from reseal.errors import ImageError
from reseal.regf import Hive, sids, types
from reseal.regf.reader import RawValue, Reader
from reseal.session import Session
from reseal.sid import databases, hives, places, texts
from reseal.sid.replacement import Replacement
from reseal.tree import TreeError, join
from reseal.windows.registry import LoadedHive, Location
from reseal.windows.sid import Sid

TASK_CACHE = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache"
#: Where TaskCache lists tasks by their Id (seen).
_TASK_LISTS = ("Tasks", "Boot", "Logon", "Plain", "Maintenance")
_MAX_TASK = 1 << 20
_TEXTS = frozenset({types.REG_SZ, types.REG_EXPAND_SZ})


@dataclass(frozen=True)
class Account:
    """The account to remove.

    Attributes:
        name: its name.
        sid: its SID.
        unused: the unassigned SID that replaces it where a SID is required.
        folder: the path of its profile in the image; None if it has no profile.
    """

    name: str
    sid: Sid
    unused: Sid
    folder: str | None

    @property
    def replacement(self) -> Replacement:
        """Its SID and the replacement."""
        return Replacement(self.sid, self.unused)

    def is_named_in(self, text: str) -> bool:
        """Return whether a text contains the SID, but not as part of a longer one."""
        return re.search(rf"(?<!\d){re.escape(str(self.sid)[2:])}(?!\d)", text) is not None

    def has_path_in(self, text: str) -> bool:
        """Return whether a text names the profile's folder."""
        return bool(self.folder and self._path.search(text))

    def without_path(self, text: str, new: str) -> str:
        """Replace the profile's folder, including its drive, with another text."""
        return re.sub(
            rf"(?:[A-Za-z]:|%SystemDrive%){self._path.pattern}",
            lambda _: new,
            text,
            flags=re.IGNORECASE,
        )

    @property
    def _path(self) -> re.Pattern[str]:
        parts = (self.folder or "").split("\\")
        return re.compile(
            r"[\\/]" + r"[\\/]+".join(map(re.escape, parts)) + r"(?![^\\/;,\"'|<>\s\0])",
            re.IGNORECASE,
        )


def remove(session: Session, account: Account) -> None:
    """Stage the removal of all traces."""
    _tasks(session, account)
    _files(session, account)
    for path in hives.paths(session):
        try:
            loaded = session.registry.load_file(path)
            if loaded is not None:
                _hive(session, loaded, account)
        except ImageError as error:
            if path.lower() in hives.needed(session):
                raise
            session.note(f"{path} was left as it is: {error.message}")
    texts.replace(session, account.replacement)
    refused = databases.replace(session, account.replacement).refused
    for path, reason in refused.items():
        session.note(f"{path} still names the account {account.name}: {reason}.")


# Hives


def _hive(session: Session, loaded: LoadedHive, account: Account) -> None:
    hive = loaded.hive
    named = bool(sids.find(hive, str(account.sid)))
    if not named and not _mentions(hive, account):
        session.release(loaded)
        return
    shown = session.registry.shown(loaded.name)
    # Find everything before the first edit, which may move data.
    keys: list[str] = []
    values: list[tuple[str, RawValue]] = []
    reader = Reader(hive.cells)
    for path, _, node in reader.walk(hive.root_offset):
        if any(path.startswith(f"{key}\\") for key in keys[-1:]):
            continue
        if path and (account.is_named_in(node.name) or account.has_path_in("\\" + node.name)):
            keys.append(path)
            continue
        values += [(path, one) for one in reader.values(node) if _concerns(one, account)]
    for key in keys:
        session.delete_key(Location(loaded.name, key, join(shown, key)))
    for key, value in values:
        place = Location(loaded.name, key, join(shown, key))
        new = _without(value, account)
        if new is None:
            session.delete_value(place, value.name)
        else:
            session.set_value(place, value.name, value.type, new)
    session.replace_sid(loaded, str(account.sid), str(account.unused))


def _mentions(hive: Hive, account: Account) -> bool:
    """Return whether the bytes of a hive may name the profile's folder."""
    if account.folder is None:
        return False
    content = bytes(hive.cells.data).lower()
    leaf = account.folder.rpartition("\\")[2].lower()
    return any(leaf.encode(code, "replace") in content for code in ("utf-16-le", "latin-1"))


def _concerns(value: RawValue, account: Account) -> bool:
    return _without(value, account) != value.data


# Complex: one case for each form of data.
def _without(value: RawValue, account: Account) -> bytes | None:
    """Return the data of a value without the account; None if nothing is left."""
    if account.is_named_in(value.name) or account.has_path_in(value.name):
        return None
    decoded = types.decode(value.type, value.data)
    if isinstance(decoded, str):
        if decoded == str(account.sid):
            return None
        if not account.has_path_in(decoded):
            return value.data
        left = [one for one in decoded.split(";") if not account.has_path_in(one)]
        return types.encode(value.type, ";".join(left)) if any(left) else None
    if isinstance(decoded, list):
        strings = [one for one in decoded if not account.has_path_in(one)]
        if len(strings) == len(decoded):
            return value.data
        return types.encode(value.type, strings) if strings else None
    wide = (value.data[at : len(value.data) - (len(value.data) - at) % 2] for at in (0, 1))
    said = (*(one.decode("utf-16-le", "replace") for one in wide), value.data.decode("latin-1"))
    return None if any(map(account.has_path_in, said)) else value.data


# Tasks and files


def _tasks(session: Session, account: Account) -> None:
    top = session.installation.path(r"System32\Tasks")
    for path, entry in list(places.files(session, places.TASKS).items()):
        if account.is_named_in(entry.name) or _runs_as(session, path, entry.size, account):
            session.delete_file(path)
            tree = rf"{TASK_CACHE}\Tree\{path[len(top) + 1 :]}"
            number = session.registry.text(tree, "Id")
            session.delete_key(tree)
            for name in _TASK_LISTS if number else ():
                session.delete_key(rf"{TASK_CACHE}\{name}\{number}")


def _runs_as(session: Session, path: str, size: int, account: Account) -> bool:
    if size > _MAX_TASK:
        return False
    try:
        data = session.files.read(path)
    except TreeError as error:
        session.note(f"{path} was not examined: {error.message}")
        return False
    # Task files are UTF-16 with a byte order mark (seen); others are read as UTF-8.
    text = data.decode("utf-16" if data[:2] == b"\xff\xfe" else "utf-8", "replace")
    user = rf"<UserId>\s*(?:[^<\\]*\\)?{re.escape(account.name)}\s*</UserId>"
    return account.is_named_in(text) or re.search(user, text, re.IGNORECASE) is not None


def _files(session: Session, account: Account) -> None:
    for place in places.NAMES:
        for path, entry in list(places.found(session, place)):
            if account.is_named_in(entry.name) and session.files.stat(path) is not None:
                if entry.is_directory:
                    session.delete_tree(path)
                else:
                    session.delete_file(path)
