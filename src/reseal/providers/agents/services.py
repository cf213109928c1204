"""Services of Windows that Sysprep leaves alone."""

from reseal.mark import Mark
from reseal.providers.agents.declaration import Agent

_MSMQ = r"HKLM\SOFTWARE\Microsoft\MSMQ\Parameters"

SERVICES = (
    Agent(
        id="openssh",
        title="Delete the host keys of the OpenSSH server",
        about=r"""The keys that identify the machine to SSH clients.

        Every clone that keeps them can impersonate the others. `ssh_host_*` in `ProgramData\ssh`, private
        and public, are deleted, and sshd generates new ones at its next start. Its configuration and the
        keys of users stay.""",
        mark=Mark.DOCUMENTED,
        source="Microsoft, OpenSSH Server Configuration for Windows, HostKey: keys that are not "
        "present are generated at the start of the service",
        files=(r"ProgramData\ssh\ssh_host_*_key", r"ProgramData\ssh\ssh_host_*_key.pub"),
    ),
    Agent(
        id="msmq",
        title="Make Message Queuing generate a new id for its queue manager",
        about=r"""The id that identifies this queue manager to others.

        Messages between machines that share `QMId` are lost. The value is deleted and `SysPrep` is set to
        1, so that the service generates a new id at its next start.""",
        mark=Mark.REPORTED,
        source="Microsoft's MSMQ support blog, MSMQ prefers to be unique, on images with Message "
        "Queuing: these two steps; several published scripts carry them out",
        default=True,
        values=((rf"{_MSMQ}\MachineCache", ("QMId",)),),
        numbers=((_MSMQ, "SysPrep", 1),),
    ),
)
