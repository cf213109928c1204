"""MachineGuid, and the key files that carry it in their names."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider
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
    "Replace MachineGuid and rename the machine's key files after it",
    mark=Mark.REPORTED,
    source="names of the key files: reported by several administrators; what capisp.dll does: not "
    "confirmed, hence replaced rather than deleted",
    entry_points=("capisp.dll,CAPISysPrep_Generalize",),
)
def machine_guid(session: Session) -> None:
    r"""The identifier that programs take for the machine's.

    `SOFTWARE\Microsoft\Cryptography` `MachineGuid` gets a new value. The files of machine keys, under
    `ProgramData\Microsoft\Crypto` and in the profiles, are named after it: a new value alone would
    orphan the keys of IIS, Remote Desktop, WinRM and others, so the files are renamed in the same run
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
        _rename(session, folder, old, new)


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


def _rename(session: Session, top: str, old: str, new: str) -> None:
    pending = [(top, 0)]
    while pending:
        folder, depth = pending.pop()
        for entry in session.files.list(folder):
            path = join(folder, entry.name)
            if entry.is_directory:
                if depth < _DEPTH:
                    pending.append((path, depth + 1))
            elif entry.name[_CONTAINER:].lower() == f"_{old.lower()}":
                session.rename_file(path, f"{entry.name[:_CONTAINER]}_{new}")
