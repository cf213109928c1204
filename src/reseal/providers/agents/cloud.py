"""Agents of clouds and of container engines."""

from reseal.mark import Mark
from reseal.providers.agents.declaration import Agent

CLOUD = (
    Agent(
        id="cloudbase-init",
        title="Reset the record of plugins that cloudbase-init has run",
        about=r"""The plugins that ran for each instance.

        cloudbase-init keeps a key for each instance id it has seen, and runs its plugins again for a new
        one. This provider is only needed if clones get no instance id of their own. It deletes the keys,
        and all plugins run at the next boot.""",
        mark=Mark.SEEN,
        source="source of cloudbase-init (the key in osutils/windows.py); what it is for: its "
        "maintainers in cloudbase/cloudbase-init#35 and #60",
        services=("cloudbase-init",),
        subkeys=(r"HKLM\SOFTWARE\Cloudbase Solutions\Cloudbase-Init",),
    ),
    Agent(
        id="docker",
        title="Delete the Docker engine's id",
        about=r"""The id that distinguishes engines in a swarm.

        Docker generates it at its first start, in `engine-id`, older versions in `key.json`; a swarm
        ignores a second engine with the same id. Both files are deleted, and the engine generates a new
        id. Images, containers and membership in a swarm stay.""",
        identity="the id of the Docker engine",
        renewal="The engine generates a new id at its next start.",
        mark=Mark.DOCUMENTED,
        source="Docker Swarm documentation, Build a Swarm cluster manually: delete key.json, so that a "
        "cloned machine generates its own id; engine-id: seen in moby's own tests",
        default=True,
        services=("docker",),
        files=(r"ProgramData\docker\engine-id", r"ProgramData\docker\config\key.json"),
    ),
    Agent(
        id="ec2launch",
        title="Reset the state of EC2Launch v2",
        about=r"""The record that the tasks of the first boot have run.

        `.run-once` keeps an instance from repeating the tasks that run once, such as setting its password
        and its disks. `.run-once` and `state.json` are deleted, as `ec2launch sysprep` does, and the tasks
        run at the next boot.""",
        mark=Mark.DOCUMENTED,
        source="AWS, EC2Launch v2 settings: sysprep resets the agent's state before an image is made; "
        "Reset the Windows administrator password: .run-once is deleted on an offline volume; "
        "state.json: reported",
        default=True,
        services=("Amazon EC2Launch",),
        files=(
            r"ProgramData\Amazon\EC2Launch\state\.run-once",
            r"ProgramData\Amazon\EC2Launch\state\state.json",
        ),
    ),
    Agent(
        id="azure-agent",
        title="Delete the logs of the Azure VM agent",
        about=r"""Actions of extensions on the old machine.

        The agent and its extensions write to `C:\WindowsAzure\Logs`, with names and settings of the old
        machine. The logs are deleted; the folder stays.""",
        mark=Mark.DOCUMENTED,
        source="Microsoft, Azure virtual machine extensions: place of the agent's and extensions' logs",
        services=("WindowsAzureGuestAgent",),
        emptied=(r"WindowsAzure\Logs",),
    ),
)
