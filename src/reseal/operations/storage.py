r"""Let every driver between Windows and its disk start at boot.

| what | how | mark, source |
|---|---|---|
| drivers that Windows held back on its last hardware | `StartOverride` deleted; Windows 7: `Start` 0 | see `reseal.providers.pnp.start` |
| disabled drivers of the storage stack | `Start` 0, for Ntfs 3 | documented: Microsoft, Stop error 7B; Ntfs: seen |
| a policy that keeps the kernel from installing drivers | `DisableCDDB`, `DontStartRawDevices` 0 | documented: KB2773300 |
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark

if TYPE_CHECKING:
    from reseal.session import Session

PNP = r"HKLM\SYSTEM\CurrentControlSet\Control\PnP"
POLICIES = ("DisableCDDB", "DontStartRawDevices")
_NTFS = "Ntfs"


def enable(session: Session) -> None:
    """Stage the changes for every control set."""
    from reseal.providers.pnp.start import start_all
    from reseal.rehearsal.stages.storage import STACK
    from reseal.windows.services import BOOT, MANUAL, SERVICES

    with session.acting("storage-drivers", Mark.DOCUMENTED):
        start_all(session)
        for name, allowed in STACK.items():
            path = rf"{SERVICES}\{name}"
            start = session.registry.number(path, "Start")
            if session.registry.key(path) is not None and start not in allowed:
                session.set_number(path, "Start", MANUAL if name == _NTFS else BOOT)
        for name in POLICIES:
            if session.registry.number(PNP, name):
                session.set_number(PNP, name, 0)
