"""TLS certificates of the machine's listeners."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, note, warning
from reseal.mark import Mark
from reseal.providers.machine_certificates import machine_certificates as provider
from reseal.windows import certificates

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session


@check(
    "machine-certificates",
    "No listener of the machine shows a TLS certificate of its own.",
    mark=Mark.REPORTED,
    source="places: see the provider machine-certificates; WinRM over HTTPS in images: "
    "https://github.com/hashicorp/packer/issues/9410",
)
def machine_certificates(session: Session) -> Iterable[Finding]:
    """Copies that share the private key of a TLS certificate can impersonate each other.

    Listeners of WinRM over HTTPS, of HTTP.sys (IIS) and of Remote Desktop name the certificate by its
    thumbprint. Those of the Configuration Manager client are in a store of their own, which generalizing
    empties.
    """
    found = certificates.listeners(session.registry)
    said = list(dict.fromkeys(f"{one.service} {one.name}: {one.thumbprint}" for one in found))
    folder = certificates.certificate_key(certificates.SMS, "").rstrip("\\")
    clients = [
        f"Configuration Manager client: {key.name}" for key in session.registry.subkeys(folder)
    ]
    if said and provider.is_off(session.switches):
        names = ", ".join(dict.fromkeys(one.service for one in found))
        yield warning(
            f"Every copy would share the TLS certificates of {names}, with their private keys.",
            "Create them in each copy; or remove them, with the listeners that need them, with "
            "--enable machine-certificates.",
            items=[*said, *clients],
        )
    elif said or clients:
        yield note(
            "Generalizing removes TLS certificates of the machine with their private keys.",
            items=[*said, *clients],
        )
