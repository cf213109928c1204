"""Agents whose identity only their vendor knows how to reset."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, warning
from reseal.mark import Mark
from reseal.windows import services

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session

#: Product -> names of its services (seen in lists of services that people publish). No public source says
#: where its identity lies and that it may be removed offline, or its vendor has a procedure of its own.
VENDORS: dict[str, tuple[str, ...]] = {
    "Acronis Cyber Protect": ("MMS", "AcronisAgent", "AcronisCyberProtectionService"),
    "Action1": ("A1Agent",),
    "Atera": ("AteraAgent",),
    "AWS Systems Manager": ("AmazonSSMAgent",),
    "Azure Arc": ("himds",),
    "Bitdefender GravityZone": ("EPSecurityService", "EPIntegrationService"),
    "Carbon Black": ("CbDefense", "CarbonBlack", "CarbonBlackK"),
    "Checkmk": ("CheckMkService",),
    "ConnectWise Automate": ("LTService",),
    "ConnectWise ScreenConnect": ("ScreenConnect Client*",),
    "Cortex XDR": ("cyserver", "CortexXDR"),
    "Datto RMM": ("CagService",),
    "Dynatrace OneAgent": ("Dynatrace OneAgent",),
    "ESET": ("EraAgentSvc", "ekrn"),
    "FireEye (Trellix) Endpoint Security": ("xagt",),
    "FortiClient": ("FA_Scheduler",),
    "Ivanti Endpoint Manager": ("CBA8",),
    "JumpCloud": ("jumpcloud-agent",),
    "Kaspersky": ("klnagent", "AVP*"),
    "Lansweeper": ("LansweeperAgentService", "LsAgent"),
    "LogMeIn": ("LogMeIn",),
    "Malwarebytes": ("MBEndpointAgent",),
    "ManageEngine Endpoint Central": ("ManageEngine UEMS - Agent", "DesktopCentral Agent*"),
    "Microsoft Monitoring Agent (Operations Manager)": ("HealthService",),
    "N-able": ("Windows Agent Service", "Advanced Monitoring Agent"),
    "NetBird": ("NetBird",),
    "Netskope": ("stAgentSvc",),
    "New Relic": ("newrelic-infra",),
    "Octopus Deploy Tentacle": ("OctopusDeploy Tentacle*",),
    "PDQ Connect": ("PDQConnectAgent",),
    "Qualys Cloud Agent": ("QualysAgent",),
    "Rapid7 Insight Agent": ("ir_agent",),
    "SentinelOne": ("SentinelAgent",),
    "Snow Inventory": ("SnowInventoryAgent*",),
    "Sophos": ("Sophos MCS Client", "Sophos MCS Agent", "Sophos Endpoint Defense Service"),
    "Splashtop": ("SplashtopRemoteService",),
    "Tactical RMM": ("tacticalrmm",),
    "Trend Micro": ("ntrtscan", "ds_agent", "Trend Micro Endpoint Basecamp"),
    "UrBackup": ("UrBackupClientBackend",),
    "Veeam Agent": ("VeeamEndpointBackupSvc",),
    "Webroot": ("WRSVC",),
    "Workspace ONE": ("AirwatchService",),
}


@check(
    "unknown-agents",
    "No agent is installed whose identity only its vendor knows how to reset.",
    mark=Mark.REPORTED,
    source="names of services: lists of services that administrators publish; that their clones share an "
    "identity: reports of administrators on each product",
)
def unknown_agents(session: Session) -> Iterable[Finding]:
    """Products that are known to confuse clones, and for which reseal has no provider.

    They are recognised by the names of their services. Each vendor says how to prepare an image, often by
    an option of the installer.
    """
    registry = session.registry
    found = [
        product
        for product, names in VENDORS.items()
        if any(name for one in names for name in services.named(registry, one))
    ]
    if found:
        shown = ", ".join(found)
        yield warning(
            f"{shown}: what identifies {'this agent' if len(found) == 1 else 'these agents'} is not known "
            "to reseal and stays in every copy.",
            "Follow the vendor's advice for images or templates, or install it in the copies.",
            items=found,
        )
