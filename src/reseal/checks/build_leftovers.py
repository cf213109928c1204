"""Leftovers of the build in a golden image, which every copy carries out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, warning
from reseal.mark import Mark
from reseal.windows import setup

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reseal.session import Session

WINLOGON = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon"
OOBE = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\OOBE"
RUN_ONCE = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\RunOnce"
PRE_SYSPREP = rf"{setup.SETUP}\FirstBoot\PreSysPrep"
FILE_SYSTEM = r"HKLM\SYSTEM\CurrentControlSet\Control\FileSystem"
SHORT_NAMES = "NtfsDisable8dot3NameCreation"
#: The default of Windows: each volume has its own setting.
_PER_VOLUME = 2
#: Windows 11, whose specialize fails over the setting (reported for current builds).
_WINDOWS_11 = 22000
_MAX_NAMES = 100


@check(
    "build-leftovers",
    "The build left no automatic logon and no commands for every copy.",
    mark=Mark.SEEN,
    source="Microsoft Deployment Toolkit resets AutoAdminLogon before Sysprep (seen); PreSysPrep: a log of "
    "a first boot (seen), the key inferred; NtfsDisable8dot3NameCreation: a failed specialize of Windows "
    "11 (seen), the cause inferred; RunOnce, SkipMachineOOBE: documented",
)
def build_leftovers(session: Session) -> Iterable[Finding]:
    r"""Sysprep does not change these, and every copy of the image carries them out.

    An automatic logon with its password, `SkipMachineOOBE` and `SkipUserOOBE`, commands in `RunOnce`,
    extensions in `Setup\FirstBoot\PreSysPrep` that windeploy.exe runs, and a global
    `NtfsDisable8dot3NameCreation`, over which specialize of current Windows 11 may fail.
    """
    yield from _logon(session)
    registry = session.registry
    skipped = [name for name in ("SkipMachineOOBE", "SkipUserOOBE") if registry.number(OOBE, name)]
    if skipped:
        yield warning(
            f"OOBE is told to skip its pages ({', '.join(skipped)}).",
            f"Delete the values in {OOBE}, or name what OOBE hides in the answer file.",
        )
    commands = _names(session, RUN_ONCE)
    if commands:
        yield warning(
            f"Commands run once at the first logon of every copy: {', '.join(commands)}.",
            f"Delete them from {RUN_ONCE} if only the build needs them.",
            items=tuple(commands),
        )
    extensions = _names(session, PRE_SYSPREP)
    if extensions:
        yield warning(
            "The first boot runs commands before specialize that Windows Setup left in "
            f"{PRE_SYSPREP}: {', '.join(extensions)}.",
            "Boot the image once more and let Setup finish; or delete the values.",
            items=tuple(extensions),
        )
    number = registry.number(FILE_SYSTEM, SHORT_NAMES)
    build = session.installation.build or _WINDOWS_11
    if number not in {None, _PER_VOLUME} and build >= _WINDOWS_11:
        yield warning(
            f"{SHORT_NAMES} is {number}, a setting for all volumes; specialize of current Windows 11 may "
            "stop at it (Sysprep_Specialize_NTFS_Online, inferred).",
            f"Set it to {_PER_VOLUME} in {FILE_SYSTEM}.",
        )


def _logon(session: Session) -> Iterator[Finding]:
    registry = session.registry
    logon = registry.value(WINLOGON, "AutoAdminLogon")
    password = registry.value(WINLOGON, "DefaultPassword")
    if logon in {None, "", "0", 0} and not password:
        return
    user = registry.text(WINLOGON, "DefaultUserName")
    what = (
        f"Every copy logs on as {user} automatically"
        if user
        else "Every copy logs on automatically"
    )
    if logon in {None, "", "0", 0}:
        what = "A password for automatic logon is kept"
    stored = ", and the password is in the registry as plain text" if password else ""
    yield warning(
        f"{what} (AutoAdminLogon, DefaultPassword){stored}.",
        f"Set AutoAdminLogon to 0 and delete DefaultPassword in {WINLOGON}.",
    )


def _names(session: Session, path: str) -> list[str]:
    values = session.registry.values(path)
    found = [value.name or "(default)" for value in values if value.data]
    more = len(found) - _MAX_NAMES
    return [*found[:_MAX_NAMES], *([f"{more} more"] if more > 0 else [])]
