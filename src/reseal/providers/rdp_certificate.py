"""The self-signed certificate of Remote Desktop, with its private key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider
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
    "Machines: a deleted certificate is made anew when the service starts; name of the key's file: "
    "reported (Microsoft's own diagnostic scripts among others)",
    entry_points=("tssysprep.dll,RCMSysPrepGeneralize", "capisp.dll,CAPISysPrep_Generalize"),
)
def rdp_certificate(session: Session) -> None:
    r"""By what Remote Desktop clients recognise the machine.

    The certificate lies in the store `SOFTWARE\Microsoft\SystemCertificates\Remote Desktop`, with the
    machine's name in it, its private key in `MachineKeys`, and its hash in `SelfSignedCertificate` of
    each listener. Clones would share the private key, so that each could pass for all others.

    What Sysprep does here is in no source. reseal deletes certificate, key and hash, and Windows makes
    new ones when Remote Desktop starts. Certificates of an authority, which lie in other stores, stay.
    """
    key = session.registry.key(CERTIFICATES)
    for certificate in list(key.subkeys()) if key else ():
        session.delete_key(rf"{CERTIFICATES}\{certificate.name}")
    for entry in session.files.list(MACHINE_KEYS):
        if not entry.is_directory and entry.name.lower().startswith(KEY_FILE):
            session.delete_file(join(MACHINE_KEYS, entry.name))
    for control_set in session.registry.control_sets:
        path = rf"HKLM\SYSTEM\{control_set}\{LISTENERS}"
        listeners = session.registry.key(path)
        for listener in list(listeners.subkeys()) if listeners else ():
            session.delete_value(rf"{path}\{listener.name}", "SelfSignedCertificate")
