"""Runners of build jobs, and agents that deploy software."""

from reseal.mark import Mark
from reseal.providers.agents.declaration import Agent

_ZENWORKS = r"Program Files (x86)\Novell\ZENworks\conf"
_IVANTI = r"HKLM\SOFTWARE\RES\AutomationManager"
_ALTIRIS = r"HKLM\SOFTWARE\Altiris"
_REGISTRATION = (".runner", ".credentials", ".credentials_rsaparams")

RUNNERS = (
    Agent(
        id="github-runner",
        title="Delete the registration of GitHub Actions runners",
        about=r"""The registration of the runner, with its key.

        GitHub lets one runner with a registration be online. `.runner`, `.credentials` and
        `.credentials_rsaparams` in the runner's folder are deleted, found by its service and in
        `C:\actions-runner`.""",
        identity="the registration of a GitHub Actions runner",
        renewal="Run `config.cmd` with a new token in the clone.",
        mark=Mark.REPORTED,
        source="https://github.com/actions/runner/discussions/1437 (without .runner it can be registered "
        "again with a new token); key files next to it: scripts of several administrators",
        services=("actions.runner.*",),
        files=tuple(
            rf"{folder}\{name}"
            for folder in ("actions-runner", "{service:actions.runner.*}")
            for name in _REGISTRATION
        ),
    ),
    Agent(
        id="azure-pipelines-agent",
        title="Delete the registration of Azure Pipelines agents",
        about=r"""The registration of the agent, with its key.

        `.agent`, `.credentials` and `.credentials_rsaparams` in the agent's folder are deleted, found by
        its service.""",
        identity="the registration of an Azure Pipelines agent",
        renewal="Run `config.cmd` with a new token in the clone.",
        mark=Mark.REPORTED,
        source="https://github.com/microsoft/azure-pipelines-agent (the agent, from which GitHub's runner "
        "derives, keeps its settings in these files)",
        services=("vstsagent.*",),
        files=tuple(rf"{{service:vstsagent.*}}\{name}" for name in (".agent", *_REGISTRATION[1:])),
    ),
    Agent(
        id="gitlab-runner",
        title="Delete the system id of GitLab Runner",
        about=r"""The id that tells runner managers with one token apart.

        `.runner_system_id` beside `config.toml` is deleted, found by the service. The token stays, since
        several managers may share it.""",
        identity="the system id of GitLab Runner",
        renewal="The runner derives an id from MachineGuid at its next start, so clones that share a "
        "MachineGuid share it.",
        mark=Mark.DOCUMENTED,
        source="https://docs.gitlab.com/runner/fleet_scaling/ (the file, and that it is generated); "
        "https://gitlab.com/gitlab-org/gitlab-runner/-/merge_requests/3758 (a removed file is generated; "
        "from what)",
        services=("gitlab-runner",),
        files=(
            r"GitLab-Runner\.runner_system_id",
            r"{service:gitlab-runner}\.runner_system_id",
        ),
    ),
    Agent(
        id="ivanti-automation",
        title="Delete the identity of the Ivanti (RES) Automation agent",
        about=r"""The ids with which the agent registers at its dispatcher.

        `CommunicationID`, the lists of dispatchers and `WUID` are deleted.""",
        identity="the identity of the Ivanti Automation agent",
        renewal="The agent registers again at its next start.",
        mark=Mark.REPORTED,
        source="https://github.com/EUCweb/BIS-F (Framework/SubCall/Preparation/10_PrepBISF_RES.ps1, made "
        "with the vendor's help)",
        services=("RESWAS",),
        values=(
            (rf"{_IVANTI}\Agent", ("CachedDispatchers", "CommunicationID", "DispatcherListKGC")),
            (rf"{_IVANTI}\Preferences", ("WUID",)),
        ),
    ),
    Agent(
        id="zenworks",
        title="Delete the GUID of the ZENworks agent",
        about=r"""The GUID by which the zone knows the device.

        It is in files below `conf` and in the registry. They are deleted. Data that the agent keeps
        outside the file system (ZISD) stay; `ZISWin.exe -w` clears them in Windows.""",
        identity="the GUID of the ZENworks agent",
        renewal="The agent registers again in the clone.",
        mark=Mark.REPORTED,
        source="https://github.com/EUCweb/BIS-F (Framework/SubCall/Preparation/10_PrepBISF_ZCM.ps1)",
        services=("Novell ZENworks Agent Service",),
        files=tuple(
            rf"{_ZENWORKS}\{name}" for name in ("DeviceData", "DeviceGUID", "*.sav", "Guid.txt")
        ),
        values=((r"HKLM\SOFTWARE\Novell\ZCM\PreAgent", ("GUID",)),),
    ),
    Agent(
        id="altiris",
        title="Delete the GUID of the Symantec (Altiris) Management Agent",
        about=r"""The GUID by which the notification server knows the computer.

        It is kept in four keys. All of them are deleted, so that none restores it.""",
        identity="the GUID of the Symantec Management Agent",
        renewal="The agent generates a GUID, or gets one from its server, at its next start.",
        mark=Mark.REPORTED,
        source="https://gist.github.com/MyITGuy/7d9c53d05ad4bd96d7a633425e51ec7d (places)",
        services=("AeXNSClient",),
        values=(
            (rf"{_ALTIRIS}\Altiris Agent", ("MachineGuid",)),
            (rf"{_ALTIRIS}\Client Service", ("NSMachineGuid",)),
            (rf"{_ALTIRIS}\eXpress", ("MachineGuid",)),
            (rf"{_ALTIRIS}\eXpress\NS Client", ("MachineGuid",)),
        ),
    ),
    Agent(
        id="cylance",
        title="Delete the fingerprint of CylancePROTECT",
        about=r"""The fingerprint by which the console knows the device.

        `FP`, `FPMask` and `FPVersion` are deleted. Cylance advises the installer's switch VDI for images,
        which makes this unnecessary; look there first.""",
        identity="the fingerprint of CylancePROTECT",
        renewal="The agent computes a fingerprint at its next start and registers.",
        mark=Mark.REPORTED,
        source="https://github.com/EUCweb/BIS-F "
        "(Framework/SubCall/Preparation/10_PrepBISF_AV-CylanceProtect.ps1)",
        services=("CylanceSvc",),
        values=((r"HKLM\SOFTWARE\Cylance\Desktop", ("FP", "FPMask", "FPVersion")),),
    ),
)
