"""TLS certificates of the machine's listeners."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, note, warning
from reseal.mark import Mark
from reseal.providers.machine_certificates import machine_certificates as provider
from reseal.windows import certificates, cloud

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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
    empties. Other certificates with a private key are named in a note: which program uses them is not known.
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
            items=said,
        )
        said = []
    if said or clients:
        yield note(
            "Generalizing removes TLS certificates of the machine with their private keys.",
            items=[*said, *clients],
        )
    others = list(_others(session, {one.thumbprint for one in found}))
    if others:
        yield note(
            "The machine has other certificates with a private key, which every copy would share.",
            "Delete them in Windows (certlm.msc) unless the copies need them, and enroll each copy.",
            items=others,
        )


def _others(session: Session, known: set[str]) -> Iterator[str]:
    """Yield the certificates of the machine that no listener uses and no join or enrollment made."""
    registry = session.registry
    known |= {one.thumbprint for one in cloud.joins(registry)}
    known |= {(one.thumbprint or "").upper() for one in cloud.enrollments(registry)}
    folder = certificates.certificate_key(certificates.MY, "").rstrip("\\")
    for key in registry.subkeys(folder):
        data = certificates.blob(registry, certificates.MY, key.name)
        made = any(issuer in data for issuer in cloud.ISSUERS)
        if key.name.upper() not in known and not made and certificates.containers(data):
            yield key.name.upper()
