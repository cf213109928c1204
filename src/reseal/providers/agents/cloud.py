"""Agents of clouds and of container engines."""

from reseal.mark import Mark
from reseal.providers.agents.declaration import Agent

CLOUD = (
    Agent(
        id="cloudbase-init",
        title="Forget which plugins cloudbase-init has run",
        about=r"""What was done for which instance.

        cloudbase-init keeps a key for each instance id it has seen, and runs its plugins again for a new
        one, so this is only needed where clones get no id of their own. The keys go; all plugins run at
        the next boot.""",
        mark=Mark.SEEN,
        source="source of cloudbase-init (the key in osutils/windows.py); what it is for: its "
        "maintainers in cloudbase/cloudbase-init#35 and #60",
        subkeys=(r"HKLM\SOFTWARE\Cloudbase Solutions\Cloudbase-Init",),
    ),
    Agent(
        id="docker",
        title="Delete the Docker engine's id",
        about=r"""The id by which a swarm tells engines apart.

        Docker makes it at its first start, in `engine-id`, and before that in `key.json`; a swarm does
        not see a second engine with the same one. Both files go, and the engine makes a new id. Images,
        containers and membership in a swarm stay.""",
        mark=Mark.DOCUMENTED,
        source="Docker Swarm documentation, Build a Swarm cluster manually: the id of a cloned machine "
        "has to be made anew, by deleting key.json; engine-id: seen in moby's own tests",
        default=True,
        files=(r"ProgramData\docker\engine-id", r"ProgramData\docker\config\key.json"),
    ),
    Agent(
        id="ec2launch",
        title="Reset the state of EC2Launch v2",
        about=r"""Whether the tasks of a first boot were done.

        `.run-once` keeps a new instance from running the tasks that run once, among them its password
        and its disks. It and `state.json` go, as with `ec2launch sysprep`, and the tasks run at the next
        boot.""",
        mark=Mark.DOCUMENTED,
        source="AWS, EC2Launch v2 settings: sysprep resets the agent's state before an image is made; "
        "Reset the Windows administrator password: .run-once is deleted on an offline volume; "
        "state.json: reported",
        default=True,
        files=(
            r"ProgramData\Amazon\EC2Launch\state\.run-once",
            r"ProgramData\Amazon\EC2Launch\state\state.json",
        ),
    ),
    Agent(
        id="azure-agent",
        title="Delete the logs of the Azure VM agent",
        about=r"""What extensions did on the old machine.

        The agent and its extensions write to `C:\WindowsAzure\Logs`, with names and settings of the old
        machine. The logs go, the folder stays.""",
        mark=Mark.DOCUMENTED,
        source="Microsoft, Azure virtual machine extensions: place of the agent's and extensions' logs",
        emptied=(r"WindowsAzure\Logs",),
    ),
)
