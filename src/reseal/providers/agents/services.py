"""Services of Windows that Sysprep leaves alone."""

from reseal.mark import Mark
from reseal.providers.agents.declaration import Agent

_MSMQ = r"HKLM\SOFTWARE\Microsoft\MSMQ\Parameters"

SERVICES = (
    Agent(
        id="openssh",
        title="Delete the host keys of the OpenSSH server",
        about=r"""The keys by which SSH clients recognise the machine.

        Every clone that keeps them can pose as every other one. `ssh_host_*` in `ProgramData\ssh` are
        deleted, private and public, and sshd makes new ones at its next start. Its configuration and
        the keys of users stay.""",
        mark=Mark.DOCUMENTED,
        source="Microsoft, OpenSSH Server Configuration for Windows, HostKey: keys that are not "
        "present are generated at the start of the service",
        files=(r"ProgramData\ssh\ssh_host_*_key", r"ProgramData\ssh\ssh_host_*_key.pub"),
    ),
    Agent(
        id="msmq",
        title="Have Message Queuing make a new id for its queue manager",
        about=r"""The id under which other queue managers know this one.

        Between machines that share `QMId` messages get lost. The value is deleted, and `SysPrep` is set
        to 1 beside it, upon which the service makes a new id at its next start.""",
        mark=Mark.REPORTED,
        source="Microsoft's MSMQ support blog, MSMQ prefers to be unique, on images with Message "
        "Queuing: these two steps, as several published scripts quote and carry them out",
        default=True,
        values=((rf"{_MSMQ}\MachineCache", ("QMId",)),),
        numbers=((_MSMQ, "SysPrep", 1),),
    ),
)
