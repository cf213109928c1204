"""The self-signed certificate of Remote Desktop, with its private key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider
from reseal.providers.places import delete_matching, delete_subkeys
from reseal.tree import join

if TYPE_CHECKING:
    from reseal.session import Session

CERTIFICATES = r"HKLM\SOFTWARE\Microsoft\SystemCertificates\Remote Desktop\Certificates"
MACHINE_KEYS = r"ProgramData\Microsoft\Crypto\RSA\MachineKeys"
LISTENERS = r"Control\Terminal Server\WinStations"
#: The file name of the key container TSSecKeySet1, before the MachineGuid (reported).
KEY_FILE = "f686aace6942fb7f7ceb231212eef4a4_"


@provider(
    "rdp-certificate",
    "Delete Remote Desktop's self-signed certificate and its private key",
    mark=Mark.DOCUMENTED,
    source="Microsoft, An internal error occurs when you make an RDP connection to Azure Virtual "
    "Machines: the service creates a deleted certificate again when it starts; name of the key's file: "
    "reported (Microsoft's own diagnostic scripts among others)",
    entry_points=("tssysprep.dll,RCMSysPrepGeneralize", "capisp.dll,CAPISysPrep_Generalize"),
    identity="the certificate and key of Remote Desktop",
)
def rdp_certificate(session: Session) -> None:
    r"""The certificate by which Remote Desktop clients recognise the machine.

    It is kept in the store `SOFTWARE\Microsoft\SystemCertificates\Remote Desktop` and contains the
    machine's name. Its private key is in `MachineKeys`, its hash in `SelfSignedCertificate` of each
    listener. Clones would share the private key, so each could impersonate the others.

    No source says what Sysprep does here. reseal deletes certificate, key and hash, and Windows creates
    new ones when Remote Desktop starts. Certificates issued by an authority are in other stores and
    stay.
    """
    delete_subkeys(session, CERTIFICATES)
    delete_matching(session, join(MACHINE_KEYS, f"{KEY_FILE}*"))
    for control_set in session.registry.control_sets:
        path = rf"HKLM\SYSTEM\{control_set}\{LISTENERS}"
        for listener in session.registry.subkeys(path):
            session.delete_value(rf"{path}\{listener.name}", "SelfSignedCertificate")
