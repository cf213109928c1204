"""MachineGuid, and the key files named after it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider
from reseal.providers.places import files_below
from reseal.tree import join
from reseal.windows.identity import CRYPTOGRAPHY

if TYPE_CHECKING:
    from reseal.session import Session

_WOW64_CRYPTOGRAPHY = CRYPTOGRAPHY.replace("SOFTWARE", r"SOFTWARE\WOW6432Node")
#: `<md5 of the container's name>_<MachineGuid>`.
_CONTAINER = 32
_DEPTH = 3


@provider(
    "machine-guid",
    "Replace MachineGuid and rename the machine's key files to match",
    mark=Mark.REPORTED,
    source="names of the key files: reported by several administrators; what capisp.dll does: not "
    "confirmed, hence replaced rather than deleted",
    entry_points=("capisp.dll,CAPISysPrep_Generalize",),
)
def machine_guid(session: Session) -> None:
    r"""The identifier that many programs use to recognise a machine.

    `MachineGuid` in `SOFTWARE\Microsoft\Cryptography` gets a new value. Machine key files under
    `ProgramData\Microsoft\Crypto` and in the profiles carry it in their names. A new value alone would
    orphan the keys of IIS, Remote Desktop, WinRM and others, so reseal renames the files in the same run
    (files of profiles: inferred). The keys themselves stay.
    """
    old = session.registry.text(CRYPTOGRAPHY, "MachineGuid")
    if old is None:
        return
    new = str(uuid.UUID(bytes=session.random(16), version=4))
    for path in (CRYPTOGRAPHY, _WOW64_CRYPTOGRAPHY):
        if session.registry.text(path, "MachineGuid") is not None:
            session.set_text(path, "MachineGuid", new)
    for folder in _key_folders(session):
        for path in list(files_below(session, folder, _DEPTH)):
            name = path.rpartition("\\")[2]
            if name[_CONTAINER:].lower() == f"_{old.lower()}":
                session.rename_file(path, f"{name[:_CONTAINER]}_{new}")


def _key_folders(session: Session) -> list[str]:
    registry, windows = session.registry, session.installation.root
    profiles = {
        *registry.profiles.values(),
        join(windows, r"System32\config\systemprofile"),
        join(windows, r"SysWOW64\config\systemprofile"),
    }
    return [
        r"ProgramData\Microsoft\Crypto",
        *sorted(join(profile, r"AppData\Roaming\Microsoft\Crypto") for profile in profiles),
    ]
