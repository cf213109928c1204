"""Activation: what stays, what Windows does, and the rearm at the first boot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider
from reseal.providers.places import configuration

if TYPE_CHECKING:
    from reseal.session import Session

PLATFORM = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\SoftwareProtectionPlatform"
SKIP_REARM = "SkipRearm"
#: Runs once after OOBE, as SYSTEM, before the first logon (documented).
SETUP_COMPLETE = r"Setup\Scripts\SetupComplete.cmd"
#: The switch that asks for it.
REARM = "rearm"
#: The first build with eight instead of three (documented).
WINDOWS_8 = 9200
_COMMAND = b"@cscript.exe //B //Nologo %SystemRoot%\\System32\\slmgr.vbs /rearm"


@provider(
    "licensing",
    "Say what becomes of the activation, and stage its rearm if asked for",
    mark=Mark.DOCUMENTED,
    source="Microsoft, Slmgr.vbs Options (/rearm, SkipRearm); Microsoft-Windows-Security-SPP, "
    "SkipRearm; Add a Custom Script to Windows Setup (SetupComplete.cmd, not with OEM keys)",
)
def licensing(session: Session) -> None:
    r"""The grace period and the activation of this copy of Windows.

    Sysprep rearms the activation unless `SkipRearm` is 1. The license store (tokens.dat, data.dat,
    the keys under WPA, the store of the Client License Service) is sealed, and only a running Windows
    can rearm it, so reseal touches none of it: the remaining time of a grace period is inherited, and
    a copy that activates by KMS, Active Directory or a digital license does so anew on its new
    hardware. How many rearms are left (documented: 3 up to Windows 7, 8 runs of Sysprep from 8 on) can't be
    read offline.

    With the switch `rearm`, `slmgr /rearm` is put in front of `Setup\Scripts\SetupComplete.cmd`, which
    Windows runs once after OOBE, and `SkipRearm` is set to 0 where it is 1, since it would forbid the
    rearm. It takes effect with the next restart. In front, so that a script that ends early or
    restarts Windows does not keep it from running; what the script holds stays.
    """
    skipped = session.registry.number(PLATFORM, SKIP_REARM) == 1
    if REARM not in session.switches:
        session.note(
            "Activation was left to Windows: the license is sealed and can't be rearmed offline, so "
            "clones inherit what remains of a grace period"
            + (" (SkipRearm is 1: Sysprep would not have rearmed it either)" if skipped else "")
            + ". How many rearms are left is not checkable in a powered-off image. --rearm stages "
            "slmgr /rearm for the first boot."
        )
        return
    if skipped:
        session.set_number(PLATFORM, SKIP_REARM, 0)
    path = session.installation.path(SETUP_COMPLETE)
    old = configuration(session, path)
    if old is None and session.files.stat(path) is not None:
        session.note(f"The rearm was not staged, since {path} can't be read.")
        return
    if _COMMAND not in (old or b""):
        session.write_file(path, _COMMAND + b"\r\n" + (old or b""))
    session.note(
        f"slmgr /rearm is staged in {path} and takes effect with the restart after the first boot. "
        "Windows skips that script where it was installed with an OEM product key (except Enterprise "
        f"editions and Windows Server). Whether a rearm is left (documented: {_allowed(session)}) is not "
        "checkable in a powered-off image."
    )


def _allowed(session: Session) -> str:
    before_8 = (session.installation.build or WINDOWS_8) < WINDOWS_8
    return "3 rearms in this Windows" if before_8 else "8 runs of Sysprep"
