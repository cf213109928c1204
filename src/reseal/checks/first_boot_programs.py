"""The programs that the first boot needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, error
from reseal.mark import Mark
from reseal.windows import setup

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session

#: What each does at the next boot.
_WORK = {
    setup.SETUPCL_EXE: "gives the machine its new SID",
    setup.WINDEPLOY: "runs specialize and OOBE",
}


@check(
    "first-boot-programs",
    "The programs that the first boot needs are in the image.",
    mark=Mark.SEEN,
    source="windeploy.exe: logs of first boots (seen); setupcl.exe: event messages of "
    "Microsoft-Windows-SetupCl (seen)",
    order=30,  # the state of Windows as a whole
)
def first_boot_programs(session: Session) -> Iterable[Finding]:
    r"""An armed image starts setupcl.exe and oobe\windeploy.exe; without them it can't be deployed.

    Where windeploy.exe is missing, winlogon can't start what SetupType and CmdLine ask for. Where
    setupcl.exe is missing, every copy keeps the machine SID.
    """
    for path in setup.missing_programs(session.installation, session.files.stat):
        work = next(text for name, text in _WORK.items() if path.lower().endswith(name.lower()))
        yield error(
            f"{path}, which {work} at the first boot, is missing.",
            "Restore it from installation media of the same version.",
            items=(path,),
        )
