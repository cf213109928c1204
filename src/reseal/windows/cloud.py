r"""Membership in a cloud directory, and enrollment in device management.

| what | where | mark, source |
|---|---|---|
| Microsoft Entra join | `Control\CloudDomainJoin\JoinInfo\<thumbprint>` `TenantId`, `UserEmail`; `TenantInfo\<tenant>` `DisplayName` | reported by many administrators and tools |
| workplace join | `HKU\<SID>\Software\Microsoft\Windows NT\CurrentVersion\WorkplaceJoin\JoinInfo\<thumbprint>`, the same values | reported |
| device management | `SOFTWARE\Microsoft\Enrollments\{GUID}` `ProviderID`, `UPN`, `AADTenantID`, `DMPCertThumbPrint` | reported |
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reseal.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.windows.registry import Registry

CLOUD_DOMAIN = r"HKLM\SYSTEM\CurrentControlSet\Control\CloudDomainJoin"
JOINS, TENANTS = rf"{CLOUD_DOMAIN}\JoinInfo", rf"{CLOUD_DOMAIN}\TenantInfo"
#: Below the hive of a user.
WORKPLACE = r"Software\Microsoft\Windows NT\CurrentVersion\WorkplaceJoin"
ENROLLMENTS = r"HKLM\SOFTWARE\Microsoft\Enrollments"
#: Certificates that the join makes name one of these as their issuer.
ISSUERS = (b"MS-Organization-Access", b"MS-Organization-P2P-Access")
GUID = re.compile(r"\{?[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}?")


@dataclass(frozen=True, slots=True)
class Join:
    """A join of the machine, or of a user's account on it.

    Attributes:
        key: the registry key.
        thumbprint: that of the device certificate.
        tenant: name and id of the tenant, as far as known.
        user: who joined it, or None.
        account: the SID of the account whose workplace join it is; None for a join of the machine.
    """

    key: str
    thumbprint: str
    tenant: str
    user: str | None
    account: str | None = None


@dataclass(frozen=True, slots=True)
class Enrollment:
    """An enrollment in device management.

    Attributes:
        name: the name of the key, a GUID.
        provider: the management service, such as `MS DM Server` (Intune).
        user: who enrolled it, or None.
        tenant: the id of the tenant, or None.
        thumbprint: that of the certificate of management, or None.
    """

    name: str
    provider: str
    user: str | None
    tenant: str | None
    thumbprint: str | None


def joins(registry: Registry) -> list[Join]:
    """Return the joins of the machine and of its users."""
    found = list(_joins(registry, JOINS, TENANTS, None))
    for sid in registry.profiles:
        folder = rf"HKU\{sid}\{WORKPLACE}"
        try:
            found += _joins(registry, rf"{folder}\JoinInfo", rf"{folder}\TenantInfo", sid)
        except ImageError:
            continue  # the check of the hives names a profile that can't be read
    return found


def _joins(registry: Registry, folder: str, tenants: str, account: str | None) -> Iterator[Join]:
    for key in registry.subkeys(folder):
        path = rf"{folder}\{key.name}"
        tenant = registry.text(path, "TenantId") or "unknown"
        name = registry.text(rf"{tenants}\{tenant}", "DisplayName")
        shown = f"{name} ({tenant})" if name else tenant
        yield Join(path, key.name.upper(), shown, registry.text(path, "UserEmail"), account)


def enrollments(registry: Registry) -> list[Enrollment]:
    """Return the enrollments in device management."""
    found = []
    for key in registry.subkeys(ENROLLMENTS):
        path = rf"{ENROLLMENTS}\{key.name}"
        provider = registry.text(path, "ProviderID")
        user = registry.text(path, "UPN")
        # Windows itself keeps keys without a provider and a user there.
        if GUID.fullmatch(key.name) and (provider or user):
            found.append(
                Enrollment(
                    key.name,
                    provider or "unknown service",
                    user,
                    registry.text(path, "AADTenantID"),
                    registry.text(path, "DMPCertThumbPrint"),
                )
            )
    return found
