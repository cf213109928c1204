"""Agents of security products."""

from reseal.mark import Mark
from reseal.providers.agents.declaration import Agent

_FALCON = (
    r"HKLM\SYSTEM\CrowdStrike\{9b03c1d9-3138-44ed-9fae-d9f4c034b88d}"
    r"\{16e0423f-7058-48c9-a204-725362b67639}\Default"
)
_SYMANTEC = (
    "",
    "{windows}\\Temp\\",
    "ProgramData\\Symantec\\Symantec Endpoint Protection\\PersistedData\\",
    "Program Files\\Common Files\\Symantec Shared\\HWID\\",
)

SECURITY = (
    Agent(
        id="crowdstrike",
        title="Delete the CrowdStrike Falcon sensor's agent id",
        about="""The id that identifies the sensor to the console.

        `AG` holds it, in one of two places, depending on the version. It is deleted, and the sensor gets a
        new id. `CU`, the customer's id, stays, since the sensor needs it. CrowdStrike now asks for
        templates to be installed with NO_START=1 or VDI=1; this provider is for other images.""",
        identity="the agent id of the CrowdStrike Falcon sensor",
        renewal="The sensor gets a new id from its cloud.",
        mark=Mark.REPORTED,
        source="meaning and places of AG and CU: seen in CrowdStrike's own falcon-scripts; that it is "
        "deleted in templates: reported; that CrowdStrike no longer advises it: EUCweb/BIS-F#404",
        services=("CSFalconService",),
        values=(
            (_FALCON, ("AG",)),
            (r"HKLM\SYSTEM\CurrentControlSet\Services\CSAgent\Sim", ("AG",)),
        ),
    ),
    Agent(
        id="trellix",
        title="Delete the Trellix (McAfee) agent's GUID",
        about="""The GUID that identifies the agent to ePolicy Orchestrator.

        Systems that share it overwrite each other's entry. `AgentGUID` is deleted, and the agent
        generates a new one at its next start.""",
        identity="the GUID of the Trellix (McAfee) agent",
        renewal="The agent generates a new GUID at its next start.",
        mark=Mark.DOCUMENTED,
        source="McAfee, deploying a client in a VDI environment: AgentGUID is deleted in the master "
        "image (quoted in EUCweb/BIS-F#83)",
        default=True,
        services=("masvc",),
        values=((r"HKLM\SOFTWARE\Network Associates\ePolicy Orchestrator\Agent", ("AgentGUID",)),),
    ),
    Agent(
        id="symantec",
        title="Delete the hardware id of Symantec Endpoint Protection",
        about="""The hardware key that identifies the client to the management server.

        It is kept in the registry and in files from which the client restores it. All copies are
        deleted, and the client generates a new key.""",
        identity="the hardware id of Symantec Endpoint Protection",
        renewal="The client generates a new key at its next start.",
        mark=Mark.REPORTED,
        source="BIS-F (Base Image Script Framework), preparation of the client after Symantec HOWTO54706",
        services=("SepMasterService",),
        files=tuple(
            f"{folder}{name}"
            for folder in _SYMANTEC
            for name in ("sephwid.xml", "communicator.dat")
        ),
        values=(
            (
                r"HKLM\SOFTWARE\Symantec\Symantec Endpoint Protection\SMC\SYLINK\SyLink",
                ("HardwareID", "ForceHardwareKey", "HostGUID", "HostName"),
            ),
        ),
    ),
    Agent(
        id="nessus",
        title="Delete the Tenable Nessus agent's id",
        about="""The UUID that identifies the agent to the manager.

        A manager refuses to link a second agent with the same UUID. `TAG` is deleted; link the agent
        again in the clone.""",
        identity="the UUID of the Tenable Nessus agent",
        renewal="Link the agent to its manager in the clone.",
        mark=Mark.REPORTED,
        source="scripts of several administrators that prepare clones; the product's own command is "
        "nessuscli prepare-image",
        services=("Tenable Nessus Agent",),
        values=((r"HKLM\SOFTWARE\Tenable", ("TAG",)),),
    ),
)
