"""TLS certificates that the machine's own listeners show, with their private keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.certificates import Keys
from reseal.providers.declaration import provider
from reseal.windows.certificates import listeners

if TYPE_CHECKING:
    from reseal.session import Session

#: After machine-guid, which renames the files of keys.
_AFTER = 80


@provider(
    "machine-certificates",
    "Delete the TLS certificates of WinRM, IIS and Remote Desktop with their private keys",
    mark=Mark.REPORTED,
    source="places of the listeners' references: documented for Remote Desktop (Microsoft, Remote Desktop "
    "listener certificate configurations), reported for WinRM and HTTP.sys; that images share the key of a "
    "self-signed certificate: https://github.com/hashicorp/packer/issues/9410; form of the stores: seen in "
    "real hives",
    default=False,
    beyond=True,
    identity="the TLS certificates and private keys of the machine's listeners",
    renewal="Create a certificate and a listener in each clone: `winrm quickconfig -transport:https`, or a "
    "binding in IIS; Remote Desktop creates its own.",
    order=_AFTER,
)
def machine_certificates(session: Session) -> None:
    r"""The certificates by which clients of WinRM over HTTPS, IIS and Remote Desktop recognise the machine.

    Clones share the private key, so each can impersonate the others, and the certificate names the old
    machine. Sysprep leaves them. reseal deletes each certificate that a listener refers to, the file of
    its private key, and the reference: the WinRM listener, the binding of HTTP.sys, the hash of Remote
    Desktop, which then uses a self-signed certificate. Listeners without TLS stay. A key that another
    certificate uses stays, too. Certificates of the Configuration Manager client belong to the provider
    configuration-manager, self-signed ones of Remote Desktop to rdp-certificate.

    Only a listener's certificate is found; other certificates of the store stay.
    """
    keys = Keys(session)
    for listener in listeners(session.registry):
        keys.delete(listener.store, listener.thumbprint)
        if listener.value is None:
            session.delete_key(listener.key)
        else:
            session.delete_value(listener.key, listener.value)
