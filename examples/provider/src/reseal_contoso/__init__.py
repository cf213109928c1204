"""What the Contoso agent keeps of a machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.providers import provider
from reseal.session import Mark

if TYPE_CHECKING:
    from reseal.session import Session

AGENT = r"HKLM\SOFTWARE\Contoso\Agent"


@provider(
    "contoso-agent",
    "Have the Contoso agent register anew",
    mark=Mark.DOCUMENTED,
    source="Contoso, Agent Deployment Guide, Preparing a golden image",
    beyond=True,
)
def contoso_agent(session: Session) -> None:
    r"""The id under which the Contoso server knows this machine.

    The agent keeps it in `MachineId` and its certificate in `ProgramData\Contoso\agent.pfx`. Clones
    that share both are one machine to the server. Where both are missing the agent registers anew.
    """
    session.delete_value(AGENT, "MachineId")
    session.delete_file(r"ProgramData\Contoso\agent.pfx")
