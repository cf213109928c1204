"""Remote Desktop: the host's own certificate and identifiers."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider
from reseal.windows.values import text

if TYPE_CHECKING:
    from reseal.session import Session

TERMINAL_SERVER = r"Control\Terminal Server"
#: The host's certificates for RDP's own encryption (documented; CertificateOld: seen).
_CERTIFICATES = (
    "Certificate",
    "CertificateOld",
    "X509 Certificate",
    "X509 Certificate2",
    "X509 Certificate ID",
)
#: The start of the grace period for licenses; the name is the same on every host.
_GRACE = "L$RTMTIMEBOMB_1320153D-8DA3-4e8e-B27B-0D888223A588"


@provider(
    "terminal-services",
    "Delete the Remote Desktop host's own certificates, identifier and grace period",
    mark=Mark.REPORTED,
    source="certificates: documented (Microsoft, Terminal Services event 1003: delete them, and the "
    "host creates new ones when it starts); InstanceID and CertificateOld: seen in real SYSTEM hives; "
    "place of the grace period: reported; that Sysprep resets it: not confirmed",
    entry_points=("tssysprep.dll,RCMSysPrepGeneralize",),
)
def terminal_services(session: Session) -> None:
    r"""The identity of a Remote Desktop host towards clients and license servers.

    `Control\Terminal Server\RCM` holds the certificates for RDP's own encryption, which the host creates
    at its first start. `GracePeriod` holds the start of the 120 days without licenses, and `InstanceID`
    identifies the host. Clones would show the same certificate and identifier.

    Sysprep generalizes the connection manager. In every control set, reseal deletes the certificates,
    which the host creates again, and the value of the grace period, and gives InstanceID a new random
    value of the same form. fDenyTSConnections and all connection settings stay. The private keys and the
    copy of the grace period among the LSA secrets stay, since no source confirms how Windows works
    without them.
    """
    fresh = str(uuid.UUID(bytes=session.random(16), version=4))
    for control_set in session.registry.control_sets:
        path = rf"HKLM\SYSTEM\{control_set}\{TERMINAL_SERVER}"
        for name in _CERTIFICATES:
            session.delete_value(rf"{path}\RCM", name)
        session.delete_value(rf"{path}\RCM\GracePeriod", _GRACE)
        old = text(session.registry.key(path), "InstanceID")
        if old:
            # Windows keeps 31 of the 36 characters (seen).
            session.set_text(path, "InstanceID", fresh[: len(old)])
