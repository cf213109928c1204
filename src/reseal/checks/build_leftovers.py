"""Leftovers of the build in a golden image, which every copy carries out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, warning
from reseal.mark import Mark
from reseal.windows import setup
from reseal.windows.accounts import accounts
from reseal.windows.named_accounts import WINLOGON

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reseal.session import Session

OOBE = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\OOBE"
_SKIPS = ("SkipMachineOOBE", "SkipUserOOBE")
RUN_ONCE = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\RunOnce"
#: As 32-bit programs see it (documented: WOW64).
_RUN_ONCE_32 = r"HKLM\SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\RunOnce"
#: Commands in subkeys, which are sections (documented: RunOnceEx).
_RUN_ONCE_EX = rf"{RUN_ONCE}Ex"
#: Where LSA keeps the password for automatic logon (documented: Autologon of Sysinternals).
LSA_PASSWORD = r"HKLM\SECURITY\Policy\Secrets\DefaultPassword"  # noqa: S105  a key
#: Commands of Windows Setup that windeploy.exe and OOBE run. OnError is left out: a finished
#: installation of Windows 10 1809 has a value there (seen).
_FIRST_BOOT = tuple(
    rf"{setup.SETUP}\FirstBoot\{name}"
    for name in ("PreSysPrep", "PostSysPrep", "PreOOBE", "PostOOBE")
)
FILE_SYSTEM = r"HKLM\SYSTEM\CurrentControlSet\Control\FileSystem"
SHORT_NAMES = "NtfsDisable8dot3NameCreation"
#: The default of Windows: each volume has its own setting.
_PER_VOLUME = 2
#: Windows 11, whose specialize fails over the setting (reported for current builds).
_WINDOWS_11 = 22000
#: Folders of a task sequence in the root of the volume.
_TASK_SEQUENCE = ("_SMSTaskSequence", "MININT")
#: Files that continue one at the next logon (reported: scripts that clean images delete them).
_CONTINUING = (
    "LTIBootstrap.vbs",
    r"ProgramData\Microsoft\Windows\Start Menu\Programs\Startup\LiteTouch.lnk",
)
#: The accounts with which OOBE runs; it removes the account at its end (reported).
_OOBE_USER = re.compile(r"defaultuser\d{1,6}", re.IGNORECASE)
_MAX_NAMES = 100
_MAX_OPTIONS = 5


@check(
    "build-leftovers",
    "The build left no automatic logon and no commands for every copy.",
    mark=Mark.SEEN,
    source="Microsoft Deployment Toolkit resets AutoAdminLogon before Sysprep (seen); FirstBoot: a log of "
    "a first boot (seen), the keys inferred; NtfsDisable8dot3NameCreation: a failed specialize of Windows "
    "11 (seen), the cause inferred; RunOnce, RunOnceEx, SkipMachineOOBE: documented; _SMSTaskSequence, "
    "MININT, LiteTouch.lnk, LTIBootstrap.vbs, defaultuser0 and its like: reported",
)
def build_leftovers(session: Session) -> Iterable[Finding]:
    r"""Every copy of the image carries these out; Sysprep is not known to change them.

    An automatic logon with its password, in the registry or in LSA; `SkipMachineOOBE` and `SkipUserOOBE`;
    commands in `RunOnce` and `RunOnceEx`; extensions in `Setup\FirstBoot`; remains of a task sequence
    (`_SMSTaskSequence`, `MININT`, `LiteTouch.lnk`), which a new one may take for its own; accounts of OOBE
    such as `defaultuser0`, or their profiles; and a global `NtfsDisable8dot3NameCreation`, over which
    specialize of current Windows 11 may fail. Each finding names the options of `customize` and
    `generalize` that remove it.
    """
    yield from _logon(session)
    yield from _oobe(session)
    yield from _run_once(session)
    yield from _extensions(session)
    yield from _task_sequence(session)
    yield from _oobe_users(session)
    yield from _short_names(session)


def _logon(session: Session) -> Iterator[Finding]:
    registry = session.registry
    on = registry.value(WINLOGON, "AutoAdminLogon") not in {None, "", "0", 0}
    plain = bool(registry.value(WINLOGON, "DefaultPassword"))
    # Finished installations of Windows 8.1 and 10 that never logged on automatically have the secret (seen).
    secret = on and registry.key(LSA_PASSWORD) is not None
    if not (on or plain):
        return
    user = registry.text(WINLOGON, "DefaultUserName")
    what = f"Every copy logs on{f' as {user}' if user else ''} automatically"
    if not on:
        what = "A password for automatic logon is kept"
    kept = [
        text
        for text, there in (
            ("in the registry as plain text (DefaultPassword)", plain),
            ("as a secret of LSA, which administrators can read", secret),
        )
        if there
    ]
    stored = f"; the password is {' and '.join(kept)}" if kept else ""
    yield warning(
        f"{what} (AutoAdminLogon){stored}.",
        "Turn automatic logon off and delete the password with --autologon-off.",
    )


def _oobe(session: Session) -> Iterator[Finding]:
    skipped = [name for name in _SKIPS if session.registry.number(OOBE, name)]
    if skipped:
        yield warning(
            f"OOBE is told to skip its pages ({', '.join(skipped)}), a setting for tests only.",
            f"Delete the values with {_deleting(OOBE, skipped)}, and hide pages with an answer file.",
        )


def _run_once(session: Session) -> Iterator[Finding]:
    sections = [one.name for one in session.registry.subkeys(_RUN_ONCE_EX)][:_MAX_OPTIONS]
    extended = [rf"{_RUN_ONCE_EX}\{section}" for section in sections]
    for key in (RUN_ONCE, _RUN_ONCE_32, *extended):
        commands = _names(session, key)
        if commands:
            whole = key in extended
            deleting = f"--reg-delete '{key}'" if whole else _deleting(key, commands)
            yield warning(
                f"Commands{' of RunOnceEx' if whole else ''} run once at the first logon of every copy: "
                f"{_shown(commands)}.",
                f"If only the build needs them, delete them with {deleting}.",
                items=_shown_items(commands),
            )


def _extensions(session: Session) -> Iterator[Finding]:
    for key in _FIRST_BOOT:
        extensions = _names(session, key)
        if extensions:
            yield warning(
                "The first boot runs commands that an upgrade of Windows left in "
                f"{key}: {_shown(extensions)}.",
                "Boot the image once more and let Setup finish; or delete them with "
                f"{_deleting(key, extensions)}.",
                items=_shown_items(extensions),
            )


def _task_sequence(session: Session) -> Iterator[Finding]:
    for name in (*_TASK_SEQUENCE, *_CONTINUING):
        stat = session.files.stat(name)
        if stat is not None and stat.is_directory == (name in _TASK_SEQUENCE):
            path = rf"{session.registry.drive}\{name}"
            yield warning(
                f"{path} is left of a task sequence (MDT or Configuration Manager). It may hold credentials, "
                "and a new task sequence may continue the old one.",
                f"Delete it with --delete '{path}'.",
                items=(name,),
            )


def _oobe_users(session: Session) -> Iterator[Finding]:
    names = [one.name for one in accounts(session.registry) if _OOBE_USER.fullmatch(one.name)]
    for name in names[:_MAX_OPTIONS]:
        yield warning(
            f"The account {name} is left, with which OOBE runs and which OOBE removes at its end.",
            f"Remove it with --remove-user {name}.",
        )
    known = {name.casefold() for name in names}
    folder = session.files.stat("Users")
    profiles = session.files.list("Users") if folder and folder.is_directory else []
    left = [one.name for one in profiles if _OOBE_USER.fullmatch(one.name)]
    for name in [one for one in left if one.casefold() not in known][:_MAX_OPTIONS]:
        path = rf"{session.registry.drive}\Users\{name}"
        yield warning(
            f"{path} is left, the profile of an account with which OOBE ran and which is gone.",
            f"Delete it with --delete '{path}'.",
        )


def _short_names(session: Session) -> Iterator[Finding]:
    number = session.registry.number(FILE_SYSTEM, SHORT_NAMES)
    build = session.installation.build or _WINDOWS_11
    if number not in {None, _PER_VOLUME} and build >= _WINDOWS_11:
        yield warning(
            f"{SHORT_NAMES} is {number}, a setting for all volumes; specialize of current Windows 11 may "
            "stop at it (Sysprep_Specialize_NTFS_Online in spntfs.dll; the cause is inferred).",
            f"Set it to the default with --reg-set '{FILE_SYSTEM}' {SHORT_NAMES} REG_DWORD {_PER_VOLUME}.",
        )


def _names(session: Session, key: str) -> list[str]:
    """Return the names of the values with data; the default value has an empty name."""
    return [one.name for one in session.registry.values(key) if one.data][:_MAX_NAMES]


def _shown_items(names: list[str]) -> tuple[str, ...]:
    return tuple(name or "(default)" for name in names)


def _shown(names: list[str]) -> str:
    return ", ".join(_shown_items(names))


def _deleting(key: str, names: list[str]) -> str:
    """Return the options that delete values of a key."""
    options = [rf"--reg-delete '{key}\\{name}'" for name in names[:_MAX_OPTIONS]]
    return " ".join(options) + (" and so on" if len(names) > _MAX_OPTIONS else "")
