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
    "Delete the id of Defender for Endpoint and the data that its sensor collected",
    mark=Mark.DOCUMENTED,
    source="Microsoft, Onboard non-persistent VDI devices: before a golden image is sealed again, the "
    "Cyber folder is emptied and senseGuid deleted; senseGuid also appears in real action files",
    identity="the id of Defender for Endpoint",
)
def defender(session: Session) -> None:
    r"""The id under which the sensor reports to the portal.

    `senseGuid` under `Windows Advanced Threat Protection` identifies the device; the portal shows machines
    that share it as one device. The plan of newer Windows versions deletes it for 64-bit and 32-bit
    programs; older plans don't, so reseal always deletes it. It also deletes the data that the sensor
    has collected, as Microsoft asks for golden images. The instances of Security Center in the WMI
    repository are left to Windows.
    """
    for path in registry_views(SENSE):
        session.delete_value(path, "senseGuid")
    empty(session, CYBER)
