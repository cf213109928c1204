r"""Local accounts: remove, enable and disable them, and set their passwords.

| what | where | mark, source |
|---|---|---|
| accounts and their groups | SAM; see `reseal.unattend.local_accounts` | seen, reported |
| profiles | `ProfileList\<SID>`, `ProfileGuid\{…}!SidString` | seen |
| automatic logon | `Winlogon`: AutoAdminLogon, DefaultPassword, AutoLogonCount, ForceAutoLogon, AutoLogonSID | documented: Microsoft, Configure Windows to automate logon; the last: reported |
| its password, if kept as a secret | `SECURITY\Policy\Secrets\DefaultPassword` | documented: Microsoft, Protecting the Automatic Logon Password; the place: reported |
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

from reseal.answerfile import Secret
from reseal.customize import traces
from reseal.customize.files import refuse_vital
from reseal.customize.shared import LAST_ADMINISTRATOR, Run
from reseal.customize.step import Given
from reseal.errors import CheckError, UsageError, os_errors
from reseal.hostfile import open_regular
from reseal.ntfs import Volume, secure
from reseal.session import Session
from reseal.session.change import State
from reseal.unattend.local_accounts import LocalAccounts
from reseal.windows.accounts import accounts
from reseal.windows.names import PROFILE_LIST
from reseal.windows.sid import Sid

WINLOGON = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon"
_SECRET = r"HKLM\SECURITY\Policy\Secrets\DefaultPassword"  # noqa: S105  a key's name
_PROFILE_GUID = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileGuid"
_LOGON_UI = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Authentication\LogonUI"
#: What the logon screen remembers of the last user (seen).
_LAST = ("LastLoggedOnUser", "LastLoggedOnSAMUser", "LastLoggedOnDisplayName")
#: With this OOBE logs the first account on; it holds machine and account in clear text (seen in a real hive).
_BROKER = r"HKU\.DEFAULT\Software\Microsoft\Windows\CurrentVersion\OOBE\Broker"
_BUFFER = "LocalSystemAuthBuffer"
_FIRST_RID = 1000
#: Far longer than any password.
_MAX_PASSWORD = 4096


def remove_user(run: Run, given: Given) -> None:
    """Do the step `remove-user`."""
    user = given.text("user")
    session = run.session
    local = LocalAccounts(session)
    rid = _find(local, session, user)
    if rid < _FIRST_RID:
        msg = f"{user} is a built-in account of Windows, which can't be removed."
        raise UsageError(msg, "Disable it with --disable-user.")
    before = local.administrators()
    sid = local.sid(rid)
    folder = session.registry.profiles.get(str(sid).upper())
    if folder is not None:
        _refuse_foreign_folder(session, folder, sid)
    if _text(session, WINLOGON, "DefaultUserName").casefold() == user.casefold():
        _autologon_off(session)
        session.delete_value(WINLOGON, "DefaultUserName")
    local.remove(rid)
    _refuse_last(run, local, before, user)
    if folder is not None:
        session.delete_tree(folder)
    elif place := session.registry.placed_profiles.get(str(sid).upper()):
        session.note(
            f"The profile of {user}, {place.path}, is not in this image and was not deleted."
        )
    session.registry.forget_profile(str(sid))
    for name in [one.name for one in session.registry.subkeys(_PROFILE_GUID)]:
        if _text(session, rf"{_PROFILE_GUID}\{name}", "SidString") == str(sid):
            session.delete_key(rf"{_PROFILE_GUID}\{name}")
    for name in _LAST:
        if _text(session, _LOGON_UI, name).rpartition("\\")[2].casefold() == user.casefold():
            session.delete_value(_LOGON_UI, name)
    buffer = session.registry.value(_BROKER, _BUFFER)
    if isinstance(buffer, bytes) and user.encode("utf-16-le") in buffer:
        session.delete_value(_BROKER, _BUFFER)
    unused = _unused(session, local, rid)
    traces.remove(session, traces.Account(user, sid, unused, folder))
    _patch_descriptors(session, sid, unused)


class Password:
    """The step `password`."""

    def __init__(self, given: Given) -> None:
        self._user = given.text("user")
        kind, _, path = given.text("password").partition(":")
        if kind != "file" or not path:
            msg = "The password must be in a file."
            raise UsageError(msg, "Write USER:file:PATH, and put the password into the file.")
        place = given.folder / path
        hint = "Name a readable file."
        with os_errors(f"{place} can't be read", hint=hint), open_regular(place) as file:
            line = file.readline(_MAX_PASSWORD)
        try:
            self._password = Secret(line.decode("utf-8-sig").rstrip("\r\n"))
        except UnicodeDecodeError:
            msg = f"{place} is not in UTF-8."
            raise UsageError(msg, "Save it as UTF-8.") from None
        if not self._password:
            msg = f"The first line of {place} has no password."
            raise UsageError(msg, "Write the password there.")

    def stage(self, run: Run) -> None:
        """Stage the password."""
        local = LocalAccounts(run.session)
        local.set_password(_find(local, run.session, self._user), self._password)


def disable_user(run: Run, given: Given) -> None:
    """Do the step `disable-user`."""
    user = given.text("user")
    local = LocalAccounts(run.session)
    before = local.administrators()
    local.enable(_find(local, run.session, user), enabled=False)
    _refuse_last(run, local, before, user)


def enable_user(run: Run, given: Given) -> None:
    """Do the step `enable-user`."""
    user = given.text("user")
    local = LocalAccounts(run.session)
    local.enable(_find(local, run.session, user))


def autologon_off(run: Run, _: Given) -> None:
    """Do the step `autologon-off`."""
    _autologon_off(run.session)


def _autologon_off(session: Session) -> None:
    """Stage the end of automatic logon."""
    session.set_text(WINLOGON, "AutoAdminLogon", "0")
    for name in ("DefaultPassword", "AutoLogonCount", "ForceAutoLogon", "AutoLogonSID"):
        session.delete_value(WINLOGON, name)
    session.delete_key(_SECRET)


def _find(local: LocalAccounts, session: Session, name: str) -> int:
    rid = local.find(name)
    if rid is None:
        known = ", ".join(one.name for one in accounts(session.registry)[:20])
        msg = f"The image has no local account {name}."
        raise UsageError(msg, f"It has {known}." if known else None)
    return rid


def _refuse_last(run: Run, local: LocalAccounts, before: list[int], name: str) -> None:
    if LAST_ADMINISTRATOR in run.force or not before or local.administrators():
        return
    msg = f"{name} is the last administrator who can log on."
    raise CheckError(
        msg,
        "Enable another one first (--enable-user Administrator), or use "
        f"--force {LAST_ADMINISTRATOR}.",
    )


def _refuse_foreign_folder(session: Session, folder: str, sid: Sid) -> None:
    """Raise CheckError if the folder holds more than the profile; ProfileList may name any folder."""
    refuse_vital(session, folder)
    root = session.installation.root.lower()
    others = [path for name, path in session.registry.profiles.items() if name != str(sid).upper()]
    others += [session.registry.default_profile, r"Users\Public"]
    own = f"{folder.lower()}\\"
    if f"{root}\\".startswith(own) or any(f"{one.lower()}\\".startswith(own) for one in others):
        msg = (
            f"ProfileList names {folder or 'the root'} as the account's profile, but it holds more."
        )
        raise CheckError(msg, rf"Correct {PROFILE_LIST}\{sid} first.")


def _unused(session: Session, local: LocalAccounts, rid: int) -> Sid:
    """Return an unused SID of the same length, which Windows will not assign soon."""
    taken = {one.rid for one in accounts(session.registry)}
    number = 10 ** len(str(rid)) - 1
    while number in taken:
        number -= 1
    return local.sid(number)


def _patch_descriptors(session: Session, old: Sid, new: Sid) -> None:
    """Stage another SID in the permissions of files; those of all files are kept in one place."""
    volumes = session.installation.volumes
    for part in session.parts:
        if not part.system and part.number not in volumes.others:
            continue
        name = f"volume {part.number}"
        patch = secure.replacing(part.device, old.to_bytes(), new.to_bytes(), name)
        if not patch.writes:
            continue
        tree = volumes.own if part.system else volumes.tree(part.number)
        if isinstance(tree, Volume):
            secure.require_clean(tree.state, name)
        before: State = {"sid": str(old), "descriptors": patch.changed}
        session.patch_volume(part, "$Secure", patch.writes, before, {"sid": str(new)})


def _text(session: Session, path: str, name: str) -> str:
    return session.registry.text(path, name) or ""
