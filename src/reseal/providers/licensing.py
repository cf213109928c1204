"""Activation: the license stays; a rearm can be staged for the first boot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider
from reseal.providers.places import configuration
from reseal.windows.licensing import PLATFORM, is_volume

if TYPE_CHECKING:
    from reseal.session import Session

SKIP_REARM = "SkipRearm"
#: Runs once after OOBE, as SYSTEM, before the first logon (documented).
SETUP_COMPLETE = r"Setup\Scripts\SetupComplete.cmd"
#: The switches that enable it: always, or for copies that are licensed by volume.
REARM, REARM_VOLUME = "rearm", "rearm-volume"
#: The first build with eight rearms instead of three (documented).
WINDOWS_8, WINDOWS_8_1 = 9200, 9600
_COMMAND = b"@cscript.exe //B //Nologo %SystemRoot%\\System32\\slmgr.vbs /rearm"


@provider(
    "licensing",
    "Report the state of the activation, and stage its rearm with --rearm",
    mark=Mark.DOCUMENTED,
    source="Microsoft, Slmgr.vbs Options (/rearm, SkipRearm); Microsoft-Windows-Security-SPP, "
    "SkipRearm; Add a Custom Script to Windows Setup (SetupComplete.cmd, not with OEM keys)",
)
def licensing(session: Session) -> None:
    r"""The grace period and the activation of this copy of Windows.

    Sysprep rearms the activation unless `SkipRearm` is 1. The license store (tokens.dat, data.dat, the
    keys under WPA, the store of the Client License Service) is sealed, and only a running Windows can
    rearm it. reseal therefore leaves it alone: clones inherit the rest of a grace period, and a copy
    that activates by KMS, Active Directory or a digital license activates again on its new hardware.
    The number of rearms left (documented: 3 rearms up to Windows 7; 8 runs of Sysprep in the texts on
    Windows 8; 1001 in the current page, for Windows 8.1, Server 2012 and later) can't be read offline.

    Clients of a key management service (KMS) share a client machine id, by which the service counts
    them, until a rearm renews it (documented).

    With the switch `rearm`, reseal inserts `slmgr /rearm` at the top of
    `Setup\Scripts\SetupComplete.cmd`, which Windows runs once after OOBE, and sets `SkipRearm` to 0 if it
    is 1, since it would prevent the rearm. The rearm takes effect with the next restart. The command
    comes first, so that a script that ends early or restarts Windows can't skip it; the rest of the
    script stays. `reseal sysprep /generalize` sets the switch for copies that are licensed by volume,
    unless `--no-rearm` is given.
    """
    skipped = session.registry.number(PLATFORM, SKIP_REARM) == 1
    if not is_rearmed(session):
        session.note(
            "The activation is unchanged: the license is sealed and can't be rearmed offline, so "
            "clones inherit the rest of the grace period"
            + (" (SkipRearm is 1, so Sysprep would not rearm it either)" if skipped else "")
            + ". --rearm stages slmgr /rearm for the first boot."
        )
        return
    if skipped:
        session.set_number(PLATFORM, SKIP_REARM, 0)
    path = session.installation.path(SETUP_COMPLETE)
    old = configuration(session, path)
    if old is None and session.files.stat(path) is not None:
        session.note(f"The rearm was not staged: {path} can't be read.")
        return
    if _COMMAND not in (old or b""):
        session.write_file(path, _COMMAND + b"\r\n" + (old or b""))
    asked = "" if REARM in session.switches else " Sysprep rearms, too; --no-rearm leaves it out."
    session.note(
        f"slmgr /rearm is staged in {path}: it runs at the first boot, after OOBE, and takes effect with "
        "the next restart. Windows skips that script if it was installed with an OEM product key (except "
        "Enterprise editions and Windows Server). It may use up a rearm; whether one is left (documented: "
        f"{_allowed(session)}) can't be read from a powered-off image.{asked}"
    )


def is_rearmed(session: Session) -> bool:
    """Whether the run stages a rearm."""
    if REARM in session.switches:
        return True
    return REARM_VOLUME in session.switches and is_volume(session.installation)


def _allowed(session: Session) -> str:
    build = session.installation.build or WINDOWS_8_1
    if build < WINDOWS_8:
        return "3 rearms in this Windows"
    return "8 runs of Sysprep" if build < WINDOWS_8_1 else "1001 runs of Sysprep"
