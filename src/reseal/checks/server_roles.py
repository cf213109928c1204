"""Server roles, and which of them survive Sysprep."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, note, warning
from reseal.mark import Mark
from reseal.windows import services

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session
    from reseal.windows import Registry

FEATURES = r"HKLM\SOFTWARE\Microsoft\ServerManager\ServicingStorage\ServerComponentCache"
INSTALLED = 1


class Support(StrEnum):
    """What Microsoft's table says about a role in one version."""

    YES = "yes"
    NO = "no"
    NOT_APPLICABLE = "not applicable"


YES, NO, NONE = Support.YES, Support.NO, Support.NOT_APPLICABLE

#: By build: the column of the table, and the name of the version. 2012 R2 uses the column of 2012, whose
#: pages apply to both (inferred); the message says so.
_2008, _2008_R2 = (0, "Windows Server 2008"), (1, "Windows Server 2008 R2")
COLUMNS = {
    **dict.fromkeys((6001, 6002, 6003), _2008),
    **dict.fromkeys((7600, 7601), _2008_R2),
    9200: (2, "Windows Server 2012"),
    9600: (2, "Windows Server 2012 R2 (documented for 2012, assumed for R2)"),
}


@dataclass(frozen=True, slots=True)
class Role:
    """One row of the table.

    Attributes:
        name: Microsoft's name of the role.
        support: in 2008, 2008 R2 and 2012.
        features: its names in Server Manager (2012 and later).
        services: services that only it installs; `*` matches any text.
        condition: what is required where it is supported.
    """

    name: str
    support: tuple[Support, Support, Support]
    features: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    condition: str | None = None


ROLES = (
    Role("Active Directory Certificate Services", (NO, NO, NO), ("AD-Certificate",), ("CertSvc",)),
    Role("Active Directory Domain Services", (NO, NO, NO), ("AD-Domain-Services",), ("NTDS",)),
    Role("Active Directory Federation Services", (NO, NO, NO), ("ADFS-Federation",), ("adfssrv",)),
    Role("Active Directory Lightweight Directory Services", (NO, NO, NO), ("ADLDS",), ("ADAM_*",)),
    Role("Active Directory Rights Management Services", (NO, NO, NO), ("ADRMS",)),
    Role("Application Server", (YES, YES, YES), ("Application-Server",)),
    Role("DHCP Server", (YES, NO, NO), ("DHCP",), ("DHCPServer",)),
    Role("DNS Server", (NONE, NONE, NONE), ("DNS",), ("DNS",)),
    Role("Fax Server", (NO, NO, NO), ("Fax",), ("Fax",)),
    Role("File and Storage Services", (NO, YES, YES), ("FileAndStorage-Services",)),
    Role(
        "Hyper-V",
        (NONE, YES, YES),
        ("Hyper-V",),
        ("vmms",),
        "Delete its virtual networks before you seal the image.",
    ),
    Role("Network Policy and Access Services", (NO, NO, NO), ("NPAS",), ("IAS",)),
    Role("Routing and Remote Access", (YES, NONE, NONE), ("RemoteAccess",)),
    Role("Print and Document Services", (NO, YES, YES), ("Print-Services",)),
    Role(
        "Remote Desktop Services",
        (YES, YES, YES),
        ("Remote-Desktop-Services",),
        ("TermServLicensing", "Tssdis"),
    ),
    Role("Streaming Media Services", (NONE, NONE, NONE), (), ("WMServer",)),
    Role("UDDI Services", (NO, NONE, NONE)),
    Role("Volume Activation Services", (NONE, NONE, NONE), ("VolumeActivation",)),
    Role(
        "Web Server (IIS)",
        (YES, YES, YES),
        ("Web-Server",),
        ("W3SVC",),
        "It must hold no encrypted credentials in applicationHost.config (see the check iis).",
    ),
    Role(
        "Windows Deployment Services",
        (NO, NO, YES),
        ("WDS",),
        ("WDSServer",),
        "It must not be initialized: run `wdsutil /uninitialize-server` before you seal the image.",
    ),
    Role("Windows Server Update Services", (NO, NO, NO), ("UpdateServices",), ("WsusService",)),
)


@check(
    "server-roles",
    "No installed server role is unsupported by Sysprep.",
    mark=Mark.DOCUMENTED,
    source="Microsoft, Sysprep Support for Server Roles (2008 to 2012); InstallState: documented for one "
    "role (Remote Desktop troubleshooting), 1 is reported; which services belong to a role: inferred",
)
def server_roles(session: Session) -> Iterable[Finding]:
    """Sysprep runs with any role, but some don't work afterwards ("may not function", documented).

    Microsoft's table ends at 2012. Nothing is documented for later versions, so a role is never reported
    as supported there. Roles are recognised by the records of Server Manager and by services that only
    they install.
    """
    if not session.installation.is_server:
        return
    found = [role for role in ROLES if _has(session.registry, role)]
    column, version = COLUMNS.get(
        session.installation.build or 0, (None, "this version of Windows Server")
    )
    undocumented = []
    for role in found:
        support = None if column is None else role.support[column]
        if support is NO:
            yield warning(
                f"{role.name} is installed. Sysprep does not support it in {version}: it may not "
                "work in a clone.",
                "Remove the role before you seal the image and add it to the clones.",
            )
        elif support is YES and role.condition:
            yield note(f"{role.name} is installed. {role.condition}")
        elif support in {None, NONE}:
            undocumented.append(role.name)
    if undocumented:
        yield note(
            f"Whether these roles work after Sysprep is not documented for {version}: "
            f"{', '.join(undocumented)}.",
            "Add them to the clones instead, or test a clone first.",
            items=undocumented,
        )


def _has(registry: Registry, role: Role) -> bool:
    for feature in role.features:
        if registry.number(rf"{FEATURES}\{feature}", "InstallState") == INSTALLED:
            return True
    return any(any(services.named(registry, pattern)) for pattern in role.services)
