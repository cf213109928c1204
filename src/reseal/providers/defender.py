"""The identity of Microsoft Defender for Endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider
from reseal.providers.places import empty, registry_views

if TYPE_CHECKING:
    from reseal.session import Session

SENSE = r"HKLM\SOFTWARE\Microsoft\Windows Advanced Threat Protection"
CYBER = r"ProgramData\Microsoft\Windows Defender Advanced Threat Protection\Cyber"


@provider(
    "defender",
    "Delete the id of Defender for Endpoint and what its sensor has gathered",
    mark=Mark.DOCUMENTED,
    source="Microsoft, Onboard non-persistent VDI devices: before a golden image is sealed again, the "
    "Cyber folder is emptied and senseGuid deleted; senseGuid also stands in real action files",
)
def defender(session: Session) -> None:
    r"""The id under which the sensor reports to its portal.

    `senseGuid` under `Windows Advanced Threat Protection` names the device; machines that share it
    are one device in the portal. The plan of newer versions deletes it itself, for 64-bit and 32-bit
    programs; older ones do not, so it is deleted here as well, and the data that the sensor has
    gathered since it started is deleted with it, as Microsoft asks for golden images. What the
    instances of the security center are in the WMI repository is left to Windows.
    """
    for path in registry_views(SENSE):
        session.delete_value(path, "senseGuid")
    empty(session, CYBER)
