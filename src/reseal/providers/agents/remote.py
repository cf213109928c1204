"""Remote access and private networks."""

from reseal.mark import Mark
from reseal.providers.agents.declaration import Agent
from reseal.providers.places import program_folders

_LOCAL_SERVICE = r"{windows}\ServiceProfiles\LocalService\AppData\Roaming"
_SYSTEM = r"{windows}\System32\config\systemprofile\AppData\Local"
_TEAMVIEWER = r"HKLM\SOFTWARE\TeamViewer"
_NINJA = r"HKLM\SOFTWARE\NinjaRMM LLC\NinjaRMMAgent\Agent"

REMOTE = (
    Agent(
        id="anydesk",
        title="Delete the AnyDesk id",
        about=r"""The number under which the machine is reached, and its key.

        Clones share it, so a connection reaches any of them. `service.conf` and `system.conf` hold it, in
        `ProgramData\AnyDesk` and in the profiles. They are deleted, with the password for unattended
        access; `user.conf` stays.""",
        identity="the AnyDesk id",
        renewal="AnyDesk gets a new id at its next start. Set the password for unattended access again.",
        mark=Mark.REPORTED,
        source="https://github.com/rustdesk/rustdesk/issues/838 (deleted before imaging: each machine "
        "gets its own id); https://github.com/immense/Remotely/issues/616 (the same)",
        services=("AnyDesk",),
        files=tuple(
            rf"{folder}\AnyDesk\{name}.conf"
            for folder in ("ProgramData", r"{profile}\AppData\Roaming")
            for name in ("service", "system")
        ),
    ),
    Agent(
        id="rustdesk",
        title="Delete the RustDesk id and key",
        about=r"""The number under which the machine is reached, and its key pair.

        `RustDesk.toml` in the profile of the service holds id, key pair and the permanent password. It is
        deleted; `RustDesk2.toml`, with the server, stays.""",
        identity="the RustDesk id and key",
        renewal="RustDesk derives an id from the machine at its next start; on the same hardware it may be "
        "the same. Set the permanent password again.",
        mark=Mark.REPORTED,
        source="https://github.com/rustdesk/rustdesk-server/issues/22 (place); "
        "https://github.com/abdullah-erturk/RustDesk-ID-Server-Changer/issues/7 (without an id RustDesk "
        "generates one); https://github.com/rustdesk/rustdesk/issues/3148 (the same number comes back on "
        "one machine)",
        services=("RustDesk",),
        files=(rf"{_LOCAL_SERVICE}\RustDesk\config\RustDesk.toml",),
    ),
    Agent(
        id="teamviewer",
        title="Delete the TeamViewer id",
        about=r"""The number under which the machine is reached.

        TeamViewer detects most copies by their hardware, but not all virtual machines. `ClientID`,
        `ClientIC` and `MIDInitiativeGUID` are deleted; assignments to an account have to be made
        again.""",
        identity="the TeamViewer id",
        renewal="TeamViewer gets an id from its servers at its next start.",
        mark=Mark.REPORTED,
        source="https://gist.github.com/05copy-attired/55176372e61c6c6da43c318d006f661a (these three values)",
        services=("TeamViewer",),
        values=((_TEAMVIEWER, ("ClientID", "ClientIC", "MIDInitiativeGUID")),),
    ),
    Agent(
        id="tailscale",
        title="Delete the keys of Tailscale",
        about=r"""The machine key and the node keys.

        Clones fight over one address of the tailnet. `server-state.conf` holds the keys; older versions
        kept it in the profile of the system, and keys of users in their profiles.""",
        identity="the keys of Tailscale",
        renewal="Log in again, or use an auth key; Tailscale generates new keys.",
        mark=Mark.REPORTED,
        source="https://github.com/tailscale/tailscale/issues/9723 and /2856 (Tailscale's developers: "
        "places); https://github.com/tailscale/tailscale/issues/1260 (clones share the keys until these "
        "files are deleted)",
        services=("Tailscale",),
        files=(
            r"ProgramData\Tailscale\server-state.conf",
            rf"{_SYSTEM}\Tailscale\server-state.conf",
            r"{profile}\AppData\Local\Tailscale\server-state.conf",
        ),
    ),
    Agent(
        id="zerotier",
        title="Delete the identity of ZeroTier",
        about=r"""The key pair from which the ten-digit address is derived.

        Clones share one address, and packets reach any of them. `identity.secret` and `identity.public`
        are deleted; the networks that were joined stay.""",
        identity="the identity of ZeroTier",
        renewal="ZeroTier generates an identity at its next start; private networks have to authorize it.",
        mark=Mark.DOCUMENTED,
        source="https://github.com/zerotier/ZeroTierOne/blob/main/doc/zerotier-one.8.md (without "
        "identity.secret the address is lost, and the service generates one)",
        services=("ZeroTierOneService",),
        files=(
            r"ProgramData\ZeroTier\One\identity.secret",
            r"ProgramData\ZeroTier\One\identity.public",
        ),
    ),
    Agent(
        id="meshcentral",
        title="Delete the node id of the MeshCentral agent",
        about=r"""The certificate from which the node id is derived.

        The agent replaces it where all MAC addresses changed since its last start, which some virtual
        machines do not fulfil. `MeshAgent.db` is deleted; `MeshAgent.msh`, with the server, stays.""",
        identity="the node id of the MeshCentral agent",
        renewal="The agent generates a certificate at its next start.",
        mark=Mark.REPORTED,
        source="https://github.com/Ylianst/MeshCentral/issues/608 (its author: remove meshagent.db in a "
        "master image); https://github.com/Ylianst/MeshCentral/issues/144 (the check of MAC addresses)",
        services=("Mesh Agent",),
        files=tuple(program_folders(r"Mesh Agent\MeshAgent.db")),
    ),
    Agent(
        id="ninjaone",
        title="Delete the machine id of the NinjaOne agent",
        about=r"""The id with which the agent registers.

        `MachineId` and `NodeId` are deleted. NinjaOne's own advice is to install the agent in the clone;
        look there first.""",
        identity="the machine id of the NinjaOne agent",
        renewal="The agent derives a machine id from BIOS and MAC addresses when it registers.",
        mark=Mark.REPORTED,
        source="https://www.ninjaone.com/docs/new-to-ninjaone/agent-installation/agent-data-deduplication/ "
        "(what the machine id is: documented); that MachineId is deleted before Sysprep: a published "
        "script",
        services=("NinjaRMMAgent",),
        values=((_NINJA, ("MachineId", "NodeId")),),
    ),
)
