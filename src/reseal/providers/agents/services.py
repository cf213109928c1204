"""Services of Windows that Sysprep leaves alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.agents.declaration import Agent
from reseal.providers.places import configuration
from reseal.windows import services

if TYPE_CHECKING:
    from reseal.session import Session

SSHD_CONFIG = r"ProgramData\ssh\sshd_config"
#: Where Windows and Microsoft's installers put the server (documented, and seen in its installer).
_MICROSOFT_SSHD = re.compile(
    r"(.+\\System32\\OpenSSH|Program Files\\OpenSSH(-Win64)?)\\sshd\.exe", re.IGNORECASE
)
#: Settings that name host keys of the person's own or certificates of them, or files that may.
_OWN_KEY = re.compile(
    rb"^(?:\xef\xbb\xbf)?[ \t]*(HostKey|HostCertificate|Include)\b", re.IGNORECASE | re.MULTILINE
)
#: Arguments of the service that name another configuration, key or certificate (sshd(8)).
_ARGUMENTS = re.compile(r"sshd\.exe\"?\s(?:.*\s)?-[fhco]", re.IGNORECASE)

_MSMQ = r"HKLM\SOFTWARE\Microsoft\MSMQ\Parameters"


def _own_host_keys(session: Session) -> str | None:
    """Return why the host keys stay: no service would generate new ones, or an authority issued these."""
    program = services.program(session.registry, "sshd")
    if program is None or not _MICROSOFT_SSHD.fullmatch(program):
        return (
            "SSH host keys stay: the service sshd is not Microsoft's, the only one that is known to "
            "generate new ones."
        )
    if _ARGUMENTS.search(session.registry.text(rf"{services.SERVICES}\sshd", "ImagePath") or ""):
        return "SSH host keys stay: the arguments of the service sshd may name others."
    found = _OWN_KEY.search(configuration(session, SSHD_CONFIG) or b"")
    if found:
        return f"SSH host keys stay: {SSHD_CONFIG} has the setting {found[1].decode()}."
    return None


SERVICES = (
    Agent(
        id="openssh",
        title="Delete the host keys of the OpenSSH server",
        about=r"""The keys that identify the machine to SSH clients.

        Every clone that keeps them can impersonate the others. `ssh_host_*` in `ProgramData\ssh`, private
        and public, are deleted by default if the service sshd is Microsoft's and `sshd_config` names no
        `HostKey`, `HostCertificate` or `Include`; otherwise they stay, and a note says why. The
        configuration and the keys of users stay. virt-sysprep removes host keys by default, too.""",
        identity="the host keys of the OpenSSH server",
        renewal="sshd generates new keys at its next start.",
        mark=Mark.DOCUMENTED,
        source="Microsoft, OpenSSH Server Configuration for Windows, HostKey: keys that are not "
        "present are generated at the start of the service",
        default=True,
        services=("sshd",),
        said="The SSH host keys were deleted, and sshd generates new ones. Clients that know the old ones "
        "will warn.",
        kept=_own_host_keys,
        files=(r"ProgramData\ssh\ssh_host_*_key", r"ProgramData\ssh\ssh_host_*_key.pub"),
    ),
    Agent(
        id="msmq",
        title="Make Message Queuing generate a new id for its queue manager",
        about=r"""The id that identifies this queue manager to others.

        Messages between machines that share `QMId` are lost. The value is deleted and `SysPrep` is set to
        1, so that the service generates a new id at its next start.""",
        identity="the id of the Message Queuing manager",
        renewal="The service generates a new id at its next start.",
        mark=Mark.REPORTED,
        source="Microsoft's MSMQ support blog, MSMQ prefers to be unique, on images with Message "
        "Queuing: these two steps; several published scripts carry them out",
        default=True,
        services=("MSMQ",),
        values=((rf"{_MSMQ}\MachineCache", ("QMId",)),),
        numbers=((_MSMQ, "SysPrep", 1),),
    ),
)
